//! The SQL of the conditions of a list: those that a request asks for, and no others.

use super::due_date::DueDate;
use super::filter::{DueDays, Filter, Overdue};
use super::overdue::{MAX_OFFSET_HOURS, is_floating, is_overdue, overdue_params};
use crate::db::SqlParam;
use crate::scope::{Select, SqlFragment};

/// The value of a member of the front end.
macro_rules! extra_value {
    () => {
        "coalesce(to_jsonb(tasks) -> ?::text, tasks_api.as_extra(extra) -> ?::text)"
    };
}

// The conditions are written so that the partial indexes on `completed is true` and `completed is not true` apply. A task
// without the flag is pending.
static COMPLETED: SqlFragment = SqlFragment::new("completed is true");
static PENDING: SqlFragment = SqlFragment::new("completed is not true");
// An earlier back end may have stored another spelling.
static PRIORITY: SqlFragment<1> = SqlFragment::new("lower(priority) = ?::text");
static CATEGORY: SqlFragment<1> = SqlFragment::new("tasks_api.as_label(category) = ?::text");
static ANY_TAG: SqlFragment<1> = SqlFragment::new(
    "exists (select from unnest(tasks_api.as_tags(tags)) as tag \
     where lower(tag) = any (array(select lower(name) from unnest(?::text[]) as name)))",
);

// A task without the value, whatever it is, has not this one. The column wins over the member of the same name.
static EXTRA_TRUE: SqlFragment<2> = SqlFragment::new(concat!(extra_value!(), " = 'true'::jsonb"));
static EXTRA_NOT_TRUE: SqlFragment<2> = SqlFragment::new(concat!("(", extra_value!(), " = 'true'::jsonb) is not true"));

static OVERDUE: SqlFragment<1> = SqlFragment::new("due_date < ? and completed is not true");
static NOT_OVERDUE: SqlFragment<1> = SqlFragment::new("(due_date < ? and completed is not true) is not true");
static OVERDUE_IN_ZONE: SqlFragment<5> = SqlFragment::new(is_overdue!("?", "?", "?"));
static NOT_OVERDUE_IN_ZONE: SqlFragment<5> =
    SqlFragment::new(concat!("(", is_overdue!("?", "?", "?"), ") is not true"));

/// A comparison of due dates with a time.
struct DueCondition {
    /// Where a floating due date and an instant of the same text are compared alike.
    plain: SqlFragment<1>,
    /// Compares with a floating time where due dates have two kinds and the clock of the zone differs from UTC.
    floating: SqlFragment<4>,
    /// Compares with an instant there.
    instant: SqlFragment<4>,
    /// The difference between the time and the first parameter, which lets an index bound what is read: no clock differs
    /// from UTC by more than `MAX_OFFSET_HOURS`.
    bound_hours: i64,
}

macro_rules! due_condition {
    ($comparison:literal, $bound_hours:expr) => {
        DueCondition {
            plain: SqlFragment::new(concat!("due_date ", $comparison, " ?")),
            floating: SqlFragment::new(concat!(
                "due_date ",
                $comparison,
                " ? and date_part('epoch', due_date) ",
                $comparison,
                " case when ",
                is_floating!(),
                " then date_part('epoch', ?::timestamp) \
                 else date_part('epoch', ?::timestamp at time zone ?::text) end"
            )),
            instant: SqlFragment::new(concat!(
                "due_date ",
                $comparison,
                " ? and date_part('epoch', due_date) ",
                $comparison,
                " case when not (",
                is_floating!(),
                ") then date_part('epoch', ?::timestamptz) \
                 else date_part('epoch', ?::timestamptz at time zone ?::text) end"
            )),
            bound_hours: $bound_hours,
        }
    };
}

static DUE_BEFORE: DueCondition = due_condition!("<", MAX_OFFSET_HOURS);
static DUE_AFTER: DueCondition = due_condition!(">", -MAX_OFFSET_HOURS);
static DUE_FROM: DueCondition = due_condition!(">=", -MAX_OFFSET_HOURS);
static DUE_TO: DueCondition = due_condition!("<=", MAX_OFFSET_HOURS);

/// The day on the user's clock is one of those from today on. The first two parameters let an index bound what is read.
static DUE_WITHIN_DAYS: SqlFragment<8> = SqlFragment::new(concat!(
    "due_date > ? and due_date < ? \
     and (to_timestamp(date_part('epoch', due_date)) at time zone case when ",
    is_floating!(),
    " then 'UTC' else ?::text end)::date between (?::timestamptz at time zone ?::text)::date \
     and (?::timestamptz at time zone ?::text)::date + ?::integer"
));

