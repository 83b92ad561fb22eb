//! The schema: the SQL files beside this crate's manifest, and the code that brings a database to them.
//!
//! Each file is a step that is recorded with its checksum, so it is taken once, and an edited file is noticed. A step
//! runs in a transaction, or is a single statement that can be repeated: whole, or not at all. It is changed by adding
//! another one; every step has its way back.
//!
//! A database in which another back end made `tasks` is adopted: what is missing is added beside what is there, no row is
//! changed and nothing is taken away, and the steps count as taken.
//!
//! A database may be newer than the program: a deployment that is rolled back leaves its steps behind, and the older
//! release goes on working with them. So a step that this release does not know is no error on the way [`up`].

use std::time::Duration;

use patience::Patience;
use sqlx::migrate::{Migrate, Migration, MigrationType};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

mod adoption;
mod catalogue;
mod change;
mod difference;
mod error;
mod patience;
mod plan;
mod status;
mod steps;
mod time_zone;
mod url;
mod user_table;
mod verification;
mod wanted;

use adoption::Adoption;
use catalogue::Tasks;
use steps::{MAKE_RECORD, RECORD};

pub use difference::Difference;
pub use error::MigrateError;
pub use plan::{Plan, PlannedChange};
pub use status::{State, StepStatus};
pub use steps::Step;
pub use verification::Verification;

/// How long to wait for others at one place: for a turn, or for a table in use.
const PATIENCE: Duration = Duration::from_secs(60);

/// The session's setting from which the first step learns the table of users.
const USER_TABLE_SETTING: &str = "tasks.auth_user_table";

/// What differs between databases.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The table that `tasks.user_id` references, as SQL names it (`neon_auth."user"`), or `none` for no foreign key.
    /// Without it the table is looked for: what an existing foreign key references, `"user"`, then `users`.
    pub auth_user_table: Option<String>,
}

/// What was done, in the order in which it was done. Empty when there was nothing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The steps taken: forward by [`up`], back by [`down`]. Adoption stands for several at once.
    pub applied: Vec<Step>,
    /// What adoption changed, or what of it was taken back, each in the imperative.
    pub changes: Vec<String>,
}

/// Takes every step that the database has not seen, or adopts the table `tasks` that another back end made.
///
/// Safe to call from several places at once: they take turns. When a step fails, it is undone and the ones before it stay.
/// Whoever reads or writes tasks meanwhile never waits for longer than a lock time-out of 1.2 s.
///
/// # Errors
/// When the URL is not usable or the database does not answer; when there is no table of users, or a table `tasks` that
/// cannot be adopted (then nothing is changed); when a file was edited after it was applied; when a table stays in use
/// for a minute; when a step fails.
pub async fn up(database_url: &str, options: &Options) -> Result<Report, MigrateError> {
    up_within(database_url, options, PATIENCE).await
}

/// [`up`] with another limit than a minute on waiting for others, at one place.
///
/// # Errors
/// As [`up`].
pub async fn up_within(database_url: &str, options: &Options, limit: Duration) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = up_on(&mut database, options, &mut Patience::of(limit)).await;
    // Closing also gives back the lock. That the server has gone by then changes nothing.
    let _ = database.close().await;
    report
}

/// Takes back the newest step. An adoption is one step: what it added goes, and what the other back end made stays.
///
/// # Errors
/// As [`up`]; when tasks, or values of theirs, would be lost; and when the newest step is one of a newer release, which
/// alone knows the way back.
pub async fn down(database_url: &str, options: &Options) -> Result<Report, MigrateError> {
    take_back(database_url, options, false).await
}

/// [`down`], also when data are lost by it.
///
/// # Errors
/// As [`down`], but for the loss.
pub async fn down_discarding_data(database_url: &str, options: &Options) -> Result<Report, MigrateError> {
    take_back(database_url, options, true).await
}

