//! The SQL of pages: the order of a list, and what comes after a cursor.
//!
//! The id as the last key makes each order total; it runs in the direction of the sort. Tasks without a due date or a
//! priority come last in both directions. A priority that is not one of the words has no rank. Tasks of another back end
//! can lack the time of creation or of the last change.
//!
//! After a cursor, the tasks with a key and those without are conditions of their own, so that each is a range of an index.

use super::cursor::{Position, SortKey};
use super::filter::{Order, Sort};
use super::query::ListQuery;
use crate::config::Priorities;
use crate::db::{SqlParam, StoredTime};
use crate::scope::{Select, SqlFragment};

/// The order by a time, of which an index has the tasks with a time in a row, and those without.
pub(super) struct TimeOrder {
    pub(super) keys: SqlFragment,
    /// The same for tasks of which all or none have a time, as the index has it.
    keys_in_index: SqlFragment,
    /// Whether tasks without a time come first in the index, read in this direction.
    nulls_first_in_index: bool,
    nulls_first: bool,
    with_time: SqlFragment,
    without_time: SqlFragment,
    /// After a task with this time and this id, among those with a time.
    after: SqlFragment<2>,
    /// After a task without a time and with this id, among those without.
    after_without_time: SqlFragment<1>,
}

macro_rules! time_order {
    ($column:literal, $direction:literal, $nulls:literal, $comparison:literal) => {
        TimeOrder {
            keys: SqlFragment::new(concat!($column, " ", $direction, $nulls, ", id ", $direction)),
            keys_in_index: SqlFragment::new(concat!($column, " ", $direction, ", id ", $direction)),
            nulls_first_in_index: is_descending($direction),
            nulls_first: is_descending($direction) && $nulls.is_empty(),
            with_time: SqlFragment::new(concat!($column, " is not null")),
            without_time: SqlFragment::new(concat!($column, " is null")),
            after: SqlFragment::new(concat!("(", $column, ", id) ", $comparison, " (?, ?)")),
            after_without_time: SqlFragment::new(concat!($column, " is null and id ", $comparison, " ?")),
        }
    };
}

const fn is_descending(direction: &str) -> bool {
    direction.len() == "desc".len()
}

static CREATED_ASC: TimeOrder = time_order!("created_at", "asc", "", ">");
pub(super) static CREATED_DESC: TimeOrder = time_order!("created_at", "desc", "", "<");
static UPDATED_ASC: TimeOrder = time_order!("updated_at", "asc", "", ">");
static UPDATED_DESC: TimeOrder = time_order!("updated_at", "desc", "", "<");
static DUE_DATE_ASC: TimeOrder = time_order!("due_date", "asc", " nulls last", ">");
static DUE_DATE_DESC: TimeOrder = time_order!("due_date", "desc", " nulls last", "<");

/// An order that no index has: each page sorts the user's tasks.
static TITLE_ASC: SqlFragment = SqlFragment::new("lower(title) asc, id asc");
static TITLE_DESC: SqlFragment = SqlFragment::new("lower(title) desc, id desc");
static AFTER_TITLE_ASC: SqlFragment<2> = SqlFragment::new("(lower(title), id) > (?, ?)");
static AFTER_TITLE_DESC: SqlFragment<2> = SqlFragment::new("(lower(title), id) < (?, ?)");

static PRIORITY_ASC: SqlFragment<1> =
    SqlFragment::new("array_position(?::text[], lower(priority)) asc nulls last, id asc");
static PRIORITY_DESC: SqlFragment<1> =
    SqlFragment::new("array_position(?::text[], lower(priority)) desc nulls last, id desc");
static AFTER_PRIORITY_ASC: SqlFragment<4> = SqlFragment::new(
    "((array_position(?::text[], lower(priority)), id) > (?, ?) \
     or array_position(?::text[], lower(priority)) is null)",
);
static AFTER_PRIORITY_DESC: SqlFragment<4> = SqlFragment::new(
    "((array_position(?::text[], lower(priority)), id) < (?, ?) \
     or array_position(?::text[], lower(priority)) is null)",
);
// As rows, because with a condition on the id alone the primary key could be read, which has the tasks of all users.
static AFTER_NO_PRIORITY_ASC: SqlFragment<2> =
    SqlFragment::new("(array_position(?::text[], lower(priority)) is null, id) > (true, ?)");
static AFTER_NO_PRIORITY_DESC: SqlFragment<2> =
    SqlFragment::new("(array_position(?::text[], lower(priority)) is not null, id) < (false, ?)");

/// Selects one page in the order of the query, and one row more if there is one.
pub(super) fn select_page<'a>(select: &mut Select<'a>, query: &'a ListQuery) {
    let (limit, offset) = (query.limit + 1, query.offset);
    if let Some((order, after)) = time_order(query) {
        select_page_by_time(select, order, after, limit, offset);
        return;
    }
    let is_ascending = query.order == Order::Ascending;
    let after = query.after.as_ref();
    if query.sort == Sort::Title {
        if let Some(Position { key: SortKey::Title(title), id }) = after {
            let condition = if is_ascending { &AFTER_TITLE_ASC } else { &AFTER_TITLE_DESC };
            select.and(condition, [SqlParam::from_str(title), SqlParam::from_str(id)]);
        }
        select.order_by(if is_ascending { &TITLE_ASC } else { &TITLE_DESC }, []);
    } else {
        if let Some(Position { key: SortKey::Priority(word), id }) = after {
            select_after_priority(select, query.priorities, is_ascending, word.as_deref(), id);
        }
        select.order_by(if is_ascending { &PRIORITY_ASC } else { &PRIORITY_DESC }, [ranks(query.priorities)]);
    }
    select.page(limit, offset);
}

