//! What statements may name. Extend these lists when a statement needs more.

use super::tokens::{Token, is_one_of};

/// Tables with a column `user_id`.
///
/// In a table without that column `user_id = $1` could compare the column of a surrounding query.
pub(super) const USER_TABLES: [&str; 4] =
    ["tasks", "tasks_api.task_tags", "tasks_api.task_tombstones", "tasks_api.idempotency_keys"];

/// Tables without rows of users. They can be read and not written.
pub(super) const SHARED_TABLES: [&str; 1] = ["tasks_api.sync_epoch"];

/// Functions that can stand in `from`. They read no table.
pub(super) const SOURCE_FUNCTIONS: [&str; 4] =
    ["generate_series", "jsonb_array_elements", "jsonb_to_recordset", "unnest"];

/// Functions that an insert can call for its values. None is an aggregate.
pub(super) const INSERT_FUNCTIONS: [&str; 15] = [
    "coalesce",
    "gen_random_uuid",
    "greatest",
    "jsonb_build_object",
    "least",
    "lower",
    "now",
    "nullif",
    "pg_typeof",
    "tasks_api.flag_for",
    "tasks_api.label_for",
    "tasks_api.tags_for",
    "tasks_api.zone_for",
    "trim",
    "upper",
];

/// Parts of the names of functions that execute the SQL of a string, or read the table that it names.
pub(super) const FUNCTIONS_OF_SQL: [&str; 4] = ["_to_xml", "dblink", "ts_rewrite", "ts_stat"];

/// The last condition of each part that writes: the part has no effect once its attempt was given up.
pub(super) const FENCE: &str = "not exists (select from tasks_api.task_fences where attempt = $2)";

/// [`FENCE`] in a keyed write: the part has no effect either once something is stored under its key.
pub(super) const KEYED_FENCE: &str =
    "not exists (select from prior) and not exists (select from tasks_api.task_fences where attempt = $2)";

/// The table of [`USER_TABLES`] that stores keys.
pub(super) const KEYS: &str = "tasks_api.idempotency_keys";

/// Whether a token is a keyword that can follow the conditions of a `where`.
pub(super) const fn is_clause(sql: &[u8], token: Token) -> bool {
    const CLAUSES: [&str; 12] = [
        "order",
        "group",
        "having",
        "limit",
        "offset",
        "fetch",
        "for",
        "returning",
        "on",
        "union",
        "except",
        "intersect",
    ];
    is_one_of(sql, token, &CLAUSES)
}
