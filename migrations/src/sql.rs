//! The pieces of SQL that generated statements share.

/// `lock_timeout` of a transaction that blocks readers or writers of a table while it waits for its lock, because later
/// statements queue behind it. Longer than the second after which autovacuum cancels itself for a waiting statement.
pub(crate) const BRIEF_LOCK_TIMEOUT: &str = "1200ms";

/// Runs the statements in one transaction that fails if a lock is not free within [`BRIEF_LOCK_TIMEOUT`].
pub(crate) fn brief_transaction(statements: &str) -> String {
    format!("begin;\nset local lock_timeout = '{BRIEF_LOCK_TIMEOUT}';\n{statements}\ncommit;")
}

/// The text as a SQL string literal.
pub(crate) fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