/// What [`up`] would do. Changes nothing.
///
/// # Errors
/// As [`up`], as far as it can be told before.
pub async fn plan(database_url: &str, options: &Options) -> Result<Plan, MigrateError> {
    let mut database = connect_to_read(database_url).await?;
    let plan = plan::plan(&mut database, options).await;
    let _ = database.close().await;
    plan
}

/// Every step that this release or the database knows, the oldest first. Changes nothing.
///
/// # Errors
/// When the URL is not usable or the database does not answer.
pub async fn status(database_url: &str) -> Result<Vec<StepStatus>, MigrateError> {
    let mut database = connect_to_read(database_url).await?;
    let status = status::status(&mut database).await;
    let _ = database.close().await;
    status
}

/// Compares the database with what the functions need. Changes nothing.
///
/// # Errors
/// When the URL is not usable, the database does not answer, or there is no table of users.
pub async fn verify(database_url: &str, options: &Options) -> Result<Verification, MigrateError> {
    let mut database = connect_to_read(database_url).await?;
    let verification = verification::verify(&mut database, options).await;
    let _ = database.close().await;
    verification
}

async fn take_back(database_url: &str, _options: &Options, discard_data: bool) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = down_on(&mut database, discard_data, &mut Patience::of(PATIENCE)).await;
    let _ = database.close().await;
    report
}

async fn up_on(
    database: &mut PgConnection,
    options: &Options,
    patience: &mut Patience,
) -> Result<Report, MigrateError> {
    take_turn(database, patience).await?;
    let applied = steps::applied(database).await?;
    steps::refuse_edited(&applied)?;
    let setting = options.auth_user_table.as_deref();

    // Asked here and not in the first file, so that a refusal leaves nothing behind, not even the table of migrations.
    if applied.is_empty() {
        if Tasks::read(database).await?.is_some() {
            return adoption::adopt(database, setting, patience).await;
        }
        let users = user_table::choose(database, setting).await?;
        let name = users.map_or(user_table::NONE.to_owned(), |users| users.name);
        let set = sqlx::query("select set_config($1, $2, false)").bind(USER_TABLE_SETTING).bind(name);
        set.execute(&mut *database).await?;
    }

    let mut report = Report::default();
    database.execute(MAKE_RECORD).await?;
    for migration in steps::files(MigrationType::ReversibleUp) {
        if !applied.contains_key(&migration.version) {
            take_step(database, migration, patience).await?;
            patience.renew();
            report.applied.push(migration.into());
        }
    }
    Ok(report)
}

async fn down_on(
    database: &mut PgConnection,
    discard_data: bool,
    patience: &mut Patience,
) -> Result<Report, MigrateError> {
    take_turn(database, patience).await?;
    let applied = steps::applied(database).await?;
    steps::refuse_edited(&applied)?;
    let newest = applied.last_key_value().map(|(&version, _)| version);

    if let Some(adoption) = Adoption::read(database).await?
        && newest.is_none_or(|newest| adoption.through.is_none_or(|through| newest <= through))
    {
        return adoption.take_back(database, discard_data, patience).await;
    }
    let Some(version) = newest else {
        return Ok(Report::default());
    };
    let migration = steps::files(MigrationType::ReversibleDown)
        .find(|migration| migration.version == version)
        .ok_or(MigrateError::Newer { version })?;
    take_step_back(database, migration, discard_data, patience).await?;
    Ok(Report { applied: vec![migration.into()], changes: Vec::new() })
}

/// Takes one step, as soon as nobody keeps its table in use.
async fn take_step(
    database: &mut PgConnection,
    migration: &Migration,
    patience: &mut Patience,
) -> Result<(), MigrateError> {
    loop {
        wait_for_locks(database, migration, patience).await?;
        if migration.no_tx {
            drop_invalid_indexes(database).await?;
        }
        match database.apply(RECORD, migration).await.map_err(|error| MigrateError::in_step(migration, error)) {
            Ok(_) => return Ok(()),
            Err(MigrateError::Locked(_)) if patience.pause(PAUSE).await => {}
            Err(error) => return Err(error),
        }
    }
}

