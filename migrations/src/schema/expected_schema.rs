//! The schema that the functions need: what the migrations create in an empty database, as far as a table `tasks` of
//! another back end must have it too.

/// A column of `tasks`.
pub(crate) struct ExpectedColumn {
    pub(crate) name: &'static str,
    /// The types that the functions' statements work with, as `pg_type` names them. The first is the one that the
    /// migrations use.
    pub(crate) types: &'static [&'static str],
    /// Whether the functions write null.
    pub(crate) nullable: bool,
    /// The definition with which a missing column is added; `None` when it cannot be added. A default must be the same for
    /// every row: one that varies would rewrite the table.
    pub(crate) definition: Option<&'static str>,
    /// A condition on the rows that lose data when the column is dropped.
    pub(crate) data_condition: Option<&'static str>,
}

const KEY_TYPES: &[&str] = &["int4", "int8", "uuid", "text", "varchar", "bpchar"];
const TEXT_TYPES: &[&str] = &["text", "varchar"];
const TIME_TYPES: &[&str] = &["timestamptz", "timestamp"];

/// A column that must already exist.
const fn existing(name: &'static str, types: &'static [&'static str]) -> ExpectedColumn {
    ExpectedColumn { name, types, nullable: false, definition: None, data_condition: None }
}

const fn nullable(name: &'static str, types: &'static [&'static str], definition: &'static str) -> ExpectedColumn {
    ExpectedColumn { name, types, nullable: true, definition: Some(definition), data_condition: None }
}

const fn not_null(name: &'static str, types: &'static [&'static str], definition: &'static str) -> ExpectedColumn {
    ExpectedColumn { name, types, nullable: false, definition: Some(definition), data_condition: None }
}

impl ExpectedColumn {
    const fn with_data_condition(mut self, condition: &'static str) -> Self {
        self.data_condition = Some(condition);
        self
    }
}

pub(crate) static COLUMNS: [ExpectedColumn; 15] = [
    existing("id", KEY_TYPES),
    existing("user_id", KEY_TYPES),
    existing("title", TEXT_TYPES),
    nullable("description", TEXT_TYPES, "text").with_data_condition("description is not null"),
    not_null("completed", &["bool"], "boolean not null default false").with_data_condition("completed"),
    nullable("priority", TEXT_TYPES, "varchar(20)").with_data_condition("priority is not null"),
    nullable("due_date", TIME_TYPES, "timestamptz").with_data_condition("due_date is not null"),
    nullable("due_date_marker", &["timestamp"], "timestamp").with_data_condition("due_date_marker is not null"),
    not_null("created_at", TIME_TYPES, "timestamptz not null default now()"),
    not_null("updated_at", TIME_TYPES, "timestamptz not null default now()"),
    not_null("version", &["int8"], "bigint not null default 1"),
    nullable("idempotency_key", TEXT_TYPES, "text"),
    nullable("last_request", TEXT_TYPES, "text"),
    nullable("changed_in", &["xid8"], "xid8"),
    nullable("extra_input", &["jsonb"], "jsonb"),
];

/// The default that the functions rely on, for a column of this type. `None` where they need none, and where the program
/// cannot choose one: an integer key needs a sequence that continues after the existing rows.
pub(crate) fn default_expression(column: &str, type_name: &str) -> Option<&'static str> {
    match (column, type_name) {
        ("id", "uuid") => Some("gen_random_uuid()"),
        ("id", "text" | "varchar" | "bpchar") => Some("gen_random_uuid()::text"),
        ("completed", _) => Some("false"),
        ("version", _) => Some("1"),
        ("created_at" | "updated_at", "timestamp") => Some("(now() at time zone 'utc')"),
        ("created_at" | "updated_at", _) => Some("now()"),
        _ => None,
    }
}

/// A check constraint on one column.
pub(crate) struct ExpectedCheck {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) condition: &'static str,
}

/// Only for columns that the migrations or an adoption created: another back end may go on writing to its own columns
/// what it has always written.
pub(crate) static CHECKS: [ExpectedCheck; 2] = [
    ExpectedCheck { name: "ck_tasks_title_length", column: "title", condition: "char_length(title) between 1 and 255" },
    ExpectedCheck { name: "ck_tasks_priority", column: "priority", condition: "priority in ('low', 'medium', 'high')" },
];

/// The SQL that creates the table `task_fences` in its place.
pub(crate) fn create_task_fences() -> String {
    let create = include_str!("../../0012_task_fences.up.sql").replace("task_fences", "tasks_api.task_fences");
    format!("{create}\n{}", grant_task_fences())
}

/// The SQL that moves the table `task_fences` of an earlier release to its place.
pub(crate) fn move_task_fences(schema: &str) -> String {
    format!("alter table {schema}.task_fences set schema tasks_api;\n\n{}", grant_task_fences())
}

/// The end of the migration that creates the schema: it grants the use of the schema too.
fn grant_task_fences() -> &'static str {
    const COMMENT: &str = "-- Whoever changes tasks needs it.\n";
    include_str!("../../0013_tasks_api_schema.up.sql").split_once(COMMENT).map(|(_, grants)| grants).unwrap_or_default()
}

