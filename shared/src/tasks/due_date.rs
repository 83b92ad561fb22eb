//! Due dates.
//!
//! A due date that a client sends without an offset is floating: a time on the user's clock, in whatever zone. One with an
//! offset is an instant. The column `due_date` stores the clock's time or the time in UTC, whether it has a time zone or
//! not. What another program writes is of the column's kind: an instant in a column with a time zone, floating in one
//! without. A due date of the other kind is also stored in the column `due_date_marker`. If another program then changes
//! `due_date`, the two differ, and the marker has no effect any more. A difference of less than a second is no change: the
//! column may have fewer decimals than the marker, as `timestamp(3)` has, and so may the times of another program.

use crate::config::JsonFormat;
use crate::db::SqlParam;
use crate::output::JsonText;
use crate::time::Timestamp;

/// A due date as a request gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueDateInput {
    pub(super) due_date: DueDate,
    /// Whether it has no time of day. `None` for a midnight, which is how responses write a date: it stays what it was.
    pub(super) is_date: Option<bool>,
}

impl DueDateInput {
    /// As [`DueDate::parse`].
    pub(super) fn parse(text: &str, format: JsonFormat) -> Option<Self> {
        let due_date = DueDate::parse(text, format)?;
        let is_midnight = due_date.kind != Kind::Instant && due_date.time.is_midnight();
        let is_date = !text.contains(':');
        Some(Self { due_date, is_date: (is_date || !is_midnight).then_some(is_date) })
    }
}

/// When a task should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDate {
    /// The clock's time if it is floating, else the time in UTC.
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Floating,
    Instant,
    /// With `TASK_DUE_DATES=instant` the kinds are not distinguished: what is stored is of the column's kind.
    OfColumn,
}

impl DueDate {
    /// Parses an RFC 3339 time or date, with or without an offset.
    pub(super) fn parse(text: &str, format: JsonFormat) -> Option<Self> {
        let (time, has_zone) = Timestamp::parse_zoned(text)?;
        let kind = match (format.instant_due_dates, has_zone) {
            (true, _) => Kind::OfColumn,
            (false, true) => Kind::Instant,
            (false, false) => Kind::Floating,
        };
        Some(Self { time, kind })
    }

    /// The last time of the day that begins at this one, in the resolution of the database.
    pub(super) fn end_of_day(self) -> Self {
        Self { time: self.time.saturating_add_microseconds(24 * 3600 * 1_000_000 - 1), ..self }
    }

    /// From the columns `due_date`, which may have a zone, and `due_date_marker`.
    pub(super) fn from_columns(due_date: Timestamp, has_zone: bool, marker: Option<Timestamp>) -> Self {
        let is_of_other_kind = marker.is_some_and(|marker| marker.is_within_a_second_of(due_date));
        let is_floating = has_zone == is_of_other_kind;
        Self { time: due_date, kind: if is_floating { Kind::Floating } else { Kind::Instant } }
    }

    /// From the column `next_occurrence`, which has the kind of the due date.
    pub(super) fn of_next_occurrence(self, time: Timestamp) -> Self {
        Self { time, ..self }
    }

    pub(super) fn is_floating(self) -> bool {
        self.kind == Kind::Floating
    }

    /// Writes `"2026-12-05T17:30:00"` if it is floating, else `"2026-12-05T17:30:00.000000Z"`, and `null` without one.
    pub(super) fn write(due_date: Option<Self>, json: &mut JsonText, format: JsonFormat) {
        match due_date {
            None => json.literal("null"),
            Some(due_date) if due_date.is_floating() && !format.instant_due_dates => {
                json.plain(&due_date.time.to_civil_text());
            }
            Some(due_date) => json.plain(due_date.time.text().as_str()),
        }
    }

    /// The text of which [`DueDate::parse`] makes the same due date, without the nanoseconds that are not stored.
    pub(super) fn to_parameter(self) -> String {
        if self.is_floating() { self.time.to_civil_text() } else { self.time.to_string() }
    }

