//! `status`: which migrations a database has.

use sqlx::{Connection, PgConnection};

use crate::adoption::AdoptionLog;
use crate::bookkeeping::Bookkeeping;
use crate::connection::connect_read_only;
use crate::error::MigrateError;
use crate::history::{self, AppliedMigration};
use crate::migration::{self, Migration};

/// A migration, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The migration.
    pub migration: Migration,
    /// Whether it was applied.
    pub state: State,
}

/// Whether a migration was applied to a database, and how. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The next [`up`](crate::up) will apply it.
    Pending,
    /// It was applied.
    Applied {
        /// When.
        at: String,
    },
    /// The table of another back end was adopted, and has or was given what the migration creates.
    Adopted {
        /// When.
        at: String,
    },
    /// A newer release than this one applied it.
    Newer {
        /// When.
        at: String,
    },
}

/// Every migration that this release or the database knows, the oldest first. Changes nothing.
///
/// # Errors
/// When the URL is invalid or the database cannot be reached.
pub async fn status(database_url: &str) -> Result<Vec<MigrationStatus>, MigrateError> {
    let mut database = connect_read_only(database_url).await?;
    let status = run(&mut database).await;
    let _ = database.close().await;
    status
}

async fn run(database: &mut PgConnection) -> Result<Vec<MigrationStatus>, MigrateError> {
    let bookkeeping = Bookkeeping::read(database).await?;
    let mut applied = history::applied(database, &bookkeeping).await?;
    let adopted_through = AdoptionLog::read(database, &bookkeeping).await?.and_then(|log| log.adopted_through);
    let mut statuses: Vec<_> = migration::up_files()
        .map(|file| {
            let state = match applied.remove(&file.version) {
                None => State::Pending,
                Some(AppliedMigration { version, applied_at: at, .. })
                    if adopted_through.is_some_and(|through| version <= through) =>
                {
                    State::Adopted { at }
                }
                Some(AppliedMigration { applied_at: at, .. }) => State::Applied { at },
            };
            MigrationStatus { migration: file.into(), state }
        })
        .collect();
    // What is left has no file in this release.
    statuses.extend(applied.into_values().map(|AppliedMigration { version, name, applied_at, .. }| MigrationStatus {
        migration: Migration { version, name },
        state: State::Newer { at: applied_at },
    }));
    statuses.sort_by_key(|status| status.migration.version);
    Ok(statuses)
}