async fn take_step_back(
    database: &mut PgConnection,
    migration: &Migration,
    discard_data: bool,
    patience: &mut Patience,
) -> Result<(), MigrateError> {
    let makes_the_table = migration.version == 1;
    if makes_the_table && !discard_data {
        let count: i64 = sqlx::query_scalar("select count(*) from tasks").fetch_one(&mut *database).await?;
        if count > 0 {
            return Err(MigrateError::HoldsData { count, change: "dropping the table tasks".to_owned() });
        }
    }
    loop {
        wait_for_locks(database, migration, patience).await?;
        let reverted = if makes_the_table && discard_data {
            revert_with_its_tasks(database, migration).await
        } else {
            database.revert(RECORD, migration).await
        };
        match reverted.map_err(|error| MigrateError::in_step(migration, error)) {
            Ok(_) => return Ok(()),
            Err(MigrateError::Locked(_)) if patience.pause(PAUSE).await => {}
            Err(error) => return Err(error),
        }
    }
}

async fn revert_with_its_tasks(
    database: &mut PgConnection,
    migration: &Migration,
) -> Result<Duration, sqlx::migrate::MigrateError> {
    let mut transaction = database.begin().await?;
    transaction.execute("truncate tasks").await?;
    let took = transaction.revert(RECORD, migration).await?;
    transaction.commit().await?;
    Ok(took)
}

/// Between two tries; meanwhile those who waited behind us get their turn.
const PAUSE: Duration = Duration::from_secs(1);

/// Whoever waits for a table makes everybody after them wait too, requests included; but an index that is made outside
/// of a transaction stands in nobody's way.
async fn wait_for_locks(
    database: &mut PgConnection,
    migration: &Migration,
    patience: &Patience,
) -> Result<(), MigrateError> {
    let limit = if migration.no_tx { patience.lock_timeout() } else { change::BRIEF_LOCK_TIMEOUT.to_owned() };
    database.execute(AssertSqlSafe(format!("set lock_timeout = '{limit}'"))).await?;
    Ok(())
}

/// Drops what an interrupted step left behind, which `create index … if not exists` would take for the index.
async fn drop_invalid_indexes(database: &mut PgConnection) -> Result<(), MigrateError> {
    let Some(tasks) = Tasks::read(database).await? else { return Ok(()) };
    for index in tasks.indexes.iter().filter(|index| !index.valid) {
        if wanted::INDEXES.iter().any(|wanted| wanted.name == index.name) {
            let sql = format!("drop index concurrently if exists {}", index.name);
            database.execute(AssertSqlSafe(sql)).await?;
        }
    }
    Ok(())
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

/// A session in which nothing can be changed.
async fn connect_to_read(database_url: &str) -> Result<PgConnection, MigrateError> {
    let mut database = connect(database_url).await?;
    database.execute("set session characteristics as transaction read only; set statement_timeout = 0").await?;
    Ok(database)
}

/// Waits until no other program migrates this database.
///
/// In short tries: a statement that waits holds a snapshot, and the program whose turn it is cannot finish an index
/// before that is gone. The lock is the driver's own, which older releases take too.
async fn take_turn(database: &mut PgConnection, patience: &mut Patience) -> Result<(), MigrateError> {
    // A role's own statement time-out is meant for requests; building an index may take longer.
    database.execute("set statement_timeout = 0; set lock_timeout = '100ms'").await?;
    loop {
        match database.lock().await.map_err(MigrateError::waiting_for_turn) {
            Ok(()) => {
                patience.renew();
                return Ok(());
            }
            Err(MigrateError::Busy) if patience.pause(Duration::from_millis(100)).await => {}
            Err(error) => return Err(error),
        }
    }
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
        sendable(plan("", &Options::default()));
        sendable(status(""));
        sendable(verify("", &Options::default()));
    }
}
