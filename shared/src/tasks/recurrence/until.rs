//! The last time at which a task can recur.

use std::fmt;

use crate::time::Timestamp;

/// The value of `UNTIL`. It has no fractions of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end of a day. The time is its midnight.
    Date(Timestamp),
    /// A time on the user's clock.
    Floating(Timestamp),
    Instant(Timestamp),
}

/// The length of `2026-12-31T17:00:00`.
const TIME_BYTES: usize = 19;

impl Until {
    /// As a rule has it, `20261231`, `20261231T170000` or `20261231T170000Z`, or as RFC 3339 does.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = extended(text).unwrap_or_else(|| text.to_owned());
        let (time, has_zone) = Timestamp::parse_zoned(&text)?;
        let time = time.to_seconds();
        Some(match (has_zone, text.contains(['T', 't', ' '])) {
            (true, _) => Self::Instant(time),
            (false, true) => Self::Floating(time),
            (false, false) => Self::Date(time),
        })
    }

    /// As [`Until::parse`], but a midnight on the user's clock is a date: that is how responses write one.
    pub(super) fn parse_end_date(text: &str) -> Option<Self> {
        match Self::parse(text)? {
            Self::Floating(time) if civil_text(time).ends_with("T00:00:00") => Some(Self::Date(time)),
            until => Some(until),
        }
    }

    /// In the form of a due date: without an offset, unless it is an instant.
    pub(super) fn to_end_date(self) -> String {
        match self {
            Self::Date(time) | Self::Floating(time) => civil_text(time),
            Self::Instant(time) => time.to_string(),
        }
    }

    /// Whether responses write both alike.
    pub(super) fn has_end_date_of(self, other: Self) -> bool {
        self.to_end_date() == other.to_end_date()
    }
}

impl fmt::Display for Until {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let basic = |time| civil_text(time).replace(['-', ':'], "");
        match *self {
            Self::Date(time) => formatter.write_str(basic(time).split('T').next().unwrap_or_default()),
            Self::Floating(time) => formatter.write_str(&basic(time)),
            Self::Instant(time) => write!(formatter, "{}Z", basic(time)),
        }
    }
}

/// `2026-12-31T17:00:00`
fn civil_text(time: Timestamp) -> String {
    let mut text = time.to_civil_text();
    text.truncate(TIME_BYTES);
    text
}

/// `20261231T170000Z` → `2026-12-31T17:00:00Z`. `None` for a text of another form.
fn extended(basic: &str) -> Option<String> {
    let (date, time) = basic.split_once(['T', 't']).map_or((basic, None), |(date, time)| (date, Some(time)));
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = digits(date, 8).then(|| format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]))?;
    let Some(time) = time else { return Some(date) };
    let (time, zone) = time.strip_suffix(['Z', 'z']).map_or((time, ""), |time| (time, "Z"));
    digits(time, 6).then(|| format!("{date}T{}:{}:{}{zone}", &time[..2], &time[2..4], &time[4..]))
}
