//! The SQL of the changes, each statement for one place at which a page can start.

use super::page::{Change, ChangePage};
use super::query::ChangesQuery;
use super::snapshot::Snapshot;
use super::token::{Moment, Pages, Position, Progress, SyncToken};
use crate::db::{DbError, DbErrorKind, Rejection, Row, RowId, SqlParam};
use crate::scope::{Read, StartStatement, StoreError};
use crate::tasks::columns::{TASK_COLUMNS, no_task_columns, task_columns};
use crate::tasks::model::TASK;
use crate::tasks::repository::UserTasks;

// Each statement returns the rows of a page, in order, after one row about the database. So the page and that row have the
// same snapshot. `$2` is the number of rows.
//
// A number of a transaction is a bigint where it is returned: no type of PostgreSQL for transactions and snapshots is sent.

/// The kind of a row about a tombstone. That about the database has 0, those about tasks have 2.
const DELETE: i32 = 1;

/// The index of the kind, which the other columns follow.
const KIND: usize = TASK_COLUMNS;

/// The tasks of a query of the `with`.
macro_rules! tasks_of {
    ($query:literal) => {
        concat!(
            "select ",
            task_columns!($query),
            ", 2 as kind, changed_in::text::bigint as transaction, null::text as task_id, \
             null::text, null::text, null::bigint, null::boolean
from ",
            $query,
            "
"
        )
    };
}

/// The tombstones of the query `deletes`. The columns of a task are null.
macro_rules! deletes {
    () => {
        concat!(
            "union all\nselect ",
            no_task_columns!(),
            ", 1, deleted_in::text::bigint, task_id, null, null, null, null
from deletes
"
        )
    };
}

/// The row about the database, and the order of all rows: the epoch, the snapshot, the time in microseconds, and whether ids
/// are numbers. The time is not later than the snapshot.
macro_rules! database {
    () => {
        concat!(
            "union all\nselect ",
            no_task_columns!(),
            ", 0, null, null, \
         (select epoch::text from tasks_api.sync_epoch), \
         pg_current_snapshot()::text, \
         (date_part('epoch', now()) * 1000000)::bigint, \
         pg_typeof((null::tasks).id) in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
order by kind, transaction, task_id, id
"
        )
    };
}

/// What `$3` does not see. The lower bound is what an index finds. The upper bound leaves out numbers of another server, from
/// which the rows were copied.
macro_rules! since {
    ($transaction:literal) => {
        concat!(
            $transaction,
            " >= pg_snapshot_xmin($3::pg_snapshot)
      and ",
            $transaction,
            " < pg_snapshot_xmax(pg_current_snapshot())
      and not pg_visible_in_snapshot(",
            $transaction,
            ", $3::pg_snapshot)
"
        )
    };
}

/// What `$3` does not see and `$4` does.
macro_rules! between {
    ($transaction:literal) => {
        concat!(
            $transaction,
            " >= pg_snapshot_xmin($3::pg_snapshot)
      and ",
            $transaction,
            " < pg_snapshot_xmax($4::pg_snapshot)
      and not pg_visible_in_snapshot(",
            $transaction,
            ", $3::pg_snapshot)
      and pg_visible_in_snapshot(",
            $transaction,
            ", $4::pg_snapshot)
"
        )
    };
}

/// All tasks.
static ALL: Read = Read::new(
    "all changes",
    concat!(
        "\
with page as (
    select *
    from tasks
    where user_id = $1
    order by changed_in, id
    limit $2::bigint
)
",
        tasks_of!("page"),
        database!(),
    ),
);

/// All tasks after the one with `$4` and `$5`. What has changed since the first page, whose snapshot is `$3`, comes with the
/// next token. The numbers of another server do not, so these tasks are not left out.
static ALL_AFTER: Read = Read::new(
    "all changes after",
    concat!(
        "\
with page as (
    select *
    from tasks
    where user_id = $1
      and (changed_in, id) > ($4::xid8, $5)
      and (pg_visible_in_snapshot(changed_in, $3::pg_snapshot)
           or changed_in >= pg_snapshot_xmax(pg_current_snapshot()))
    order by changed_in, id
    limit $2::bigint
),
earlier as (
    select *
    from tasks
    where user_id = $1
      and changed_in is null
    order by changed_in, id
    limit greatest($2::bigint - (select count(*) from page), 0)
)
",
        tasks_of!("page"),
        "union all\n",
        tasks_of!("earlier"),
        database!(),
    ),
);

/// The tasks after the id `$3` of which no transaction is known.
static ALL_EARLIER_AFTER: Read = Read::new(
    "all earlier changes after",
    concat!(
        "\
with page as (
    select *
    from tasks
    where user_id = $1
      and changed_in is null
      and id > $3
    order by changed_in, id
    limit $2::bigint
)
",
        tasks_of!("page"),
        database!(),
    ),
);

