//! The schema: the SQL files beside this crate's manifest, and the code that brings a database to them.
//!
//! Each file runs in a transaction and is recorded with its checksum, so a step is taken once, whole, or not at all, and
//! an edited file is noticed. A step is changed by adding another one; every step has its way back.
//!
//! A database may be newer than the program: a deployment that is rolled back leaves its steps behind, and the older
//! release goes on working with them. So a step that this release does not know is no error on the way [`up`].

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

mod error;
mod url;
mod user_table;

pub use error::MigrateError;

static FILES: Migrator = sqlx::migrate!("../migrations");

/// The table that keeps what was applied, under the name that the driver's own tools expect.
const RECORD: &str = "_sqlx_migrations";

/// What differs between databases.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The table that `tasks.user_id` references, as SQL names it (`neon_auth."user"`), or `none` for no foreign key.
    /// Without it the table is looked for: `"user"`, then `users`.
    pub auth_user_table: Option<String>,
}

/// What was done, in the order in which it was done. Empty when there was nothing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The steps taken: forward by [`up`], back by [`down`].
    pub applied: Vec<Step>,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number before the file's name.
    pub version: i64,
    /// The file's name in words.
    pub name: String,
}

/// Takes every step that the database has not seen.
///
/// Safe to call from several places at once: they take turns. When a step fails, it is undone and the ones before it stay.
///
/// # Errors
/// When the URL is not usable or the database does not answer; when there is no table of users, or a table `tasks` that
/// these migrations did not make (then nothing is changed); when a file was edited after it was applied; when a step fails.
pub async fn up(database_url: &str, options: &Options) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = up_on(&mut database, options).await;
    // Closing also gives back the lock. That the server has gone by then changes nothing.
    let _ = database.close().await;
    report
}

/// Takes back the newest step. It refuses to drop a table that holds tasks.
///
/// # Errors
/// As [`up`]; and when the newest step is one of a newer release, which alone knows the way back.
pub async fn down(database_url: &str, _options: &Options) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = down_on(&mut database).await;
    let _ = database.close().await;
    report
}

async fn up_on(database: &mut PgConnection, options: &Options) -> Result<Report, MigrateError> {
    take_turn(database).await?;
    let applied = applied(database).await?;
    refuse_edited(&applied)?;

    // Asked here and not in the first file, so that a refusal leaves nothing behind, not even the table of migrations.
    if applied.is_empty() {
        refuse_foreign_tasks(database).await?;
        user_table::choose(database, options.auth_user_table.as_deref()).await?;
    }

    let mut report = Report::default();
    database.ensure_migrations_table(RECORD).await.map_err(MigrateError::outside_a_step)?;
    for migration in files(MigrationType::ReversibleUp) {
        if !applied.contains_key(&migration.version) {
            database.apply(RECORD, migration).await.map_err(|error| MigrateError::in_step(migration, error))?;
            report.applied.push(migration.into());
        }
    }
    Ok(report)
}

async fn down_on(database: &mut PgConnection) -> Result<Report, MigrateError> {
    take_turn(database).await?;
    let applied = applied(database).await?;
    refuse_edited(&applied)?;

    let Some((&version, _)) = applied.last_key_value() else {
        return Ok(Report::default());
    };
    let migration = files(MigrationType::ReversibleDown)
        .find(|migration| migration.version == version)
        .ok_or(MigrateError::Newer { version })?;
    database.revert(RECORD, migration).await.map_err(|error| MigrateError::in_step(migration, error))?;
    Ok(Report { applied: vec![migration.into()] })
}

impl From<&Migration> for Step {
    fn from(migration: &Migration) -> Self {
        Step { version: migration.version, name: migration.description.to_string() }
    }
}

/// The files of one direction, the oldest first.
fn files(direction: MigrationType) -> impl Iterator<Item = &'static Migration> {
    FILES.iter().filter(move |migration| migration.migration_type == direction)
}

async fn connect(database_url: &str) -> Result<PgConnection, MigrateError> {
    /// A sleeping Neon database takes a few seconds to wake; nothing healthy takes this long.
    const PATIENCE: Duration = Duration::from_secs(30);

    let options = url::parse(database_url)?;
    let host = options.get_host().to_owned();
    match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(source)) => Err(MigrateError::Connect { host, source }),
        Err(_) => Err(MigrateError::Silent { host }),
    }
}

/// Waits until no other program migrates this database, and sets how long a step may wait for a table in use.
async fn take_turn(database: &mut PgConnection) -> Result<(), MigrateError> {
    // A role's own statement time-out is meant for requests; building an index may take longer.
    database.execute("set statement_timeout = 0; set lock_timeout = '60s'").await?;
    database.lock().await.map_err(MigrateError::waiting_for_turn)?;
    // Whoever waits for a table makes everybody after them wait too, requests included.
    database.execute("set lock_timeout = '5s'").await?;
    Ok(())
}

/// The versions that the database records, with the checksums of the files as they were.
async fn applied(database: &mut PgConnection) -> Result<BTreeMap<i64, Vec<u8>>, MigrateError> {
    let rows: Vec<(i64, Vec<u8>)> = if exists(database, RECORD).await? {
        sqlx::query_as("select version, checksum from _sqlx_migrations").fetch_all(database).await?
    } else {
        Vec::new()
    };
    Ok(rows.into_iter().collect())
}

fn refuse_edited(applied: &BTreeMap<i64, Vec<u8>>) -> Result<(), MigrateError> {
    for migration in files(MigrationType::ReversibleUp) {
        let recorded = applied.get(&migration.version);
        if recorded.is_some_and(|checksum| checksum[..] != migration.checksum[..]) {
            return Err(MigrateError::Edited(migration.into()));
        }
    }
    Ok(())
}

async fn refuse_foreign_tasks(database: &mut PgConnection) -> Result<(), MigrateError> {
    if exists(database, "tasks").await? {
        return Err(MigrateError::TasksExist);
    }
    Ok(())
}

/// Whether the search path finds this name.
async fn exists(database: &mut PgConnection, name: &str) -> Result<bool, MigrateError> {
    Ok(sqlx::query_scalar("select to_regclass($1) is not null").bind(name).fetch_one(database).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller may run these on another thread.
    #[test]
    fn the_futures_can_be_sent() {
        fn sendable<F: Send>(_: F) {}
        sendable(up("", &Options::default()));
        sendable(down("", &Options::default()));
    }

    #[test]
    fn every_step_has_its_way_back() {
        let versions = |direction| files(direction).map(|file| file.version).collect::<Vec<_>>();
        assert_eq!(versions(MigrationType::ReversibleUp), versions(MigrationType::ReversibleDown));
        assert!(versions(MigrationType::Simple).is_empty());
    }
}