/// The time and the id of the last task of the page before.
type AfterTime<'a> = (Option<StoredTime>, &'a str);

/// The order of a query by a time, and after which task the page starts.
fn time_order(query: &ListQuery) -> Option<(&'static TimeOrder, Option<AfterTime<'_>>)> {
    let order = match (query.sort, query.order) {
        (Sort::Created, Order::Ascending) => &CREATED_ASC,
        (Sort::Created, Order::Descending) => &CREATED_DESC,
        (Sort::Updated, Order::Ascending) => &UPDATED_ASC,
        (Sort::Updated, Order::Descending) => &UPDATED_DESC,
        (Sort::DueDate, Order::Ascending) => &DUE_DATE_ASC,
        (Sort::DueDate, Order::Descending) => &DUE_DATE_DESC,
        (Sort::Title | Sort::Priority, _) => return None,
    };
    let after = query.after.as_ref().and_then(|Position { key, id }| match key {
        SortKey::Created(time) | SortKey::Updated(time) | SortKey::DueDate(time) => Some((*time, id.as_str())),
        SortKey::Title(_) | SortKey::Priority(_) => None,
    });
    Some((order, after))
}

fn select_page_by_time<'a>(
    select: &mut Select<'a>,
    order: &'static TimeOrder,
    after: Option<AfterTime<'a>>,
    limit: u32,
    offset: u32,
) {
    let id = |id| SqlParam::from_str(id);
    let parts = match after {
        None if order.nulls_first == order.nulls_first_in_index => {
            select.order_by(&order.keys, []);
            return select.page(limit, offset);
        }
        None => [order.with_time.with([]), order.without_time.with([])],
        Some((Some(time), after_id)) => {
            let after = [SqlParam::from_display(time), id(after_id)];
            if order.nulls_first {
                select.and(&order.after, after);
                select.order_by(&order.keys_in_index, []);
                return select.page(limit, offset);
            }
            [order.after.with(after), order.without_time.with([])]
        }
        Some((None, after_id)) if order.nulls_first => {
            [order.after_without_time.with([id(after_id)]), order.with_time.with([])]
        }
        Some((None, after_id)) => {
            select.and(&order.after_without_time, [id(after_id)]);
            select.order_by(&order.keys_in_index, []);
            return select.page(limit, offset);
        }
    };
    select.page_of_parts(parts, &order.keys_in_index, &order.keys, limit, offset);
}

fn select_after_priority<'a>(
    select: &mut Select<'a>,
    priorities: Priorities,
    is_ascending: bool,
    word: Option<&str>,
    id: &'a str,
) {
    let (ranks, id) = (|| ranks(priorities), SqlParam::from_str(id));
    match word {
        Some(word) => {
            // PostgreSQL counts from one.
            let rank = 1 + priorities.ranks().take_while(|rank| rank != word).count();
            let condition = if is_ascending { &AFTER_PRIORITY_ASC } else { &AFTER_PRIORITY_DESC };
            select.and(condition, [ranks(), SqlParam::from_display(rank), id, ranks()]);
        }
        None => {
            let condition = if is_ascending { &AFTER_NO_PRIORITY_ASC } else { &AFTER_NO_PRIORITY_DESC };
            select.and(condition, [ranks(), id]);
        }
    }
}

fn ranks(priorities: Priorities) -> SqlParam<'static> {
    SqlParam::from_texts(priorities.ranks())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_ends_with_the_id() {
        let ascending = [&CREATED_ASC, &UPDATED_ASC, &DUE_DATE_ASC].map(|order| order.keys.as_str());
        let descending = [&CREATED_DESC, &UPDATED_DESC, &DUE_DATE_DESC].map(|order| order.keys.as_str());
        for keys in ascending.into_iter().chain([TITLE_ASC.as_str(), PRIORITY_ASC.as_str()]) {
            assert!(keys.ends_with(", id asc"), "{keys}");
        }
        for keys in descending.into_iter().chain([TITLE_DESC.as_str(), PRIORITY_DESC.as_str()]) {
            assert!(keys.ends_with(", id desc"), "{keys}");
        }
    }

    #[test]
    fn tasks_without_a_time_are_where_the_index_has_them_or_last() {
        let nulls = |order: &TimeOrder| (order.nulls_first_in_index, order.nulls_first);
        assert_eq!([&CREATED_ASC, &UPDATED_ASC, &DUE_DATE_ASC].map(nulls), [(false, false); 3]);
        assert_eq!([&CREATED_DESC, &UPDATED_DESC].map(nulls), [(true, true); 2]);
        assert_eq!(nulls(&DUE_DATE_DESC), (true, false));
    }
}
