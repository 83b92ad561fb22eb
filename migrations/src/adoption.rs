//! Taking over a table `tasks` that another back end made, and giving it back.
//!
//! Every change is short or lets others work meanwhile, and is recorded with its way back in the same transaction. What
//! is to be done follows from the catalogue alone, so an adoption that was interrupted goes on where it stopped.

use sqlx::migrate::MigrationType;
use sqlx::{AssertSqlSafe, Executor, FromRow, PgConnection};

use crate::catalogue::Tasks;
use crate::change::{self, Change};
use crate::difference::{self, Difference};
use crate::patience::{Patience, is_in_use};
use crate::steps::{self, MAKE_RECORD, RECORD, Step};
use crate::{MigrateError, PAUSE, Report, user_table};

/// What is to be done to the table, the record of it first and the steps that it stands for last.
///
/// # Errors
/// When something has to be decided first: all of it, not the first of it.
pub(crate) async fn changes(
    database: &mut PgConnection,
    tasks: &Tasks,
    auth_user_table: Option<&str>,
) -> Result<Vec<Change>, MigrateError> {
    let users = user_table::choose_for(database, tasks, auth_user_table).await?;
    let (by_hand, differences): (Vec<_>, Vec<_>) = difference::differences(database, tasks, users.as_ref())
        .await?
        .into_iter()
        .partition(|difference| difference.changes().is_none());
    if !by_hand.is_empty() {
        return Err(MigrateError::CannotAdopt { differences: by_hand, was_begun: tasks.has_adoption });
    }
    let first = Change::brief("make the table that keeps the way back", change::MAKE_ADOPTION);
    let first = (!tasks.has_adoption).then_some(first);
    let middle = differences.iter().filter_map(Difference::changes).flatten().cloned();
    Ok(first.into_iter().chain(middle).chain([record(tasks)]).collect())
}

/// Records the steps that the adopted table does not need any more.
fn record(tasks: &Tasks) -> Change {
    let newest = steps::newest();
    let records = steps::files(MigrationType::ReversibleUp).map(steps::record);
    let sql = [MAKE_RECORD.to_owned()].into_iter().chain(records).collect::<Vec<_>>().join("\n");
    let undo = if tasks.has_record {
        format!("delete from {RECORD} where version <= {newest};")
    } else {
        format!("drop table {RECORD};")
    };
    Change::brief(format!("record the steps up to {newest:04}"), sql).undone_by(undo).through(newest)
}

/// Makes the changes. Safe to call again when it failed.
pub(crate) async fn adopt(
    database: &mut PgConnection,
    auth_user_table: Option<&str>,
    patience: &mut Patience,
) -> Result<Report, MigrateError> {
    let mut made = Vec::new();
    loop {
        let Some(tasks) = Tasks::read(database).await? else {
            return Ok(Report::default());
        };
        let changes = changes(database, &tasks, auth_user_table).await?;
        match make(database, changes, patience, &mut made).await {
            Ok(()) => break,
            Err((_, error)) if is_in_use(&error) && patience.pause(PAUSE).await => {}
            Err((change, error)) if is_in_use(&error) => return Err(MigrateError::InUse { change }),
            Err((change, source)) => return Err(MigrateError::Change { change, source }),
        }
    }
    let applied = steps::files(MigrationType::ReversibleUp).map(Step::from).collect();
    Ok(Report { applied, changes: made })
}

async fn make(
    database: &mut PgConnection,
    changes: Vec<Change>,
    patience: &mut Patience,
    made: &mut Vec<String>,
) -> Result<(), (String, sqlx::Error)> {
    for change in changes {
        for message in change.messages() {
            if let Err(error) = send(database, &message, patience).await {
                return Err((change.what, error));
            }
        }
        patience.renew();
        made.push(change.what);
    }
    Ok(())
}

/// Sends one message of a change. What waits outside of a short transaction stands in nobody's way, and may wait long.
async fn send(database: &mut PgConnection, message: &str, patience: &Patience) -> Result<(), sqlx::Error> {
    database.execute(AssertSqlSafe(format!("set lock_timeout = '{}'", patience.lock_timeout()))).await?;
    let sent = database.execute(AssertSqlSafe(message.to_owned())).await;
    if sent.is_err() {
        // The message may have begun a transaction. The error that counts is the first.
        let _ = database.execute("rollback").await;
    }
    sent.map(drop)
}

