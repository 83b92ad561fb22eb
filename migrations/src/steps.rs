//! The steps: the SQL files beside this crate's manifest, and the record of those taken.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::MigrateError;
use crate::change::quoted;

static FILES: Migrator = sqlx::migrate!("../migrations");

/// The table that keeps what was applied, under the name that the driver's own tools expect.
pub(crate) const RECORD: &str = "_sqlx_migrations";

/// Makes [`RECORD`] as the driver does.
pub(crate) const MAKE_RECORD: &str = "create table if not exists _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
);";

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number before the file's name.
    pub version: i64,
    /// The file's name in words.
    pub name: String,
}

impl From<&Migration> for Step {
    fn from(migration: &Migration) -> Self {
        Step { version: migration.version, name: migration.description.to_string() }
    }
}

/// What the database records of a step.
#[derive(sqlx::FromRow)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    /// `2026-11-21T02:51:49Z`
    pub(crate) at: String,
}

/// The files of one direction, the oldest first.
pub(crate) fn files(direction: MigrationType) -> impl DoubleEndedIterator<Item = &'static Migration> {
    FILES.iter().filter(move |migration| migration.migration_type == direction)
}

/// The newest step that this release knows.
pub(crate) fn newest() -> i64 {
    files(MigrationType::ReversibleUp).map(|migration| migration.version).max().unwrap_or_default()
}

/// The steps that the database records, by their versions.
pub(crate) async fn applied(database: &mut PgConnection) -> Result<BTreeMap<i64, Applied>, MigrateError> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass($1) is not null").bind(RECORD).fetch_one(&mut *database).await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Applied> = sqlx::query_as(
        r#"select
            version,
            description as name,
            checksum,
            to_char(installed_on at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
        from _sqlx_migrations"#,
    )
    .fetch_all(database)
    .await?;
    Ok(rows.into_iter().map(|row| (row.version, row)).collect())
}

/// Refuses when the file of a step was edited after the step was taken.
pub(crate) fn refuse_edited(applied: &BTreeMap<i64, Applied>) -> Result<(), MigrateError> {
    for migration in files(MigrationType::ReversibleUp) {
        let recorded = applied.get(&migration.version);
        if recorded.is_some_and(|recorded| recorded.checksum[..] != migration.checksum[..]) {
            return Err(MigrateError::Edited(migration.into()));
        }
    }
    Ok(())
}

/// The SQL that records a step as taken.
pub(crate) fn record(migration: &Migration) -> String {
    let checksum: String = migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "insert into {RECORD} (version, description, success, checksum, execution_time)\nvalues ({}, {}, true, '\\x{checksum}', -1);",
        migration.version,
        quoted(&migration.description),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_way_back() {
        let versions = |direction| files(direction).map(|file| file.version).collect::<Vec<_>>();
        assert_eq!(versions(MigrationType::ReversibleUp), versions(MigrationType::ReversibleDown));
        assert!(versions(MigrationType::Simple).is_empty());
    }
}
