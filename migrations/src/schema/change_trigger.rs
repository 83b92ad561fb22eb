//! The trigger that maintains `updated_at` and `version`, and its function, taken from the migration that creates both.

const FILE: &str = include_str!("../../0003_task_changes.up.sql");

pub(crate) const FUNCTION_NAME: &str = "tasks_note_change";

/// Triggers fire in the order of their names, and this one has to see what the others did.
pub(crate) const TRIGGER_NAME: &str = "zz_tasks_note_change";

/// `before update … for each row` as the bits of `pg_trigger.tgtype`: row, before, update.
pub(crate) const TRIGGER_TYPE: i16 = 1 | 2 | 16;

/// The settings of the function as `pg_proc.proconfig` shows them.
pub(crate) const FUNCTION_SETTINGS: [&str; 2] = ["search_path=\"\"", "TimeZone=UTC"];

/// The body of the function: what is between its dollar quotes.
pub(crate) fn function_body() -> &'static str {
    FILE.split("$$").nth(1).unwrap_or_default()
}

/// The SQL that creates the function or replaces the one that exists.
pub(crate) fn create_function() -> String {
    let (_, from_function) = FILE.split_once("create function").unwrap_or_default();
    let (function, _) = from_function.split_once("create trigger").unwrap_or_default();
    format!("create or replace function{}\nalter function {FUNCTION_NAME}() set timezone = 'UTC';", function.trim_end())
}

/// The SQL that creates the trigger.
pub(crate) fn create_trigger() -> String {
    let (_, trigger) = FILE.split_once("create trigger tasks_note_change").unwrap_or_default();
    format!("create trigger {TRIGGER_NAME}{}", trigger.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_and_trigger_come_from_the_migration() {
        assert!(function_body().contains("new.version := old.version + 1"));
        assert!(create_function().contains("$$;\nalter function"));
        assert!(create_trigger().starts_with("create trigger zz_tasks_note_change\nbefore update on tasks"));
    }
}
