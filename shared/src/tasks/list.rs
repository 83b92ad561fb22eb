//! The SQL of lists of tasks.

use super::columns::{CREATED_AT, DUE_DATE, UPDATED_AT, task_columns};
use super::conditions::apply_filter;
use super::cursor::{Cursor, Position, SortKey};
use super::filter::{Filter, Order, Sort, TIME_ZONE_RULE};
use super::model::{TASK, TaskPage};
use super::pages::select_page;
use super::query::ListQuery;
use super::repository::UserTasks;
use crate::db::{DbError, DbErrorKind, Rejection, Row};
use crate::input::{Failure, InvalidInput};
use crate::scope::{SelectStatement, StartStatement, StoreError};

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

/// The parameter whose text the encoding of the database may not have.
fn foreign_text(filter: &Filter) -> (&'static str, &'static str) {
    if !filter.words.iter().all(|word| word.is_ascii()) {
        ("/search", "search has a character that the database cannot store")
    } else if !filter.tags.iter().all(|tag| tag.is_ascii()) {
        ("/tag", "tag has a character that the database cannot store")
    } else {
        ("/category", "category has a character that the database cannot store")
    }
}

fn map_user_error(error: DbError) -> StoreError {
    StoreError::about_user(&TASK, error)
}

/// What PostgreSQL may not know is the time zone, and what it may not be able to compare is a text. A cursor has both, and
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
        DbErrorKind::Rejected(Rejection::Encoding) => foreign_text(&query.filter),
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
