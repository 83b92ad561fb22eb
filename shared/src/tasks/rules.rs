//! The rules that bodies and query strings share.

use crate::config::Priorities;

/// The failure of an invalid time in the field or parameter `name`.
pub(super) fn time_rule(name: &str) -> String {
    format!("{name} must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z")
}

/// The failure of a priority that is not one of the words.
pub(super) fn priority_rule(priorities: &Priorities) -> String {
    format!("priority must be {}", priorities.list())
}
