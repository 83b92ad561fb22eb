//! The rules that bodies and query strings share.

use crate::config::Priorities;
use crate::input::QueryReader;

/// The largest and the default limit of a page.
const PAGE_MAX: u32 = 1000;

/// The name of the limit, and its aliases.
const LIMITS: [&str; 5] = ["limit", "per_page", "perPage", "page_size", "pageSize"];

/// The limit of a page, from 1 to [`PAGE_MAX`].
pub(super) fn page_limit(query: &mut QueryReader) -> u32 {
    let limit = query.read(&LIMITS, "limit must be a number from 1 to 1000", |text| {
        text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit))
    });
    limit.unwrap_or(PAGE_MAX)
}

/// The failure of an invalid time in the field or parameter `name`.
pub(super) fn time_rule(name: &str) -> String {
    format!("{name} must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z")
}

/// The failure of an unknown time zone of a task.
pub(super) const TASK_TIME_ZONE_RULE: &str = "time_zone must be the name of a time zone such as Europe/Berlin";

/// The failure of a priority that is not one of the words.
pub(super) fn priority_rule(priorities: &Priorities) -> String {
    format!("priority must be {}", priorities.list())
}
