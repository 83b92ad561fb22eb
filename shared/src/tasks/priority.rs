//! Priorities.

/// `low < medium < high`
const PRIORITIES: [&str; 3] = ["low", "medium", "high"];

/// The failure of an invalid priority.
pub(super) const PRIORITY_RULE: &str = "priority must be low, medium or high";

/// The stored spelling of a priority, which can be given in any case.
pub(super) fn parse_priority(text: &str) -> Option<&'static str> {
    PRIORITIES.into_iter().find(|priority| priority.eq_ignore_ascii_case(text))
}