/// The name of the foreign key of `user_id` when this program creates it.
pub(crate) const FOREIGN_KEY: &str = "fk_tasks_user_id";

/// An index of `tasks`. Each serves a statement of the functions, which does not care about its name.
pub(crate) struct ExpectedIndex {
    /// The first that is free is the name of a new index. The other back end may have an index of the first name.
    pub(crate) names: [&'static str; 2],
    pub(crate) unique: bool,
    /// The definition after `on tasks`.
    pub(crate) definition: &'static str,
}

const fn index(names: [&'static str; 2], definition: &'static str) -> ExpectedIndex {
    ExpectedIndex { names, unique: false, definition }
}

/// Every write maintains them all, so there is none without a statement that needs it.
pub(crate) static INDEXES: [ExpectedIndex; 7] = [
    index(["idx_tasks_created_at", "idx_tasks_user_newest"], "(user_id, created_at desc, id desc)"),
    index(
        ["idx_tasks_user_completed", "idx_tasks_user_done"],
        "(user_id, created_at desc, id desc) where completed is true",
    ),
    index(
        ["idx_tasks_completed", "idx_tasks_user_pending_newest"],
        "(user_id, created_at desc, id desc) where completed is not true",
    ),
    index(["idx_tasks_updated_at", "idx_tasks_user_updated"], "(user_id, updated_at desc, id desc)"),
    index(["idx_tasks_due_date", "idx_tasks_user_due_date"], "(user_id, due_date, id)"),
    index(["idx_tasks_user_id", "idx_tasks_user_changed"], "(user_id, changed_in, id)"),
    ExpectedIndex {
        names: ["idx_tasks_user_idempotency_key", "idx_tasks_idempotency_key"],
        unique: true,
        definition: "(user_id, idempotency_key)",
    },
];

impl ExpectedIndex {
    /// Whether an index with this definition serves the same statements. A unique index serves where none is demanded.
    pub(crate) fn is_satisfied_by(&self, unique: bool, definition: &str) -> bool {
        (unique || !self.unique) && normalized(definition) == normalized(self.definition)
    }
}

/// A definition without the parentheses that PostgreSQL adds when it prints one.
fn normalized(definition: &str) -> String {
    let text = definition.to_lowercase().replace(['(', ')'], " ").replace(',', " , ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_fences_are_created_and_granted_in_their_schema() {
        let sql = create_task_fences();
        assert!(sql.contains("create table tasks_api.task_fences (") && !sql.contains(" task_fences"), "{sql}");
        assert!(move_task_fences("public").contains("grant usage on schema tasks_api to %s"));
    }

    #[test]
    fn printed_index_definitions_are_recognized() {
        let named = |name| INDEXES.iter().find(|index| index.names[0] == name).expect("an index");
        let pending = "(user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)";
        assert!(named("idx_tasks_completed").is_satisfied_by(false, pending));
        assert!(!named("idx_tasks_user_completed").is_satisfied_by(false, pending));
        assert!(!named("idx_tasks_created_at").is_satisfied_by(false, pending));
        assert!(named("idx_tasks_created_at").is_satisfied_by(false, "(user_id, created_at DESC, id DESC)"));
        assert!(!named("idx_tasks_created_at").is_satisfied_by(false, "(created_at DESC)"));
        assert!(!named("idx_tasks_user_idempotency_key").is_satisfied_by(false, "(user_id, idempotency_key)"));
    }
}
