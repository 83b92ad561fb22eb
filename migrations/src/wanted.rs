//! The schema that the functions need: what the files beside this crate's manifest make on an empty database, as far as
//! a table `tasks` that another back end made must have it too.

/// A column of `tasks`.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// The types that the functions' statements work with, as `pg_type` names them. The first is our own.
    pub(crate) types: &'static [&'static str],
    /// Whether the functions write null.
    pub(crate) nullable: bool,
    /// The definition with which it is added where it is absent. No default may vary from row to row: that would
    /// rewrite the table.
    pub(crate) added_as: Option<&'static str>,
    /// Which rows hold something that only this column can keep.
    pub(crate) holds: Option<&'static str>,
}

const KEYS: &[&str] = &["int4", "int8", "uuid", "text", "varchar", "bpchar"];
const TEXTS: &[&str] = &["text", "varchar"];
const TIMES: &[&str] = &["timestamptz", "timestamp"];

const fn required(name: &'static str, types: &'static [&'static str]) -> Column {
    Column { name, types, nullable: false, added_as: None, holds: None }
}

const fn optional(name: &'static str, types: &'static [&'static str], added_as: &'static str) -> Column {
    Column { name, types, nullable: true, added_as: Some(added_as), holds: None }
}

const fn filled(name: &'static str, types: &'static [&'static str], added_as: &'static str) -> Column {
    Column { name, types, nullable: false, added_as: Some(added_as), holds: None }
}

impl Column {
    const fn holding(mut self, rows: &'static str) -> Self {
        self.holds = Some(rows);
        self
    }
}

pub(crate) static COLUMNS: [Column; 12] = [
    required("id", KEYS),
    required("user_id", KEYS),
    required("title", TEXTS),
    optional("description", TEXTS, "text").holding("description is not null"),
    filled("completed", &["bool"], "boolean not null default false").holding("completed"),
    optional("priority", TEXTS, "varchar(20)").holding("priority is not null"),
    optional("due_date", TIMES, "timestamptz").holding("due_date is not null"),
    filled("created_at", TIMES, "timestamptz not null default now()"),
    filled("updated_at", TIMES, "timestamptz not null default now()"),
    filled("version", &["int8"], "bigint not null default 1"),
    optional("idempotency_key", TEXTS, "text"),
    optional("last_request", TEXTS, "text"),
];

/// The default that the functions rely on, for a column of this type. `None` where they need none, or where none can be
/// made up.
pub(crate) fn default(column: &str, type_name: &str) -> Option<&'static str> {
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

/// A check of one column. The length of the description is not among them: an old back end may go on writing longer ones.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) condition: &'static str,
}

pub(crate) static CHECKS: [Check; 2] = [
    Check { name: "ck_tasks_title_length", column: "title", condition: "char_length(title) between 1 and 255" },
    Check { name: "ck_tasks_priority", column: "priority", condition: "priority in ('low', 'medium', 'high')" },
];

/// The whole of it, as the file makes it.
pub(crate) const MAKE_FENCES: &str = include_str!("../0012_task_fences.up.sql");

/// The foreign key of `user_id`, where this program makes it.
pub(crate) const FOREIGN_KEY: &str = "fk_tasks_user_id";

/// An index of `tasks`.
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) unique: bool,
    /// What follows `on tasks`.
    pub(crate) on: &'static str,
    /// No statement of ours needs its order: it may run in another direction, and have another name.
    pub(crate) for_others: bool,
}

const fn index(name: &'static str, on: &'static str) -> Index {
    Index { name, unique: false, on, for_others: false }
}

const fn index_for_others(name: &'static str, on: &'static str) -> Index {
    Index { name, unique: false, on, for_others: true }
}

pub(crate) static INDEXES: [Index; 16] = [
    index("idx_tasks_user_newest", "(user_id, created_at desc, id desc)"),
    index("idx_tasks_user_completed_newest", "(user_id, completed, created_at desc, id desc)"),
    index("idx_tasks_user_pending_newest", "(user_id, created_at desc, id desc) where completed is not true"),
    index("idx_tasks_user_updated", "(user_id, updated_at desc, id desc)"),
    index("idx_tasks_user_due_date", "(user_id, due_date, id)"),
    index("idx_tasks_user_due_date_desc", "(user_id, due_date desc nulls last, id desc)"),
    index("idx_tasks_user_title", "(user_id, lower(title), id)"),
    index(
        "idx_tasks_user_priority",
        "(user_id, (case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 else null end), id)",
    ),
    index(
        "idx_tasks_user_priority_desc",
        "(user_id, (case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 else null end) desc nulls last, \
         id desc)",
    ),
    Index { name: "idx_tasks_user_idempotency_key", unique: true, on: "(user_id, idempotency_key)", for_others: false },
    index_for_others("idx_tasks_user_id", "(user_id)"),
    index_for_others("idx_tasks_completed", "(completed)"),
    index_for_others("idx_tasks_user_completed", "(user_id, completed)"),
    index_for_others("idx_tasks_created_at", "(created_at desc)"),
    index_for_others("idx_tasks_updated_at", "(updated_at)"),
    index_for_others("idx_tasks_due_date", "(due_date)"),
];