/// What has changed since the snapshot `$3`.
static SINCE: Read = Read::new(
    "changes",
    concat!(
        "\
with deletes as (
    select deleted_in, task_id
    from tasks_api.task_tombstones
    where user_id = $1
      and ",
        since!("deleted_in"),
        "    order by deleted_in, task_id
    limit $2::bigint
),
page as (
    select *
    from tasks
    where user_id = $1
      and ",
        since!("changed_in"),
        "    order by changed_in, id
    limit greatest($2::bigint - (select count(*) from deletes), 0)
)
",
        tasks_of!("page"),
        deletes!(),
        database!(),
    ),
);

/// What has changed between the snapshots `$3` and `$4`, after the delete with `$5` and `$6`.
static SINCE_AFTER_DELETE: Read = Read::new(
    "changes after a delete",
    concat!(
        "\
with deletes as (
    select deleted_in, task_id
    from tasks_api.task_tombstones
    where user_id = $1
      and (deleted_in, task_id) > ($5::xid8, $6)
      and ",
        between!("deleted_in"),
        "    order by deleted_in, task_id
    limit $2::bigint
),
page as (
    select *
    from tasks
    where user_id = $1
      and ",
        between!("changed_in"),
        "    order by changed_in, id
    limit greatest($2::bigint - (select count(*) from deletes), 0)
)
",
        tasks_of!("page"),
        deletes!(),
        database!(),
    ),
);

/// What has changed between the snapshots `$3` and `$4`, after the put with `$5` and `$6`.
static SINCE_AFTER_PUT: Read = Read::new(
    "changes after a put",
    concat!(
        "\
with page as (
    select *
    from tasks
    where user_id = $1
      and (changed_in, id) > ($5::xid8, $6)
      and ",
        between!("changed_in"),
        "    order by changed_in, id
    limit $2::bigint
)
",
        tasks_of!("page"),
        database!(),
    ),
);

/// How long a token is good for, in microseconds. Tombstones are kept a day longer, because a transaction can have written
/// its tombstones long before it ended.
const TOKEN_MAX_AGE: i64 = 30 * DAY;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What the database is like at the time of a page.
struct DatabaseState {
    epoch: String,
    now: Moment,
    has_number_ids: bool,
}

impl UserTasks<'_> {
    /// The statement of [`UserTasks::changes`] with a token of a client that had got everything.
    pub const CHANGES: StartStatement = SINCE.at_start();

    /// A page of what has changed since the token of the query. Without a token, a page of all tasks.
    ///
    /// # Errors
    /// [`StoreError::InvalidSyncToken`]; [`StoreError::SyncTokenExpired`]; failures of the database.
    pub async fn changes(&self, query: &ChangesQuery) -> Result<ChangePage, StoreError> {
        let token = query.since.as_deref().map(|since| SyncToken::decode(since).ok_or(StoreError::InvalidSyncToken));
        let token = token.transpose()?;
        // One more tells whether there is more.
        let (statement, params) = statement(token.as_ref().map(|token| &token.progress), query.limit + 1);
        let rows = self.scope.read(statement, params).await.map_err(map_changes_error)?;
        let (first, rows) = rows.split_first().ok_or(StoreError::NotFound(&TASK))?;
        let database = database_state(first).map_err(map_changes_error)?;
        if token.as_ref().is_some_and(|token| database.has_outlived(token)) {
            return Err(StoreError::SyncTokenExpired);
        }
        let limit = query.limit as usize;
        let page = &rows[..rows.len().min(limit)];
        let changes =
            page.iter().map(|row| self.listed_change(row, database.has_number_ids)).collect::<Result<Vec<_>, _>>()?;
        let pages = database.pages(token.as_ref());
        let last_token = (rows.len() <= limit).then(|| database.last_token(token, &pages, changes.is_empty()));
        Ok(ChangePage { changes, epoch: database.epoch, pages, last_token })
    }

    fn listed_change(&self, row: &Row, has_number_ids: bool) -> Result<Change, StoreError> {
        let column = |error| StoreError::about_user(&TASK, error);
        let kind: i32 = row.get(KIND).map_err(column)?;
        let transaction: Option<i64> = row.get(KIND + 1).map_err(column)?;
        let transaction = transaction.and_then(|transaction| transaction.try_into().ok());
        if kind == DELETE {
            let id = deleted_id(row.get(KIND + 2).map_err(column)?, has_number_ids);
            return Ok(Change::Delete(transaction.unwrap_or_default(), id));
        }
        Ok(Change::Put(transaction, Box::new(self.task(row)?)))
    }
}

