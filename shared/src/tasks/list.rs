//! The SQL of lists of tasks: the conditions that a request asks for, and no others.

use super::columns::{CREATED_AT, DUE_DATE, UPDATED_AT, task_columns};
use super::cursor::{Cursor, Position, SortKey};
use super::due_date::DueDate;
use super::filter::{Filter, Order, Overdue, Sort, TIME_ZONE_RULE};
use super::model::{TASK, TaskPage};
use super::overdue::{MAX_OFFSET_HOURS, is_floating, is_overdue, overdue_params};
use super::pages::select_page;
use super::query::ListQuery;
use super::repository::UserTasks;
use crate::db::{DbError, DbErrorKind, Rejection, Row, SqlParam};
use crate::input::{Failure, InvalidInput};
use crate::scope::{Select, SelectStatement, SqlFragment, StartStatement, StoreError};

/// The start of a list, with the sort key after the columns of the task if it is not one of them.
macro_rules! list {
    ($sort_key:literal) => {
        concat!(
            "select ",
            task_columns!(),
            $sort_key,
            "
from tasks
where user_id = $1
"
        )
    };
}

static LIST: SelectStatement = SelectStatement::new("list", list!(""));
static LIST_BY_TITLE: SelectStatement = SelectStatement::new("list", list!(", lower(title)"));
static LIST_BY_PRIORITY: SelectStatement = SelectStatement::new("list", list!(", lower(priority)"));

static COUNT: SelectStatement = SelectStatement::new("count", "select count(*) from tasks where user_id = $1");

// The conditions are written so that the partial indexes on `completed is true` and `completed is not true` apply. A task
// without the flag is pending.
static COMPLETED: SqlFragment = SqlFragment::new("completed is true");
static PENDING: SqlFragment = SqlFragment::new("completed is not true");
// An earlier back end may have stored another spelling.
static PRIORITY: SqlFragment<1> = SqlFragment::new("lower(priority) = ?::text");
static DUE_BEFORE: SqlFragment<1> = SqlFragment::new("due_date < ?");
static DUE_AFTER: SqlFragment<1> = SqlFragment::new("due_date > ?");
static OVERDUE: SqlFragment<1> = SqlFragment::new("due_date < ? and completed is not true");
static NOT_OVERDUE: SqlFragment<1> = SqlFragment::new("(due_date < ? and completed is not true) is not true");

// Where due dates have two kinds and the clock of the zone differs from UTC. The first parameter lets an index bound what
// is read: no clock differs from UTC by more than `MAX_OFFSET_HOURS`.
static DUE_BEFORE_FLOATING: SqlFragment<4> = SqlFragment::new(concat!(
    "due_date < ? and date_part('epoch', due_date) < case when ",
    is_floating!(),
    " then date_part('epoch', ?::timestamp) else date_part('epoch', ?::timestamp at time zone ?::text) end"
));
static DUE_BEFORE_INSTANT: SqlFragment<4> = SqlFragment::new(concat!(
    "due_date < ? and date_part('epoch', due_date) < case when not (",
    is_floating!(),
    ") then date_part('epoch', ?::timestamptz) else date_part('epoch', ?::timestamptz at time zone ?::text) end"
));
static DUE_AFTER_FLOATING: SqlFragment<4> = SqlFragment::new(concat!(
    "due_date > ? and date_part('epoch', due_date) > case when ",
    is_floating!(),
    " then date_part('epoch', ?::timestamp) else date_part('epoch', ?::timestamp at time zone ?::text) end"
));
static DUE_AFTER_INSTANT: SqlFragment<4> = SqlFragment::new(concat!(
    "due_date > ? and date_part('epoch', due_date) > case when not (",
    is_floating!(),
    ") then date_part('epoch', ?::timestamptz) else date_part('epoch', ?::timestamptz at time zone ?::text) end"
));
static OVERDUE_IN_ZONE: SqlFragment<4> = SqlFragment::new(is_overdue!("?", "?", "?"));
static NOT_OVERDUE_IN_ZONE: SqlFragment<4> =
    SqlFragment::new(concat!("(", is_overdue!("?", "?", "?"), ") is not true"));

