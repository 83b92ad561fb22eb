//! Members that are derived from a rule.

use super::rule::{End, Recurrence};
use super::until::Until;

/// What front ends read that know no rules: the derived members of `TASK_FIELDS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aliases {
    /// `is_recurring`
    pub(crate) is_recurring: bool,
    /// `recurrence`: the word for the rule, or for its frequency if there is none. Of a front end that does not read
    /// `recurrence_interval` it is also the `recurrence_pattern`: `biweekly`.
    pub(crate) word: Option<&'static str>,
    /// `recurrence_pattern` beside `recurrence_interval`: the word for the rule without its interval.
    pub(crate) pattern: Option<&'static str>,
    /// `recurrence_interval`
    pub(crate) interval: Option<u16>,
    pub(super) until: Option<Until>,
}

impl Aliases {
    /// The members of a task in which this is stored. An earlier back end can have stored what is no rule.
    pub(crate) fn of_stored(text: Option<&str>) -> Self {
        Self::new(text.and_then(|text| Recurrence::parse(text).ok()).as_ref())
    }

    /// The members of a task with this rule.
    pub(crate) fn new(rule: Option<&Recurrence>) -> Self {
        Self {
            is_recurring: rule.is_some(),
            word: rule.map(Recurrence::word),
            pattern: rule.map(Recurrence::pattern),
            interval: rule.map(|rule| rule.interval),
            until: rule.and_then(|rule| match rule.end {
                End::Until(until) => Some(until),
                End::Never | End::Count(_) => None,
            }),
        }
    }

    /// `recurrence_end_date`, in the form of a due date: `2026-12-31T00:00:00`
    pub(crate) fn end_date(&self) -> Option<String> {
        self.until.map(Until::to_end_date)
    }
}
