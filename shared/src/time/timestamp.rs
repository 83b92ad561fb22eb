//! Points in time with PostgreSQL's resolution, one microsecond.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::{SignedDuration, tz::Offset};
use serde::ser::{Serialize, Serializer};

/// A UTC time in the years 1 to 9999, the range of RFC 3339, with a resolution of one microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime);

/// Always six decimals, so that the texts sort like the times.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// Longer texts are refused unread; the longest valid one has some 40 bytes.
const TEXT_MAX_BYTES: usize = 64;
/// The index at which the time of day begins.
const DATE_BYTES: usize = "2026-11-21".len();
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const MIN: DateTime = DateTime::constant(1, 1, 1, 0, 0, 0, 0);
const MAX: DateTime = DateTime::constant(9999, 12, 31, 23, 59, 59, 999_999_000);

impl Timestamp {
    /// The Unix epoch: stands for a time that was never stored.
    pub const EPOCH: Self = Self(EPOCH);

    /// Parses an RFC 3339 time. Without an offset it is UTC, without a time of day it is midnight UTC.
    ///
    /// `None` for any other text and for years out of range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_zoned(text).map(|(time, _)| time)
    }

    /// As [`Timestamp::parse`], and whether the text has an offset or `Z`.
    pub(crate) fn parse_zoned(text: &str) -> Option<(Self, bool)> {
        // Without an offset, the parser would drop a time zone in brackets and so be hours off.
        if text.len() > TEXT_MAX_BYTES || text.contains('[') {
            return None;
        }
        let has_offset = text.get(DATE_BYTES..)?.contains(['+', '-']);
        let has_zone = has_offset || text.ends_with(['Z', 'z']);
        let time = if has_offset {
            Offset::UTC.to_datetime(text.parse().ok()?)
        } else {
            text.strip_suffix(['Z', 'z']).unwrap_or(text).parse().ok()?
        };
        (MIN..=MAX).contains(&time).then_some((Self(time), has_zone))
    }

    /// The time without a zone: `2026-11-21T02:51:49`, with decimals only if they are not zero.
    pub(crate) fn to_civil_text(self) -> String {
        self.truncated().to_string()
    }

    /// The time `hours` later, or earlier if negative; at most the first or last time in range.
    pub(crate) fn saturating_add_hours(self, hours: i64) -> Self {
        let edge = if hours < 0 { MIN } else { MAX };
        let time = self.0.checked_add(SignedDuration::from_hours(hours)).unwrap_or(edge);
        Self(time.clamp(MIN, MAX))
    }

    /// Without the nanoseconds that PostgreSQL does not store.
    fn truncated(self) -> DateTime {
        let nanosecond = self.0.subsec_nanosecond() / 1000 * 1000;
        self.0.with().subsec_nanosecond(nanosecond).build().unwrap_or(self.0)
    }

    /// The current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_microseconds(since.as_micros().try_into().unwrap_or(i64::MAX))
    }

    /// From microseconds since the Unix epoch. Values out of range, such as PostgreSQL's infinity, become the nearest
    /// time in range.
    #[must_use]
    pub fn from_microseconds(microseconds: i64) -> Self {
        let edge = if microseconds < 0 { MIN } else { MAX };
        let time = EPOCH.checked_add(SignedDuration::from_micros(microseconds)).unwrap_or(edge);
        Self(time.clamp(MIN, MAX))
    }
}

/// RFC 3339 in UTC with `Z`: `2026-11-21T02:51:49.233112Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}Z", PRINTER.datetime_to_string(&self.0))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_forms_are_read_as_utc() {
        for (text, utc) in [
            ("2026-11-21T02:51:49.233112Z", "2026-11-21T02:51:49.233112Z"),
            ("2026-11-21T02:51:49Z", "2026-11-21T02:51:49.000000Z"),
            ("2026-11-21T02:51:49+02:00", "2026-11-21T00:51:49.000000Z"),
            ("2026-11-21T02:51:49.1234567-05:30", "2026-11-21T08:21:49.123456Z"),
            ("2026-11-21t02:51:49z", "2026-11-21T02:51:49.000000Z"),
            ("2026-11-21T02:51:49", "2026-11-21T02:51:49.000000Z"),
            ("2026-11-21T02:51", "2026-11-21T02:51:00.000000Z"),
            ("2026-11-21", "2026-11-21T00:00:00.000000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
            ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "tomorrow",
            "1763693509",
            "2026-02-30",
            "2026-13-01",
            "2026-11-21T25:00:00Z",
            "21.11.2026",
            "0000-12-31",
            "+010000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "2026-11-21T02:51[Europe/Berlin]",
            "9999-12-31T23:59:59-01:00",
            "2026-11-21T02:51:49+02:00Z",
            "2026-11-21T02:51:49Z\0",
            "infinity",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert_eq!(Timestamp::parse(&"2".repeat(65)), None);
    }

    #[test]
    fn a_time_out_of_range_becomes_the_nearest_in_range() {
        assert_eq!(Timestamp::from_microseconds(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_microseconds(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_microseconds(1), Timestamp::parse("1970-01-01T00:00:00.000001Z").expect("a time"));
    }
}
