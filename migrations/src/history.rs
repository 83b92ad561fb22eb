//! The table in which a database records the migrations that were applied to it.

use std::collections::BTreeMap;

use sqlx::{PgConnection, migrate};

use crate::error::MigrateError;
use crate::migration;
use crate::sql::string_literal;

/// The name of the table. It is the one that sqlx uses, so that its own tools can read it.
pub(crate) const HISTORY_TABLE: &str = "_sqlx_migrations";

/// Creates [`HISTORY_TABLE`] with the columns that sqlx expects.
pub(crate) const CREATE_HISTORY_TABLE: &str = "create table if not exists _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
);";

/// A row of [`HISTORY_TABLE`].
#[derive(sqlx::FromRow)]
pub(crate) struct AppliedMigration {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    /// RFC 3339 in UTC: `2026-11-21T02:51:49Z`.
    pub(crate) applied_at: String,
}

/// The migrations that the database records, by version. Empty when the table does not exist.
pub(crate) async fn applied(database: &mut PgConnection) -> Result<BTreeMap<i64, AppliedMigration>, MigrateError> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass($1) is not null").bind(HISTORY_TABLE).fetch_one(&mut *database).await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<AppliedMigration> = sqlx::query_as(
        r#"select
            version,
            description as name,
            checksum,
            to_char(installed_on at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as applied_at
        from _sqlx_migrations"#,
    )
    .fetch_all(database)
    .await?;
    Ok(rows.into_iter().map(|row| (row.version, row)).collect())
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