impl DatabaseState {
    /// Whether it does not know any more what has changed since a token.
    fn has_outlived(&self, token: &SyncToken) -> bool {
        let is_lost = |moment: &Moment| {
            moment.snapshot.is_ahead_of(&self.now.snapshot) || self.now.time.saturating_sub(moment.time) > TOKEN_MAX_AGE
        };
        token.epoch != self.epoch || token.moments().any(is_lost)
    }

    /// The pages that the client of this token gets.
    fn pages(&self, token: Option<&SyncToken>) -> Pages {
        match token.map(|token| &token.progress) {
            None => Pages { since: None, until: self.now.clone() },
            Some(Progress::Until(since)) => Pages { since: Some(since.clone()), until: self.now.clone() },
            Some(Progress::Within(pages, _)) => pages.clone(),
        }
    }

    /// The token after all of the pages. Where nothing has changed it is the client's own, so that the response is the same
    /// and 304 says so, but not for so long that it expires.
    fn last_token(&self, token: Option<SyncToken>, pages: &Pages, is_empty: bool) -> SyncToken {
        let is_current = |token: &SyncToken| match &token.progress {
            Progress::Until(moment) => is_empty && self.now.time.saturating_sub(moment.time) < DAY,
            Progress::Within(..) => false,
        };
        token
            .filter(is_current)
            .unwrap_or_else(|| SyncToken { epoch: self.epoch.clone(), progress: Progress::Until(pages.until.clone()) })
    }
}

/// The statement that continues from here, and its parameters from `$2` on.
fn statement(progress: Option<&Progress>, rows: u32) -> (&'static Read, Vec<SqlParam<'_>>) {
    let snapshot = |moment: &Moment| SqlParam::from_display(&moment.snapshot);
    let mut params = vec![SqlParam::from_display(rows)];
    let (statement, since, until, position) = match progress {
        None => (&ALL, None, None, None),
        Some(Progress::Until(since)) => (&SINCE, Some(since), None, None),
        Some(Progress::Within(Pages { since, until }, position)) => {
            let statement = match (since, position) {
                (None, Position::StoredEarlier(id)) => {
                    params.push(SqlParam::from_str(id));
                    return (&ALL_EARLIER_AFTER, params);
                }
                (None, _) => &ALL_AFTER,
                (Some(_), Position::Deleted(..)) => &SINCE_AFTER_DELETE,
                (Some(_), _) => &SINCE_AFTER_PUT,
            };
            (statement, since.as_ref(), Some(until), Some(position))
        }
    };
    params.extend(since.into_iter().chain(until).map(snapshot));
    if let Some(Position::Deleted(transaction, id) | Position::Stored(transaction, id)) = position {
        params.extend([SqlParam::from_display(transaction), SqlParam::from_str(id)]);
    }
    (statement, params)
}

fn database_state(row: &Row) -> Result<DatabaseState, DbError> {
    Ok(DatabaseState {
        epoch: row.get(KIND + 3)?,
        now: Moment { time: row.get(KIND + 5)?, snapshot: row.parse(KIND + 4, Snapshot::from_postgres)? },
        has_number_ids: row.get(KIND + 6)?,
    })
}

/// The id of a task that was deleted, in the form that the ids of tasks have now.
fn deleted_id(text: String, has_number_ids: bool) -> RowId {
    let number = text.parse::<i64>().ok().filter(|number| has_number_ids && number.to_string() == text);
    number.map_or(RowId::Text(text), RowId::Number)
}

/// An id of another type than the column's was not in a response since the epoch began.
fn map_changes_error(error: DbError) -> StoreError {
    match error.kind() {
        DbErrorKind::Rejected(Rejection::Literal | Rejection::Encoding) => StoreError::InvalidSyncToken,
        _ => StoreError::about_user(&TASK, error),
    }
}