static ALL_WORDS: SqlFragment<1> = SqlFragment::new("concat_ws(' ', title, description) ilike all (?::text[])");

// Letters that look the same can be composed or decomposed. Only databases in UTF-8 can normalize them.
static ALL_WORDS_NORMALIZED: SqlFragment<2> = SqlFragment::new(
    "case when getdatabaseencoding() = 'UTF8' \
     then normalize(concat_ws(' ', title, description)) ilike all (array(select normalize(word) from unnest(?::text[]) as word)) \
     else concat_ws(' ', title, description) ilike all (?::text[]) end",
);

/// Adds the conditions of the filter.
pub(super) fn apply_filter(select: &mut Select<'_>, filter: &Filter) {
    if let Some(completed) = filter.completed {
        select.and(if completed { &COMPLETED } else { &PENDING }, []);
    }
    if let Some(priority) = filter.priority {
        select.and(&PRIORITY, [SqlParam::from_display(priority.to_lowercase())]);
    }
    for (due_date, condition) in [
        (filter.due_before, &DUE_BEFORE),
        (filter.due_after, &DUE_AFTER),
        (filter.due_from, &DUE_FROM),
        (filter.due_to, &DUE_TO),
    ] {
        if let Some(due_date) = due_date {
            apply_due_date(select, filter, due_date, condition);
        }
    }
    if let Some(days) = filter.due_days {
        apply_due_days(select, filter, days);
    }
    if let Some(overdue) = filter.overdue {
        apply_overdue(select, filter, overdue);
    }
    for (field, is_true) in &filter.extra {
        let params = [&field.column, &field.column].map(|column| SqlParam::from_str(column));
        select.and(if *is_true { &EXTRA_TRUE } else { &EXTRA_NOT_TRUE }, params);
    }
    if let Some(category) = &filter.category {
        select.and(&CATEGORY, [SqlParam::from_display(category)]);
    }
    if !filter.tags.is_empty() {
        select.and(&ANY_TAG, [SqlParam::from_texts(filter.tags.iter())]);
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

fn apply_due_date(select: &mut Select<'_>, filter: &Filter, due_date: DueDate, condition: &'static DueCondition) {
    let time = || SqlParam::from_display(due_date.time);
    let Some(zone) = filter.time_zone.as_ref().filter(|_| filter.has_floating_due_dates) else {
        return select.and(&condition.plain, [time()]);
    };
    let in_zone = if due_date.is_floating() { &condition.floating } else { &condition.instant };
    let bound = SqlParam::from_display(due_date.time.saturating_add_hours(condition.bound_hours));
    select.and(in_zone, [bound, time(), time(), SqlParam::from_display(zone)]);
}

fn apply_due_days(select: &mut Select<'_>, filter: &Filter, DueDays { count, now }: DueDays) {
    let zone = filter.time_zone.as_deref().filter(|_| filter.has_floating_due_dates).unwrap_or("UTC");
    let zone = || SqlParam::from_display(zone);
    // The current day began up to a day ago.
    let bounds = [-24 - MAX_OFFSET_HOURS, i64::from(count) * 24 + MAX_OFFSET_HOURS];
    let [low, high] = bounds.map(|hours| SqlParam::from_display(now.saturating_add_hours(hours)));
    let now = || SqlParam::from_display(now);
    let last_day = SqlParam::from_display(count.saturating_sub(1));
    select.and(&DUE_WITHIN_DAYS, [low, high, zone(), now(), zone(), now(), zone(), last_day]);
}

fn apply_overdue(select: &mut Select<'_>, filter: &Filter, Overdue { is_overdue, now }: Overdue) {
    if !filter.has_floating_due_dates {
        return select.and(if is_overdue { &OVERDUE } else { &NOT_OVERDUE }, [SqlParam::from_display(now)]);
    }
    let [bound, now, zone] = overdue_params(now, filter.time_zone.as_deref());
    let params = [bound, now.clone(), zone, now.clone(), now];
    select.and(if is_overdue { &OVERDUE_IN_ZONE } else { &NOT_OVERDUE_IN_ZONE }, params);
}

/// A pattern of `like` that matches `text` only.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
