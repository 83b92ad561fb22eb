//! The triggers of `tasks` and their functions: what they have to be, taken from the migrations that create them, and what
//! the catalog has.

use sqlx::{FromRow, PgConnection};

const FILE_OF_CHANGES: &str = include_str!("../../0019_task_changes_feed.up.sql");
const FILE_OF_RECURRENCE: &str = include_str!("../../0025_recurring_tasks.up.sql");
const FILE_OF_EXTRA_MEMBERS: &str = include_str!("../../0027_extra_members.up.sql");
const FILE_OF_UPDATE_TRIGGER: &str = include_str!("../../0013_tasks_api_schema.up.sql");
const FILE_OF_EARLIER_RELEASES: &str = include_str!("../../0003_task_changes.up.sql");

/// The schema of the functions.
pub(crate) const FUNCTION_SCHEMA: &str = "tasks_api";

/// The function that earlier releases had in the schema of `tasks`.
const FUNCTION_OF_EARLIER_RELEASES: &str = "tasks_note_change";

/// A trigger of `tasks`.
pub(crate) struct ExpectedTrigger {
    /// Triggers fire in the order of their names, and these have to see what the others did.
    pub(crate) name: &'static str,
    /// In [`FUNCTION_SCHEMA`].
    pub(crate) function: &'static str,
    /// What it does, as the rest of a sentence: `keeps updated_at and version`.
    pub(crate) purpose: &'static str,
    /// When it fires, as the rest of a sentence: `before each updated row`.
    pub(crate) event: &'static str,
    /// The same as the bits of `pg_trigger.tgtype`.
    type_bits: i16,
    /// For which rows it fires, as PostgreSQL prints it. `None` for all of them.
    pub(crate) condition: Option<&'static str>,
    /// The name of the transition table with the deleted rows.
    old_table: Option<&'static str>,
    /// Whether the function is `security definer`: it writes tables on which the writers of `tasks` have no privilege.
    runs_as_owner: bool,
    /// Whether changes are recorded by it, so that what was written without it is not.
    pub(crate) records_changes: bool,
    function_file: &'static str,
    trigger_file: &'static str,
}

/// The bits of `pg_trigger.tgtype`.
const ROW: i16 = 1;
const BEFORE: i16 = 2;
const INSERT: i16 = 4;
const DELETE: i16 = 8;
const UPDATE: i16 = 16;
const TRUNCATE: i16 = 32;

pub(crate) static TRIGGERS: [ExpectedTrigger; 8] = [
    ExpectedTrigger {
        name: "zz_tasks_note_change",
        function: FUNCTION_OF_EARLIER_RELEASES,
        purpose: "keeps updated_at and version",
        event: "before each updated row",
        type_bits: ROW | BEFORE | UPDATE,
        condition: None,
        old_table: None,
        runs_as_owner: true,
        records_changes: true,
        function_file: FILE_OF_CHANGES,
        trigger_file: FILE_OF_UPDATE_TRIGGER,
    },
    ExpectedTrigger {
        name: "zz_tasks_note_insert",
        function: "tasks_note_insert",
        purpose: "notes new tasks",
        event: "before each inserted row",
        type_bits: ROW | BEFORE | INSERT,
        condition: None,
        old_table: None,
        runs_as_owner: false,
        records_changes: true,
        function_file: FILE_OF_CHANGES,
        trigger_file: FILE_OF_CHANGES,
    },
    ExpectedTrigger {
        name: "zz_tasks_note_delete",
        function: "tasks_note_delete",
        purpose: "notes deleted tasks",
        event: "after each delete, with the deleted rows",
        type_bits: DELETE,
        condition: None,
        old_table: Some("deleted"),
        runs_as_owner: true,
        records_changes: true,
        function_file: FILE_OF_CHANGES,
        trigger_file: FILE_OF_CHANGES,
    },
    ExpectedTrigger {
        name: "zz_tasks_note_truncate",
        function: "tasks_note_truncate",
        purpose: "notes that the table was truncated",
        event: "after each truncate",
        type_bits: TRUNCATE,
        condition: None,
        old_table: None,
        runs_as_owner: true,
        records_changes: true,
        function_file: FILE_OF_CHANGES,
        trigger_file: FILE_OF_CHANGES,
    },
    ExpectedTrigger {
        name: "zy_tasks_note_completed_insert",
        function: "tasks_note_completion",
        purpose: "notes the completion of new tasks",
        event: "before each inserted row",
        type_bits: ROW | BEFORE | INSERT,
        condition: Some("(new.completed OR (new.recurrence IS NOT NULL))"),
        old_table: None,
        runs_as_owner: true,
        records_changes: false,
        function_file: FILE_OF_RECURRENCE,
        trigger_file: FILE_OF_RECURRENCE,
    },
    ExpectedTrigger {
        name: "zy_tasks_note_completion",
        function: "tasks_note_completion",
        purpose: "notes the completion of tasks",
        event: "before each updated row",
        type_bits: ROW | BEFORE | UPDATE,
        condition: Some(
            "((new.completed IS DISTINCT FROM old.completed) OR (new.recurrence IS NOT NULL) \
             OR (old.recurrence IS NOT NULL))",
        ),
        old_table: None,
        runs_as_owner: true,
        records_changes: false,
        function_file: FILE_OF_RECURRENCE,
        trigger_file: FILE_OF_RECURRENCE,
    },
    ExpectedTrigger {
        name: "zy_tasks_make_successor",
        function: "tasks_make_successor",
        purpose: "makes the successor of a recurring task",
        event: "after each updated row",
        type_bits: ROW | UPDATE,
        condition: Some("((old.next_occurrence IS NULL) <> (new.next_occurrence IS NULL))"),
        old_table: None,
        runs_as_owner: true,
        records_changes: false,
        function_file: FILE_OF_RECURRENCE,
        trigger_file: FILE_OF_RECURRENCE,
    },
    ExpectedTrigger {
        name: "zx_tasks_set_extra",
        function: "tasks_set_extra",
        purpose: "writes members of the front end",
        event: "before each inserted or updated row",
        type_bits: ROW | BEFORE | INSERT | UPDATE,
        condition: Some("(new.extra_input IS NOT NULL)"),
        old_table: None,
        runs_as_owner: false,
        records_changes: false,
        function_file: FILE_OF_EXTRA_MEMBERS,
        trigger_file: FILE_OF_EXTRA_MEMBERS,
    },
];