impl Index {
    /// Whether a definition, from the columns on, does what this index is for.
    pub(crate) fn is(&self, unique: bool, on: &str) -> bool {
        let wanted = canonical(self.on, self.for_others);
        (unique || !self.unique) && canonical(on, self.for_others) == wanted
    }
}

/// A definition without what PostgreSQL adds when it prints one: the casts, which depend on the columns' types, and
/// parentheses.
fn canonical(on: &str, any_direction: bool) -> String {
    let mut text = on.to_lowercase();
    for cast in ["::text", "::character varying", "::integer"] {
        text = text.replace(cast, "");
    }
    let text = text.replace(['(', ')'], " ").replace(',', " , ");
    let direction = |word: &&str| any_direction && ["asc", "desc", "nulls", "first", "last"].contains(word);
    text.split_whitespace().filter(|word| !direction(word)).collect::<Vec<_>>().join(" ")
}

/// The function that keeps `updated_at` and `version`, and its trigger.
pub(crate) mod changes {
    /// The file that makes both.
    const FILE: &str = include_str!("../0003_task_changes.up.sql");

    pub(crate) const FUNCTION: &str = "tasks_note_change";
    pub(crate) const TRIGGER: &str = "zz_tasks_note_change";
    /// `before update … for each row`, as `pg_trigger.tgtype` has it.
    pub(crate) const TRIGGER_TYPE: i16 = 1 | 2 | 16;
    /// As `pg_proc.proconfig` has them.
    pub(crate) const SETTINGS: [&str; 2] = ["search_path=\"\"", "TimeZone=UTC"];

    /// What stands between the function's dollar quotes.
    pub(crate) fn source() -> &'static str {
        FILE.split("$$").nth(1).unwrap_or_default()
    }

    /// Makes the function, whether or not there is one.
    pub(crate) fn make_function() -> String {
        let (_, from_function) = FILE.split_once("create function").unwrap_or_default();
        let (function, _) = from_function.split_once("create trigger").unwrap_or_default();
        format!("create or replace function{}\nalter function {FUNCTION}() set timezone = 'UTC';", function.trim_end())
    }

    /// Makes the trigger.
    pub(crate) fn make_trigger() -> String {
        let (_, trigger) = FILE.split_once("create trigger tasks_note_change").unwrap_or_default();
        format!("create trigger {TRIGGER}{}", trigger.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_known_by_what_postgresql_prints() {
        let named = |name| INDEXES.iter().find(|index| index.name == name).expect("an index");
        let title = named("idx_tasks_user_title");
        assert!(title.is(false, "(user_id, lower((title)::text), id)"));
        assert!(title.is(false, "(user_id, lower(title), id)"));
        assert!(!title.is(false, "(user_id, lower(title), id DESC)"));
        let priority = "(user_id, (\nCASE priority\n    WHEN 'low'::text THEN 1\n    WHEN 'medium'::text THEN 2\n    \
             WHEN 'high'::text THEN 3\n    ELSE NULL::integer\nEND) DESC NULLS LAST, id DESC)";
        assert!(named("idx_tasks_user_priority_desc").is(false, priority));
        assert!(!named("idx_tasks_user_priority").is(false, priority));
        let pending = "(user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)";
        assert!(named("idx_tasks_user_pending_newest").is(false, pending));
        assert!(!named("idx_tasks_user_newest").is(false, pending));
        assert!(!named("idx_tasks_user_idempotency_key").is(false, "(user_id, idempotency_key)"));
        assert!(named("idx_tasks_created_at").is(false, "(created_at)"));
    }

    #[test]
    fn the_trigger_is_taken_from_its_file() {
        assert!(changes::source().contains("new.version := old.version + 1"));
        assert!(changes::make_function().contains("$$;\nalter function"));
        assert!(changes::make_trigger().starts_with("create trigger zz_tasks_note_change\nbefore update on tasks"));
    }
}
