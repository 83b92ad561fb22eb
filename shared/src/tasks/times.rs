//! Times in bodies and query strings.

/// The failure of an invalid time in the field or parameter `name`.
pub(super) fn time_rule(name: &str) -> String {
    format!("{name} must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z")
}