static ALL_WORDS: SqlFragment<1> = SqlFragment::new("concat_ws(' ', title, description) ilike all (?::text[])");

// Letters that look the same can be composed or decomposed. Only databases in UTF-8 can normalize them.
static ALL_WORDS_NORMALIZED: SqlFragment<2> = SqlFragment::new(
    "case when getdatabaseencoding() = 'UTF8' \
     then normalize(concat_ws(' ', title, description)) ilike all (array(select normalize(word) from unnest(?::text[]) as word)) \
     else concat_ws(' ', title, description) ilike all (?::text[]) end",
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::list`] without filters.
    pub const LIST: StartStatement =
        StartStatement::new(concat!(list!(""), " order by created_at desc, id desc limit $2"));

    /// The tasks that match the query, in its order.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn list(&self, query: &ListQuery) -> Result<TaskPage, StoreError> {
        let statement = match query.sort {
            Sort::Created | Sort::Updated | Sort::DueDate => &LIST,
            Sort::Title => &LIST_BY_TITLE,
            Sort::Priority => &LIST_BY_PRIORITY,
        };
        let mut list = self.scope.select(statement);
        apply_filter(&mut list, &query.filter);
        select_page(&mut list, query);
        if is_page_of_an_index(query) {
            list.prepare();
        }
        let (rows, total) = if query.with_total {
            let mut count = self.scope.select(&COUNT);
            apply_filter(&mut count, &query.filter);
            if query.filter.is_by_status() {
                count.prepare();
            }
            let [rows, counts] = self.scope.fetch([list, count]).await.map_err(|error| list_error(query, error))?;
            let total = counts.first().map(|row| row.get(0)).transpose().map_err(map_user_error)?;
            (rows, total)
        } else {
            let [rows] = self.scope.fetch([list]).await.map_err(|error| list_error(query, error))?;
            (rows, None)
        };
        let limit = query.limit as usize;
        let tasks = rows.iter().take(limit).map(|row| self.task(row)).collect::<Result<Vec<_>, _>>()?;
        let next_cursor = match (tasks.last(), rows.get(limit.saturating_sub(1))) {
            (Some(last), Some(row)) if rows.len() > limit => {
                let key = sort_key(row, query).map_err(map_user_error)?;
                Some(Cursor::encode(query.order, &query.filter, &Position { key, id: last.id.to_string() }))
            }
            _ => None,
        };
        Ok(TaskPage { tasks, total, limit: query.limit, next_cursor })
    }
}

/// The first sort key of a task, as the database has it: [`Task`](super::Task) has no time outside of RFC 3339, and one time
/// can stand for another.
fn sort_key(row: &Row, query: &ListQuery) -> Result<SortKey, DbError> {
    Ok(match query.sort {
        Sort::Created => SortKey::Created(row.get(CREATED_AT)?),
        Sort::Updated => SortKey::Updated(row.get(UPDATED_AT)?),
        Sort::DueDate => SortKey::DueDate(row.get(DUE_DATE)?),
        Sort::Title => SortKey::Title(row.last()?),
        Sort::Priority => {
            let word: Option<String> = row.last()?;
            SortKey::Priority(word.filter(|word| query.priorities.ranks().any(|rank| rank == *word)))
        }
    })
}

/// Whether an index has the tasks of every user in this order, without others between them.
fn is_page_of_an_index(query: &ListQuery) -> bool {
    match (query.sort, query.order) {
        (Sort::Created, _) => query.filter.is_by_status(),
        (Sort::Updated, _) | (Sort::DueDate, Order::Ascending) => {
            query.filter.is_by_status() && query.filter.completed.is_none()
        }
        _ => false,
    }
}

fn apply_filter(select: &mut Select<'_>, filter: &Filter) {
    if let Some(completed) = filter.completed {
        select.and(if completed { &COMPLETED } else { &PENDING }, []);
    }
    if let Some(priority) = filter.priority {
        select.and(&PRIORITY, [SqlParam::from_display(priority.to_lowercase())]);
    }
    if let Some(due_date) = filter.due_before {
        let conditions = [&DUE_BEFORE_FLOATING, &DUE_BEFORE_INSTANT];
        apply_due_date(select, filter, due_date, &DUE_BEFORE, conditions, MAX_OFFSET_HOURS);
    }
    if let Some(due_date) = filter.due_after {
        let conditions = [&DUE_AFTER_FLOATING, &DUE_AFTER_INSTANT];
        apply_due_date(select, filter, due_date, &DUE_AFTER, conditions, -MAX_OFFSET_HOURS);
    }
    if let Some(overdue) = filter.overdue {
        apply_overdue(select, filter, overdue);
    }
    if !filter.words.is_empty() {
        let patterns = || SqlParam::from_texts(filter.words.iter().map(|word| format!("%{}%", escape_like(word))));
        if filter.words.iter().all(|word| word.is_ascii()) {
            select.and(&ALL_WORDS, [patterns()]);
        } else {
            select.and(&ALL_WORDS_NORMALIZED, [patterns(), patterns()]);
        }
    }
}

/// `plain` if a floating due date and an instant of the same text are compared alike, else the one of `in_zone` for the
/// kind of `due_date`.
fn apply_due_date(
    select: &mut Select<'_>,
    filter: &Filter,
    due_date: DueDate,
    plain: &'static SqlFragment<1>,
    in_zone: [&'static SqlFragment<4>; 2],
    offset_hours: i64,
) {
    let time = || SqlParam::from_display(due_date.time);
    let Some(zone) = filter.time_zone.as_ref().filter(|_| filter.has_floating_due_dates) else {
        return select.and(plain, [time()]);
    };
    let [floating, instant] = in_zone;
    let condition = if due_date.is_floating() { floating } else { instant };
    let bound = SqlParam::from_display(due_date.time.saturating_add_hours(offset_hours));
    select.and(condition, [bound, time(), time(), SqlParam::from_display(zone)]);
}

fn apply_overdue(select: &mut Select<'_>, filter: &Filter, Overdue { is_overdue, now }: Overdue) {
    if !filter.has_floating_due_dates {
        return select.and(if is_overdue { &OVERDUE } else { &NOT_OVERDUE }, [SqlParam::from_display(now)]);
    }
    let [bound, now, zone] = overdue_params(now, filter.time_zone.as_deref());
    let params = [bound, now.clone(), zone, now];
    select.and(if is_overdue { &OVERDUE_IN_ZONE } else { &NOT_OVERDUE_IN_ZONE }, params);
}

/// A pattern of `like` that matches `text` only.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

fn map_user_error(error: DbError) -> StoreError {
    StoreError::about_user(&TASK, error)
}

/// What PostgreSQL may not know is the time zone, and what it may not be able to compare is a word. A cursor has both, and
/// further values that only the column can reject.
fn list_error(query: &ListQuery, error: DbError) -> StoreError {
    let is_of_cursor = matches!(
        error.kind(),
        DbErrorKind::Rejected(Rejection::Parameter | Rejection::Encoding | Rejection::Literal | Rejection::Time)
    );
    if query.after.is_some() && is_of_cursor {
        return StoreError::InvalidCursor(error);
    }
    let (pointer, detail) = match error.kind() {
        DbErrorKind::Rejected(Rejection::Parameter) => ("/tz", TIME_ZONE_RULE),
        DbErrorKind::Rejected(Rejection::Encoding) => {
            ("/search", "search has a character that the database cannot store")
        }
        _ => return map_user_error(error),
    };
    StoreError::InvalidInput(InvalidInput(vec![Failure { pointer: pointer.to_owned(), detail: detail.to_owned() }]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::pages::CREATED_DESC;

    #[test]
    fn the_statement_of_the_start_is_that_of_a_list() {
        let keys = CREATED_DESC.keys.as_str();
        assert_eq!(UserTasks::LIST.sql(), format!("{} order by {keys} limit $2", list!("")));
    }
}
