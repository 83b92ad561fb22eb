//! Points in time with PostgreSQL's resolution, one microsecond.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::{SignedDuration, tz::Offset};
use serde::ser::{Serialize, Serializer};

/// A UTC time in the years 1 to 9999, the range of RFC 3339, with a resolution of one microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime);

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

    /// The time in UTC.
    pub(crate) fn text(self) -> TimestampText {
        TimestampText::of(&self.0)
    }

    /// The time without a zone: `2026-11-21T02:51:49`, with decimals only if they are not zero.
    pub(crate) fn to_civil_text(self) -> String {
        self.truncated().to_string()
    }

    /// The time `hours` later, or earlier if negative; at most the first or last time in range.
    pub(crate) fn saturating_add_hours(self, hours: i64) -> Self {
        self.saturating_add(SignedDuration::from_hours(hours))
    }

    /// As [`Timestamp::saturating_add_hours`].
    pub(crate) fn saturating_add_microseconds(self, microseconds: i64) -> Self {
        self.saturating_add(SignedDuration::from_micros(microseconds))
    }

    fn saturating_add(self, duration: SignedDuration) -> Self {
        let edge = if duration.is_negative() { MIN } else { MAX };
        let time = self.0.checked_add(duration).unwrap_or(edge);
        Self(time.clamp(MIN, MAX))
    }

    /// Whether the time of day is zero.
    pub(crate) fn is_midnight(self) -> bool {
        self.0.time() == jiff::civil::Time::midnight()
    }

    /// Whether the two are less than a second apart.
    pub(crate) fn is_within_a_second_of(self, other: Self) -> bool {
        self.0.duration_since(other.0).abs() < SignedDuration::from_secs(1)
    }

    /// Without what `Date` of JavaScript does not have.
    pub(crate) fn to_milliseconds(self) -> Self {
        Self(self.truncated_to(1_000_000))
    }

    /// Without fractions of a second.
    pub(crate) fn to_seconds(self) -> Self {
        Self(self.truncated_to(1_000_000_000))
    }

    /// Without the nanoseconds that PostgreSQL does not store.
    fn truncated(self) -> DateTime {
        self.truncated_to(1000)
    }

    fn truncated_to(self, nanoseconds: i32) -> DateTime {
        let nanosecond = self.0.subsec_nanosecond() / nanoseconds * nanoseconds;
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
        // Its range ends before that of `DateTime`, by a day.
        let time = jiff::Timestamp::from_microsecond(microseconds).map_or_else(
            |_| EPOCH.checked_add(SignedDuration::from_micros(microseconds)).unwrap_or(edge),
            |time| Offset::UTC.to_datetime(time),
        );
        Self(time.clamp(MIN, MAX))
    }
}

/// A time in RFC 3339 in UTC with `Z`: `2026-11-21T02:51:49.233112Z`. Always six decimals, so that the texts sort like the
/// times.
pub(crate) struct TimestampText([u8; 27]);

impl TimestampText {
    /// A list has two or three times for each task, so the digits are written without the machinery of `fmt`.
    fn of(time: &DateTime) -> Self {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut write = |mut end: usize, digits: usize, mut number: u32| {
            for _ in 0..digits {
                end -= 1;
                text[end] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        write(4, 4, time.year().unsigned_abs().into());
        write(7, 2, time.month().unsigned_abs().into());
        write(10, 2, time.day().unsigned_abs().into());
        write(13, 2, time.hour().unsigned_abs().into());
        write(16, 2, time.minute().unsigned_abs().into());
        write(19, 2, time.second().unsigned_abs().into());
        write(26, 6, time.subsec_nanosecond().unsigned_abs() / 1000);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text().as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
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
    fn texts_are_those_of_jiff() {
        let printer = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(6));
        // Steps of a prime number of microseconds over all years.
        let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
        for microseconds in (first..last).step_by(3_155_695_200_007) {
            let time = Timestamp::from_microseconds(microseconds);
            assert_eq!(time.to_string(), format!("{}Z", printer.datetime_to_string(&time.0)));
        }
    }

    #[test]
    fn the_first_and_the_last_day_are_in_range() {
        for text in ["0001-01-01T00:00:00.000001Z", "9999-12-30T23:00:00.000000Z", "9999-12-31T23:59:59.999998Z"] {
            let time = Timestamp::parse(text).expect("an RFC 3339 time");
            let microseconds = time.0.duration_since(EPOCH).as_micros();
            assert_eq!(Timestamp::from_microseconds(i64::try_from(microseconds).expect("64 bits")), time);
        }
    }

    #[test]
    fn a_time_out_of_range_becomes_the_nearest_in_range() {
        assert_eq!(Timestamp::from_microseconds(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_microseconds(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_microseconds(1), Timestamp::parse("1970-01-01T00:00:00.000001Z").expect("a time"));
    }
}