/// A trigger that the catalog has.
#[derive(FromRow)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    /// For which rows it fires. `None` for all of them.
    condition: Option<String>,
    /// The schema of the function that it calls, quoted for SQL.
    pub(crate) function_schema: String,
    function: String,
    type_bits: i16,
    old_table: Option<String>,
}

/// A function in [`FUNCTION_SCHEMA`] that the catalog has.
#[derive(FromRow)]
pub(crate) struct Function {
    name: String,
    /// The body.
    source: String,
    /// `pg_proc.proconfig`.
    settings: Vec<String>,
    runs_as_owner: bool,
    is_executable_by_all: bool,
}

/// What the catalog has of the triggers.
pub(crate) struct Triggers {
    triggers: Vec<Trigger>,
    functions: Vec<Function>,
}

impl Triggers {
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let names: Vec<&str> = TRIGGERS.iter().map(|trigger| trigger.function).collect();
        let triggers = sqlx::query_as(
            r"select
                tgname::text as name,
                tgenabled in ('O', 'A') as enabled,
                substring(pg_get_triggerdef(pg_trigger.oid) from ' WHEN \((.*)\) EXECUTE FUNCTION ') as condition,
                pronamespace::regnamespace::text as function_schema,
                proname::text as function,
                tgtype as type_bits,
                tgoldtable::text as old_table
            from pg_trigger
            join pg_proc
                on pg_proc.oid = tgfoid
            where tgrelid = to_regclass('tasks')
                and not tgisinternal
                and (proname = $2 or proname = any ($1) and pronamespace = to_regnamespace('tasks_api'))
            -- Beside a copy of an earlier release, ours is the one that counts.
            order by pronamespace::regnamespace::text <> 'tasks_api', tgname",
        )
        .bind(&names)
        .bind(FUNCTION_OF_EARLIER_RELEASES)
        .fetch_all(&mut *database)
        .await?;
        let functions = sqlx::query_as(
            "select
                proname::text as name,
                prosrc as source,
                coalesce(proconfig, '{}') as settings,
                prosecdef as runs_as_owner,
                has_function_privilege('public', pg_proc.oid, 'execute') as is_executable_by_all
            from pg_proc
            where pronamespace = to_regnamespace('tasks_api')
                and proname = any ($1)",
        )
        .bind(&names)
        .fetch_all(database)
        .await?;
        Ok(Self { triggers, functions })
    }

    /// The trigger of the same name, or another one that calls its function and is not one of the expected.
    pub(crate) fn find(&self, expected: &ExpectedTrigger) -> Option<&Trigger> {
        let with_function = || self.triggers.iter().filter(|trigger| trigger.function == expected.function);
        let is_expected = |trigger: &Trigger| TRIGGERS.iter().any(|expected| expected.name == trigger.name);
        with_function()
            .find(|trigger| trigger.name == expected.name)
            .or_else(|| with_function().find(|trigger| !is_expected(trigger)))
    }

    /// Whether the function of the trigger is the one of this release.
    pub(crate) fn has_function_of(&self, expected: &ExpectedTrigger) -> bool {
        let is_current = |function: &Function| {
            function.source.trim() == expected.function_body().trim()
                && function.settings.is_empty()
                && function.runs_as_owner == expected.runs_as_owner
                && !(function.runs_as_owner && function.is_executable_by_all)
        };
        self.functions.iter().any(|function| function.name == expected.function && is_current(function))
    }
}