/// What adoption has recorded.
pub(crate) struct Adoption {
    /// The newest first.
    changes: Vec<Recorded>,
    /// The newest step that it stands for; `None` when it was interrupted.
    pub(crate) through: Option<i64>,
}

#[derive(FromRow)]
struct Recorded {
    position: i32,
    change: String,
    undo: String,
    undo_alone: bool,
    holds: Option<String>,
    through: Option<i64>,
}

impl Adoption {
    /// `None` when these migrations made the table, or none was adopted yet.
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Option<Self>, MigrateError> {
        let exists: bool =
            sqlx::query_scalar("select to_regclass('tasks_adoption') is not null").fetch_one(&mut *database).await?;
        if !exists {
            return Ok(None);
        }
        let changes: Vec<Recorded> = sqlx::query_as(
            "select position, change, undo, undo_alone, holds, through from tasks_adoption order by position desc",
        )
        .fetch_all(database)
        .await?;
        let through = changes.iter().find_map(|change| change.through);
        Ok(Some(Self { changes, through }))
    }

    /// Takes the changes back, the last one first.
    ///
    /// # Errors
    /// When tasks hold what only an added column can keep, unless their loss is accepted.
    pub(crate) async fn take_back(
        self,
        database: &mut PgConnection,
        discard_data: bool,
        patience: &mut Patience,
    ) -> Result<Report, MigrateError> {
        if !discard_data {
            self.refuse_loss(database).await?;
        }
        let steps = steps::files(MigrationType::ReversibleUp).rev().map(Step::from);
        let applied = steps.filter(|step| self.through.is_some_and(|through| step.version <= through)).collect();
        let mut changes = Vec::new();
        for recorded in self.changes {
            for message in recorded.messages(discard_data) {
                persist(database, &recorded.change, &message, patience).await?;
            }
            changes.push(recorded.change);
        }
        persist(database, "drop the table that keeps the way back", "drop table tasks_adoption", patience).await?;
        Ok(Report { applied, changes })
    }

    async fn refuse_loss(&self, database: &mut PgConnection) -> Result<(), MigrateError> {
        for Recorded { change, holds, .. } in &self.changes {
            let Some(holds) = holds else { continue };
            let sql = format!("select count(*) from tasks where {holds}");
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *database).await?;
            if count > 0 {
                return Err(MigrateError::HoldsData { count, change: format!("undoing \"{change}\"") });
            }
        }
        Ok(())
    }
}

impl Recorded {
    fn messages(&self, discard_data: bool) -> Vec<String> {
        let forget = format!("delete from tasks_adoption where position = {};", self.position);
        if self.undo_alone {
            return vec![self.undo.clone(), forget];
        }
        // Somebody may have stored something since it was counted.
        let guard = self.holds.as_ref().filter(|_| !discard_data).map(|holds| {
            format!(
                "lock table tasks in access exclusive mode;
do $$ begin
    if exists (select from tasks where {holds}) then
        raise exception 'tasks with {} were stored meanwhile', {};
    end if;
end $$;\n",
                "%",
                change::quoted(holds)
            )
        });
        vec![change::brief_transaction(&format!("{}{}\n{forget}", guard.unwrap_or_default(), self.undo))]
    }
}

/// Sends a message until nobody stands in its way.
async fn persist(
    database: &mut PgConnection,
    change: &str,
    message: &str,
    patience: &mut Patience,
) -> Result<(), MigrateError> {
    loop {
        match send(database, message, patience).await {
            Ok(()) => {
                patience.renew();
                return Ok(());
            }
            Err(error) if is_in_use(&error) && patience.pause(PAUSE).await => {}
            Err(error) if is_in_use(&error) => return Err(MigrateError::InUse { change: format!("undo: {change}") }),
            Err(source) => return Err(MigrateError::Change { change: format!("undo: {change}"), source }),
        }
    }
}
