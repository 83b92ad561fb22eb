//! The trigger that maintains `updated_at` and `version`, and its function, taken from the migrations that create them.

const FILE_OF_FUNCTION: &str = include_str!("../../0019_task_changes_feed.up.sql");
const FILE_OF_TRIGGER: &str = include_str!("../../0013_tasks_api_schema.up.sql");
const FILE_OF_EARLIER_RELEASES: &str = include_str!("../../0003_task_changes.up.sql");

const BEGIN_OF_FUNCTION: &str = "create or replace function";

pub(crate) const FUNCTION_NAME: &str = "tasks_note_change";

/// The schema of the function.
pub(crate) const FUNCTION_SCHEMA: &str = "tasks_api";

/// Triggers fire in the order of their names, and this one has to see what the others did.
pub(crate) const TRIGGER_NAME: &str = "zz_tasks_note_change";

/// `before update … for each row` as the bits of `pg_trigger.tgtype`: row, before, update.
pub(crate) const TRIGGER_TYPE: i16 = 1 | 2 | 16;

/// The body of the function: what is between its dollar quotes.
pub(crate) fn function_body() -> &'static str {
    let start = FILE_OF_FUNCTION.find(BEGIN_OF_FUNCTION).unwrap_or_default();
    FILE_OF_FUNCTION[start..].split("$$").nth(1).unwrap_or_default()
}

/// The SQL that creates the function or replaces the one that exists.
pub(crate) fn create_function() -> String {
    statement(FILE_OF_FUNCTION, BEGIN_OF_FUNCTION, "$$;")
}

/// The SQL that creates the trigger.
pub(crate) fn create_trigger() -> String {
    statement(FILE_OF_TRIGGER, "create trigger", ";")
}

/// The SQL with which earlier releases created the function, in the schema of `tasks`, and the trigger.
pub(crate) fn create_earlier_release() -> String {
    let function = statement(FILE_OF_EARLIER_RELEASES, "create function", "$$;");
    let trigger = statement(FILE_OF_EARLIER_RELEASES, "create trigger", "tasks_note_change();");
    let trigger = trigger.replacen(FUNCTION_NAME, TRIGGER_NAME, 1);
    format!("{function}\nalter function {FUNCTION_NAME}() set timezone = 'UTC';\n{trigger}")
}

/// The statement of a file that begins and ends with these words.
fn statement(file: &str, begin: &str, end: &str) -> String {
    let start = file.find(begin).unwrap_or_default();
    let text = &file[start..];
    let length = text.find(end).map_or(text.len(), |position| position + end.len());
    text[..length].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_and_trigger_come_from_the_migrations() {
        assert!(function_body().contains("new.version := old.version operator(pg_catalog.+) 1"));
        assert!(create_function().starts_with("create or replace function tasks_api.tasks_note_change()"));
        assert!(create_function().ends_with("end\n$$;"));
        assert_eq!(
            create_trigger(),
            "create trigger zz_tasks_note_change\nbefore update on tasks\nfor each row\n\
             execute function tasks_api.tasks_note_change();"
        );
    }

    #[test]
    fn earlier_releases_have_their_own_function_and_trigger() {
        let sql = create_earlier_release();
        assert!(sql.starts_with("create function tasks_note_change()"), "{sql}");
        assert!(sql.contains("create trigger zz_tasks_note_change\nbefore update on tasks"), "{sql}");
        assert!(sql.ends_with("execute function tasks_note_change();"), "{sql}");
    }
}