impl ExpectedTrigger {
    /// Whether a trigger fires when this one does, with the same rows.
    pub(crate) fn fires_with(&self, trigger: &Trigger) -> bool {
        trigger.type_bits == self.type_bits && trigger.old_table.as_deref() == self.old_table
    }

    /// Whether a trigger fires for the same rows.
    pub(crate) fn has_condition_of(&self, trigger: &Trigger) -> bool {
        trigger.condition.as_deref() == self.condition
    }

    /// The SQL that creates the function or replaces the one that exists.
    pub(crate) fn create_function(&self) -> String {
        let Self { function, .. } = self;
        let create = format!("create or replace {}", self.function_text());
        let revoke = format!("\nrevoke execute on function {FUNCTION_SCHEMA}.{function}() from public;");
        if self.runs_as_owner { create + &revoke } else { create }
    }

    /// The SQL that creates the trigger.
    pub(crate) fn create_trigger(&self) -> String {
        statement(self.trigger_file, &format!("create trigger {}\n", self.name), ";").to_owned()
    }

    /// The SQL that drops the trigger, and its function unless another trigger calls it.
    pub(crate) fn drop(&self) -> String {
        let Self { name, function, .. } = self;
        // Triggers are dropped in the opposite order, so the function goes with the first that calls it.
        let is_first =
            TRIGGERS.iter().find(|trigger| trigger.function == *function).is_some_and(|first| first.name == *name);
        let drop_function =
            if is_first { format!("\ndrop function {FUNCTION_SCHEMA}.{function}();") } else { String::new() };
        format!("drop trigger {name} on tasks;{drop_function}")
    }

    /// The body of the function: what is between its dollar quotes.
    fn function_body(&self) -> &'static str {
        self.function_text().split("$$").nth(1).unwrap_or_default()
    }

    fn function_text(&self) -> &'static str {
        statement(
            self.function_file,
            &format!("function {FUNCTION_SCHEMA}.{}() returns trigger", self.function),
            "end\n$$;",
        )
    }
}

/// The SQL with which earlier releases created the function of the first trigger, in the schema of `tasks`, and the trigger.
pub(crate) fn create_earlier_release() -> String {
    let function = statement(FILE_OF_EARLIER_RELEASES, "create function", "$$;");
    let trigger = statement(FILE_OF_EARLIER_RELEASES, "create trigger", "tasks_note_change();");
    let trigger = trigger.replacen(FUNCTION_OF_EARLIER_RELEASES, TRIGGERS[0].name, 1);
    format!("{function}\nalter function {FUNCTION_OF_EARLIER_RELEASES}() set timezone = 'UTC';\n{trigger}")
}

/// The part of a file that begins and ends with these words.
fn statement(file: &'static str, begin: &str, end: &str) -> &'static str {
    let start = file.find(begin).unwrap_or(file.len());
    let text = &file[start..];
    let length = text.find(end).map_or(text.len(), |position| position + end.len());
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_triggers_come_from_the_migrations() {
        for trigger in &TRIGGERS {
            let function = trigger.create_function();
            let begin = format!("create or replace function tasks_api.{}() returns trigger\n", trigger.function);
            assert!(function.starts_with(&begin), "{function}");
            assert_eq!(function.contains("\nsecurity definer\n"), trigger.runs_as_owner, "{function}");
            let body = trigger.function_body();
            assert!(body.starts_with("\nbegin\n") || body.starts_with("\ndeclare\n"), "{body}");
            assert!(body.ends_with("end\n"), "{body}");
        }
        assert_eq!(
            TRIGGERS[0].create_trigger(),
            "create trigger zz_tasks_note_change\nbefore update on tasks\nfor each row\n\
             execute function tasks_api.tasks_note_change();"
        );
        assert_eq!(
            TRIGGERS[2].create_trigger(),
            "create trigger zz_tasks_note_delete\nafter delete on tasks\nreferencing old table as deleted\n\
             for each statement\nexecute function tasks_api.tasks_note_delete();"
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
