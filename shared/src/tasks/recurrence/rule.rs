//! The rule, and its canonical text.

use std::fmt;

use super::until::Until;

/// How a task recurs: the part of a recurrence rule (RFC 5545, section 3.3.10) that the database can evaluate. It starts at
/// the due date of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recurrence {
    pub(super) frequency: Frequency,
    /// 1 to [`INTERVAL_MAX`].
    pub(super) interval: u16,
    /// The days of the week. Only weekly rules have some.
    pub(super) days: Weekdays,
    /// 1 to 31, or -1 for the last day. Only monthly rules have one.
    pub(super) month_day: Option<i8>,
    pub(super) end: End,
}

/// The largest interval.
pub(super) const INTERVAL_MAX: u16 = 999;

/// The largest number of occurrences.
pub(super) const COUNT_MAX: u16 = 999;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Frequency {
    pub(super) const ALL: [Self; 4] = [Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// As a rule has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Yearly => "YEARLY",
        }
    }
}

/// When a task stops recurring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// After this number of occurrences, 1 to [`COUNT_MAX`].
    Count(u16),
    Until(Until),
}

/// A set of days of the week, a bit for each from Monday.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weekdays(u8);

impl Weekdays {
    pub(super) const NAMES: [&'static str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    pub(super) const MONDAY_TO_FRIDAY: Self = Self(0b001_1111);

    /// `MO,WE`, in any case and order. `None` if one is no day, or a day with an ordinal such as `1MO`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut days = Self::default();
        for day in text.split(',') {
            days.0 |= 1 << Self::NAMES.iter().position(|name| name.eq_ignore_ascii_case(day.trim()))?;
        }
        Some(days)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = Self::NAMES.iter().enumerate().filter(|(index, _)| self.0 & 1 << index != 0);
        for (position, (_, name)) in days.enumerate() {
            write!(formatter, "{}{name}", if position > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl Recurrence {
    /// Every day, week, month or year without end.
    pub(super) const fn every(interval: u16, frequency: Frequency) -> Self {
        Self { frequency, interval, days: Weekdays(0), month_day: None, end: End::Never }
    }
}

/// The canonical text, without `RRULE:`: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231`.
impl fmt::Display for Recurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FREQ={}", self.frequency.name())?;
        if self.interval > 1 {
            write!(formatter, ";INTERVAL={}", self.interval)?;
        }
        if !self.days.is_empty() {
            write!(formatter, ";BYDAY={}", self.days)?;
        }
        if let Some(day) = self.month_day {
            write!(formatter, ";BYMONTHDAY={day}")?;
        }
        match self.end {
            End::Never => Ok(()),
            End::Count(count) => write!(formatter, ";COUNT={count}"),
            End::Until(until) => write!(formatter, ";UNTIL={until}"),
        }
    }
}
