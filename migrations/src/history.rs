//! The table in which a database records the migrations that were applied to it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, migrate};

use crate::bookkeeping::{Bookkeeping, HISTORY_TABLE};
use crate::error::MigrateError;
use crate::migration;
use crate::sql::string_literal;

/// A row of [`HISTORY_TABLE`].
#[derive(sqlx::FromRow)]
pub(crate) struct AppliedMigration {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    /// RFC 3339 in UTC: `2026-11-21T02:51:49Z`.
    pub(crate) applied_at: String,
}

/// The migrations that the database records, by version. Empty when it has no history.
pub(crate) async fn applied(
    database: &mut PgConnection,
    bookkeeping: &Bookkeeping,
) -> Result<BTreeMap<i64, AppliedMigration>, MigrateError> {
    let Some(history) = &bookkeeping.history else {
        return Ok(BTreeMap::new());
    };
    let rows: Vec<AppliedMigration> = sqlx::query_as(AssertSqlSafe(format!(
        r#"select
            version,
            description as name,
            checksum,
            to_char(installed_on at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as applied_at
        from {history}"#,
    )))
    .fetch_all(database)
    .await?;
    Ok(rows.into_iter().map(|row| (row.version, row)).collect())
}

/// Refuses to go on when this role may not create the schema of our own or its tables.
///
/// # Errors
/// [`MigrateError::MissingGrant`].
pub(crate) fn require_privileges(bookkeeping: &Bookkeeping) -> Result<(), MigrateError> {
    match &bookkeeping.missing_grant {
        Some(grant) => Err(MigrateError::MissingGrant { grant: grant.clone() }),
        None => Ok(()),
    }
}

/// Compares the recorded checksums with those of the files.
///
/// # Errors
/// [`MigrateError::Edited`] for the oldest file that was edited after it was applied.
pub(crate) fn verify_checksums(applied: &BTreeMap<i64, AppliedMigration>) -> Result<(), MigrateError> {
    for file in migration::up_files() {
        let recorded = applied.get(&file.version);
        if recorded.is_some_and(|recorded| recorded.checksum[..] != file.checksum[..]) {
            return Err(MigrateError::Edited(file.into()));
        }
    }
    Ok(())
}

/// The statement that records a migration as applied. Its execution time is unknown, which sqlx writes as -1.
pub(crate) fn insert_statement(file: &migrate::Migration) -> String {
    let checksum: String = file.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "insert into {HISTORY_TABLE} (version, description, success, checksum, execution_time)\nvalues ({}, {}, true, '\\x{checksum}', -1);",
        file.version,
        string_literal(&file.description),
    )
}