    /// Whether both are the same due date in the resolution of the database.
    pub(super) fn equals_stored(self, stored: Self) -> bool {
        self.has_time_of(stored) && (self.kind == stored.kind || self.kind == Kind::OfColumn)
    }

    /// Whether both have the same time, of whatever kind.
    pub(super) fn has_time_of(self, other: Self) -> bool {
        self.time.to_civil_text() == other.time.to_civil_text()
    }

    /// Three parameters: `due_date`; whether it is floating; the `due_date_marker` if the column has the other kind.
    pub(super) fn params(due_date: Option<Self>) -> [SqlParam<'static>; 3] {
        let (is_floating, marker) = Self::kind_columns(due_date);
        [
            due_date.map_or(SqlParam::NULL, Self::param),
            SqlParam::from_display(is_floating),
            marker.map_or(SqlParam::NULL, SqlParam::from_display),
        ]
    }

    /// The parameter that is compared with `due_date` and stored there.
    pub(super) fn param(self) -> SqlParam<'static> {
        SqlParam::from_display(self.time)
    }

    /// Whether it is floating, and the `due_date_marker` if the column has the other kind.
    pub(super) fn kind_columns(due_date: Option<Self>) -> (bool, Option<String>) {
        let Some(Self { time, kind }) = due_date else { return (false, None) };
        let marker = (kind != Kind::OfColumn).then(|| time.to_civil_text());
        (kind == Kind::Floating, marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TagsForm;

    const FORMAT: JsonFormat = JsonFormat {
        list_object: false,
        camel_case_too: false,
        instant_due_dates: false,
        fields: &[],
        tags: TagsForm::Names,
        extra: &[],
    };
    const INSTANTS: JsonFormat = JsonFormat { instant_due_dates: true, ..FORMAT };

    fn json(text: &str, format: JsonFormat) -> String {
        let mut json = JsonText::default();
        DueDate::write(DueDate::parse(text, format), &mut json, format);
        json.finish().trim_matches('"').to_owned()
    }

    #[test]
    fn without_an_offset_it_is_floating() {
        for (text, floating, instant) in [
            ("2026-12-05", "2026-12-05T00:00:00", "2026-12-05T00:00:00.000000Z"),
            ("2026-12-05T17:30", "2026-12-05T17:30:00", "2026-12-05T17:30:00.000000Z"),
            ("2026-12-05 17:30:15.25", "2026-12-05T17:30:15.25", "2026-12-05T17:30:15.250000Z"),
            ("2026-12-05T17:30:00+02:00", "2026-12-05T15:30:00.000000Z", "2026-12-05T15:30:00.000000Z"),
            ("2026-12-05T17:30:00Z", "2026-12-05T17:30:00.000000Z", "2026-12-05T17:30:00.000000Z"),
        ] {
            assert_eq!((&*json(text, FORMAT), &*json(text, INSTANTS)), (floating, instant), "{text}");
        }
    }

    #[test]
    fn a_date_has_no_time_of_day() {
        let is_date = |text, format| DueDateInput::parse(text, format).map(|due_date| due_date.is_date);
        for format in [FORMAT, INSTANTS] {
            assert_eq!(is_date("2026-12-05", format), Some(Some(true)));
            assert_eq!(is_date("2026-12-05T17:30", format), Some(Some(false)));
            assert_eq!(is_date("2026-12-05T00:00:00", format), Some(None));
        }
        assert_eq!(is_date("2026-12-05T00:00:00Z", FORMAT), Some(Some(false)));
        assert_eq!(is_date("2026-12-05T00:00:00Z", INSTANTS), Some(None));
    }

    #[test]
    fn the_column_and_the_marker_tell_the_kind() {
        let time = Timestamp::parse("2026-12-05T17:30").expect("a time");
        let other = Timestamp::parse("2026-12-06T17:30");
        let is_floating = |has_zone, marker| DueDate::from_columns(time, has_zone, marker).is_floating();
        assert!(!is_floating(true, None) && is_floating(false, None));
        assert!(is_floating(true, Some(time)) && !is_floating(false, Some(time)));
        assert!(!is_floating(true, other) && is_floating(false, other));
    }
}
