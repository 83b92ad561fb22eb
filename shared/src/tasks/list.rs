//! The SQL of lists of tasks: the conditions that a request asks for, and no others.

use super::model::{TASK, TaskPage};
use super::query::{Filter, ListQuery, Order, Sort};
use super::repository::UserTasks;
use crate::db::{DbError, SqlParam};
use crate::scope::{Select, SelectStatement, SqlFragment, StoreError};
use crate::time::Timestamp;

static LIST: SelectStatement = SelectStatement::new(
    "list",
    "\
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version
from tasks
where user_id = $1
",
);

static COUNT: SelectStatement = SelectStatement::new("count", "select count(*) from tasks where user_id = $1");

// The conditions are written so that the partial indexes on `completed is true` and `completed is not true` apply. A task
// without the flag is pending.
static COMPLETED: SqlFragment = SqlFragment::new("completed is true");
static PENDING: SqlFragment = SqlFragment::new("completed is not true");
static PRIORITY: SqlFragment = SqlFragment::new("priority = ?::text");
static DUE_BEFORE: SqlFragment = SqlFragment::new("due_date < ?");
static DUE_AFTER: SqlFragment = SqlFragment::new("due_date > ?");
static OVERDUE: SqlFragment = SqlFragment::new("due_date < ? and completed is not true");
static NOT_OVERDUE: SqlFragment = SqlFragment::new("(due_date < ? and completed is not true) is not true");
static ALL_WORDS: SqlFragment = SqlFragment::new("concat_ws(' ', title, description) ilike all (?::text[])");

// The id as the last key makes each order total. Tasks without a due date or a priority come last in both directions. A
// priority that an earlier back end made up has no rank.
static CREATED_ASC: SqlFragment = SqlFragment::new("created_at asc, id asc");
static CREATED_DESC: SqlFragment = SqlFragment::new("created_at desc, id desc");
static UPDATED_ASC: SqlFragment = SqlFragment::new("updated_at asc, id asc");
static UPDATED_DESC: SqlFragment = SqlFragment::new("updated_at desc, id desc");
static DUE_DATE_ASC: SqlFragment = SqlFragment::new("due_date asc nulls last, id asc");
static DUE_DATE_DESC: SqlFragment = SqlFragment::new("due_date desc nulls last, id desc");
static TITLE_ASC: SqlFragment = SqlFragment::new("lower(title) asc, id asc");
static TITLE_DESC: SqlFragment = SqlFragment::new("lower(title) desc, id desc");
static PRIORITY_ASC: SqlFragment = SqlFragment::new(
    "case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end asc nulls last, id asc",
);
static PRIORITY_DESC: SqlFragment = SqlFragment::new(
    "case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end desc nulls last, id desc",
);

fn sort_keys(sort: Sort, order: Order) -> &'static SqlFragment {
    match (sort, order) {
        (Sort::Created, Order::Ascending) => &CREATED_ASC,
        (Sort::Created, Order::Descending) => &CREATED_DESC,
        (Sort::Updated, Order::Ascending) => &UPDATED_ASC,
        (Sort::Updated, Order::Descending) => &UPDATED_DESC,
        (Sort::DueDate, Order::Ascending) => &DUE_DATE_ASC,
        (Sort::DueDate, Order::Descending) => &DUE_DATE_DESC,
        (Sort::Title, Order::Ascending) => &TITLE_ASC,
        (Sort::Title, Order::Descending) => &TITLE_DESC,
        (Sort::Priority, Order::Ascending) => &PRIORITY_ASC,
        (Sort::Priority, Order::Descending) => &PRIORITY_DESC,
    }
}

impl UserTasks<'_> {
    /// The tasks that match the query, in its order.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn list(&self, query: &ListQuery) -> Result<TaskPage, StoreError> {
        let mut list = self.scope.select(&LIST);
        apply_filter(&mut list, &query.filter);
        list.order_by(sort_keys(query.sort, query.order));
        list.page(query.limit, query.offset);
        let (rows, total) = if query.with_total {
            let mut count = self.scope.select(&COUNT);
            apply_filter(&mut count, &query.filter);
            let [rows, counts] = self.scope.fetch([list, count]).await.map_err(map_user_error)?;
            let total = counts.first().map(|row| row.get(0)).transpose().map_err(map_user_error)?;
            (rows, total)
        } else {
            let [rows] = self.scope.fetch([list]).await.map_err(map_user_error)?;
            (rows, None)
        };
        let tasks = rows.iter().map(|row| self.task(row)).collect::<Result<_, _>>()?;
        Ok(TaskPage { tasks, total })
    }
}

fn apply_filter(select: &mut Select<'_>, filter: &Filter) {
    if let Some(completed) = filter.completed {
        select.and(if completed { &COMPLETED } else { &PENDING });
    }
    if let Some(priority) = filter.priority {
        select.and_with(&PRIORITY, SqlParam::from_str(priority));
    }
    if let Some(time) = filter.due_before {
        select.and_with(&DUE_BEFORE, SqlParam::from_display(time));
    }
    if let Some(time) = filter.due_after {
        select.and_with(&DUE_AFTER, SqlParam::from_display(time));
    }
    if let Some(overdue) = filter.overdue {
        let condition = if overdue { &OVERDUE } else { &NOT_OVERDUE };
        select.and_with(condition, SqlParam::from_display(Timestamp::now()));
    }
    if !filter.words.is_empty() {
        let patterns = filter.words.iter().map(|word| format!("%{}%", escape_like(word)));
        select.and_with(&ALL_WORDS, SqlParam::from_texts(patterns));
    }
}

/// A pattern of `like` that matches `text` only.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

fn map_user_error(error: DbError) -> StoreError {
    StoreError::about_user(&TASK, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_ends_with_the_id() {
        for sort in [Sort::Created, Sort::Updated, Sort::DueDate, Sort::Title, Sort::Priority] {
            for (order, direction) in [(Order::Ascending, "asc"), (Order::Descending, "desc")] {
                let keys = sort_keys(sort, order).as_str();
                assert!(keys.ends_with(&format!(", id {direction}")), "{keys}");
            }
        }
    }
}
