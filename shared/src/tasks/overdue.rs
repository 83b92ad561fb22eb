//! The SQL that tells which tasks are overdue, where due dates have two kinds.

use crate::db::SqlParam;
use crate::time::Timestamp;

/// Whether a due date is floating; see the module `due_date`. `date_part` reads a time without a zone as UTC.
macro_rules! is_floating {
    () => {
        "((abs(date_part('epoch', due_date_marker) - date_part('epoch', due_date)) < 1) is true) \
         <> (pg_typeof(due_date) = 'timestamp'::regtype)"
    };
}

/// Whether a task is pending and its due date has passed: now, for floating due dates on the clock of the task's own zone, or
/// of the given one if it has none. A floating midnight is a date, which lasts until its end.
///
/// The parameters are those of [`overdue_params`]; the second one occurs three times. The first lets an index bound what is
/// read. The two zones are apart, so that PostgreSQL looks at the given one even if no row needs it.
macro_rules! is_overdue {
    ($bound:literal, $now:literal, $zone:literal) => {
        concat!(
            "due_date < ",
            $bound,
            " and completed is not true and date_part('epoch', due_date) < case when ",
            is_floating!(),
            " then case when tasks_api.as_label(time_zone) is null then date_part('epoch', ",
            $now,
            "::timestamptz at time zone ",
            $zone,
            "::text) else date_part('epoch', ",
            $now,
            "::timestamptz at time zone tasks_api.known_zone(tasks_api.as_label(time_zone))) end \
             - case when date_part('epoch', due_date) / 86400 = floor(date_part('epoch', due_date) / 86400) \
             then 86400 else 0 end \
             else date_part('epoch', ",
            $now,
            "::timestamptz) end"
        )
    };
}

pub(super) use {is_floating, is_overdue};

/// The clocks of all zones are within this of UTC.
pub(super) const MAX_OFFSET_HOURS: i64 = 16;

/// The parameters of [`is_overdue`]. Without a name of a zone it is UTC.
pub(super) fn overdue_params(now: Timestamp, zone: Option<&str>) -> [SqlParam<'static>; 3] {
    let bound = SqlParam::from_display(now.saturating_add_hours(MAX_OFFSET_HOURS));
    [bound, SqlParam::from_display(now), SqlParam::from_display(zone.unwrap_or("UTC"))]
}
