//! The query parameters of a list: filter, sort and page.

use super::due_date::DueDate;
use super::rules::{priority_rule, time_rule};
use crate::config::{ApiConfig, JsonFormat, Priorities};
use crate::input::{FromQuery, QueryReader};

/// The query parameters of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    /// 1 to [`PAGE_MAX`].
    pub(crate) limit: u32,
    pub(crate) offset: u32,
    /// Whether to count all tasks that match the filter.
    pub(crate) with_total: bool,
    /// By which to sort priorities.
    pub(crate) priorities: Priorities,
}

/// The conditions of a list. All that are present must hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<&'static str>,
    /// Due before this time.
    pub(crate) due_before: Option<DueDate>,
    /// Due after this time.
    pub(crate) due_after: Option<DueDate>,
    /// Whether the due date has passed and the task is pending.
    pub(crate) overdue: Option<bool>,
    /// The name of the zone in which floating times are compared with instants. UTC if there is none.
    pub(crate) time_zone: Option<String>,
    /// Whether due dates can be floating.
    pub(crate) has_floating_due_dates: bool,
    /// Each occurs in the title or the description, in any case. None contains white space.
    pub(crate) words: Vec<String>,
}

impl Filter {
    /// Whether it has no condition, or only one on the status.
    pub(crate) fn is_by_status(&self) -> bool {
        let Self { priority, due_before, due_after, overdue, words, .. } = self;
        priority.is_none() && due_before.is_none() && due_after.is_none() && overdue.is_none() && words.is_empty()
    }
}

/// The largest and the default limit of a page.
const PAGE_MAX: u32 = 1000;

/// The longest search text, in Unicode code points.
const SEARCH_MAX: usize = 200;

/// The first sort key. The id is always the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Updated,
    DueDate,
    Title,
    /// By urgency, not alphabetically.
    Priority,
}

/// The direction of all sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

impl FromQuery for ListQuery {
    /// The last of a repeated parameter counts.
    fn from_query(query: &mut QueryReader, config: &ApiConfig) -> Self {
        let filter = filter(query, config);
        let sort = query.read(&["sort", "sort_by", "sortBy"], SORT_RULE, parse_sort).unwrap_or(Sort::Created);
        let order = query.read(&["order", "sort_order", "sortOrder"], ORDER_RULE, parse_order);
        let limit = query.read(&["limit"], "limit must be a number from 1 to 1000", |text| {
            text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit))
        });
        let offset = query.read(&["offset", "skip"], OFFSET_RULE, |text| text.parse().ok());
        Self {
            filter,
            sort,
            order: order.unwrap_or(sort.default_order()),
            limit: limit.unwrap_or(PAGE_MAX),
            offset: offset.unwrap_or(0),
            with_total: config.json.list_object,
            priorities: config.priorities,
        }
    }
}

fn filter(query: &mut QueryReader, config: &ApiConfig) -> Filter {
    let parse_due_date = |text: &str| parse_time(text, config.json);
    let priorities = config.priorities;
    Filter {
        completed: completed(query),
        priority: query
            .read(&["priority"], &priority_rule(&priorities), |text| parse_priority(text, priorities))
            .flatten(),
        due_before: query.read(&["due_before", "dueBefore"], &time_rule("due_before"), parse_due_date),
        due_after: query.read(&["due_after", "dueAfter"], &time_rule("due_after"), parse_due_date),
        overdue: query.read(&["overdue"], "overdue must be true or false", parse_boolean),
        time_zone: query.read(&["tz"], TIME_ZONE_RULE, parse_time_zone).flatten(),
        has_floating_due_dates: !config.json.instant_due_dates,
        words: query.read(&["search", "q"], SEARCH_RULE, parse_words).unwrap_or_default(),
    }
}

/// `status` and `completed` mean the same; they must not contradict each other.
fn completed(query: &mut QueryReader) -> Option<bool> {
    let by_status = query.read(&["status"], "status must be all, pending or completed", parse_status).flatten();
    let by_completed = query.read(&["completed"], "completed must be true, false or all", parse_completed).flatten();
    if let (Some(by_status), Some(by_completed)) = (by_status, by_completed)
        && by_status != by_completed
    {
        query.fail("completed", "completed contradicts status");
    }
    by_completed.or(by_status)
}

const SORT_RULE: &str = "sort must be created, updated, due_date, title or priority";
const ORDER_RULE: &str = "order must be asc or desc";
const OFFSET_RULE: &str = "offset must be a number from 0 to 4294967295";

impl Sort {
    /// The order if none is requested: newest, most recently changed and most urgent first, but titles alphabetically and
    /// the earliest due date first.
    fn default_order(self) -> Order {
        match self {
            Self::Created | Self::Updated | Self::Priority => Order::Descending,
            Self::DueDate | Self::Title => Order::Ascending,
        }
    }
}

/// Accepts `created`, `created_at`, `createdAt`, …
fn parse_sort(text: &str) -> Option<Sort> {
    match text.replace('_', "").to_ascii_lowercase().as_str() {
        "created" | "createdat" => Some(Sort::Created),
        "updated" | "updatedat" => Some(Sort::Updated),
        "duedate" | "due" => Some(Sort::DueDate),
        "title" => Some(Sort::Title),
        "priority" => Some(Sort::Priority),
        _ => None,
    }
}

fn parse_order(text: &str) -> Option<Order> {
    match text.to_ascii_lowercase().as_str() {
        "asc" => Some(Order::Ascending),
        "desc" => Some(Order::Descending),
        _ => None,
    }
}

/// The inner `None` is `all`, unless that is one of the words.
fn parse_priority(text: &str, priorities: Priorities) -> Option<Option<&'static str>> {
    let word = priorities.find(text);
    if word.is_none() && text.eq_ignore_ascii_case("all") { Some(None) } else { word.map(Some) }
}

/// The inner `None` is `all`.
fn parse_status(text: &str) -> Option<Option<bool>> {
    match text.to_ascii_lowercase().as_str() {
        "all" => Some(None),
        "pending" | "active" | "incomplete" => Some(Some(false)),
        "completed" => Some(Some(true)),
        _ => None,
    }
}

const SEARCH_RULE: &str = "search must have at most 200 characters, and not U+0000";

fn parse_words(text: &str) -> Option<Vec<String>> {
    let is_valid = text.chars().count() <= SEARCH_MAX && !text.contains('\0');
    is_valid.then(|| text.split_whitespace().map(str::to_owned).collect())
}

/// A plus that was not percent-encoded has become a space: `2026-11-21T17:30:00 02:00`.
fn parse_time(text: &str, format: JsonFormat) -> Option<DueDate> {
    DueDate::parse(text, format).or_else(|| DueDate::parse(&text.replace(' ', "+"), format))
}

/// The failure of an unknown time zone.
pub(super) const TIME_ZONE_RULE: &str = "tz must be the name of a time zone such as Europe/Berlin";

/// A name of the IANA database, as far as its form tells; PostgreSQL knows which exist. The inner `None` is UTC.
fn parse_time_zone(text: &str) -> Option<Option<String>> {
    if ["utc", "gmt", "etc/utc"].contains(&&*text.to_ascii_lowercase()) {
        return Some(None);
    }
    // PostgreSQL would also accept the rules of POSIX, `EST5EDT` or `Here/There-20`.
    let is_offset = |text: &str| {
        let hours = text.strip_prefix(['+', '-']).unwrap_or(text);
        hours.parse().is_ok_and(|hours: u8| hours <= 14)
    };
    let is_name = text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '/' | '-'));
    let is_valid = text.len() <= 64
        && !matches!(text, "undefined" | "null")
        && (is_name || text.strip_prefix("Etc/GMT").is_some_and(is_offset));
    is_valid.then(|| Some(text.to_owned()))
}

/// The inner `None` is `all`.
fn parse_completed(text: &str) -> Option<Option<bool>> {
    if text.eq_ignore_ascii_case("all") { Some(None) } else { parse_boolean(text).map(Some) }
}

fn parse_boolean(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListQuery, String> {
        let mut reader = QueryReader::new(query);
        let value = ListQuery::from_query(&mut reader, &ApiConfig::default());
        reader.finish(value).map_err(|error| error.to_string())
    }

    #[test]
    fn only_conditions_on_the_status_have_no_parameter() {
        let is_by_status = |query| read(query).map(|query| query.filter.is_by_status());
        for query in ["", "status=pending", "status=completed&tz=Europe/Berlin&sort=title&limit=5"] {
            assert_eq!(is_by_status(query), Ok(true), "{query}");
        }
        for query in ["priority=low", "due_before=2026-12-01", "due_after=2026-12-01", "overdue=false", "search=milk"] {
            assert_eq!(is_by_status(query), Ok(false), "{query}");
        }
    }

    #[test]
    fn the_default_is_the_newest_thousand() {
        let query = ListQuery {
            filter: Filter { has_floating_due_dates: true, ..Filter::default() },
            sort: Sort::Created,
            order: Order::Descending,
            limit: 1000,
            offset: 0,
            with_total: false,
            priorities: Priorities::default(),
        };
        assert_eq!(read(""), Ok(query));
    }

    #[test]
    fn every_spelling_of_a_sort_is_accepted() {
        for (spellings, sort) in [
            (["created", "created_at", "createdAt"], Sort::Created),
            (["updated", "updated_at", "updatedAt"], Sort::Updated),
            (["due_date", "dueDate", "DUE_DATE"], Sort::DueDate),
            (["title", "Title", "TITLE"], Sort::Title),
            (["priority", "Priority", "PRIORITY"], Sort::Priority),
        ] {
            for spelling in spellings {
                for parameter in ["sort", "sort_by", "sortBy"] {
                    assert_eq!(read(&format!("{parameter}={spelling}")).map(|query| query.sort), Ok(sort));
                }
            }
        }
        assert_eq!(read("sort=title&sort_order=DESC").map(|query| query.order), Ok(Order::Descending));
    }

    #[test]
    fn status_and_completed_are_the_same_filter() {
        let completed = |query| read(query).map(|query| query.filter.completed);
        assert_eq!(completed("status=ALL"), Ok(None));
        assert_eq!(completed("status=Pending"), Ok(Some(false)));
        assert_eq!(completed("status=Active"), Ok(Some(false)));
        assert_eq!(completed("status=incomplete"), Ok(Some(false)));
        assert_eq!(completed("completed=True"), Ok(Some(true)));
        assert_eq!(completed("completed=All"), Ok(None));
        assert_eq!(completed("status=pending&status=completed"), Ok(Some(true)));
        assert_eq!(completed("status=pending&completed=true"), Err("completed contradicts status".into()));
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        for query in [
            "status=&priority=&sort=&order=&limit=&offset=",
            "completed=&due_before=&due_after=&overdue=&q=",
            "status=undefined&priority=undefined&sort=null&completed=null&tz=undefined",
            "status=all&priority=ALL&completed=all",
        ] {
            assert_eq!(read(query), read(""), "{query}");
        }
        assert_eq!(read("skip=2"), read("offset=2"));
    }

    #[test]
    fn search_words_and_times_are_read() {
        let filter = |query| read(query).expect("a good query").filter;
        assert_eq!(filter("search=+buy%09Milk++"), filter("q=buy+Milk"));
        assert_eq!(filter("q=buy+Milk").words, ["buy", "Milk"]);
        assert_eq!(filter("search="), filter(""));
        let at = |text| DueDate::parse(text, JsonFormat::default());
        assert_eq!(filter("dueBefore=2026-11-21").due_before, at("2026-11-21"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00+02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00%2B02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("overdue=True").overdue, Some(true));
        assert_eq!(
            filter("tz=America/Argentina/Buenos_Aires").time_zone.as_deref(),
            Some("America/Argentina/Buenos_Aires")
        );
        assert_eq!(filter("tz=Etc/GMT-5").time_zone.as_deref(), Some("Etc/GMT-5"));
        assert_eq!(filter("tz=America/Port-au-Prince").time_zone.as_deref(), Some("America/Port-au-Prince"));
        assert_eq!(filter("tz=utc").time_zone, None);
    }

    #[test]
    fn an_invalid_value_gets_the_valid_ones() {
        for (query, sentence) in [
            ("status=done", "status must be all, pending or completed"),
            ("completed=1", "completed must be true, false or all"),
            ("priority=urgent", "priority must be low, medium or high"),
            ("due_before=soon", "due_before must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"),
            ("tz=EST5EDT", TIME_ZONE_RULE),
            ("tz=<-03>3", TIME_ZONE_RULE),
            ("tz=Here/There-20", TIME_ZONE_RULE),
            ("tz=Etc/GMT%2B20", TIME_ZONE_RULE),
            ("overdue=1", "overdue must be true or false"),
            ("q=a%00b", SEARCH_RULE),
            ("sort=-created", "sort must be created, updated, due_date, title or priority"),
            ("sort=color", "sort must be created, updated, due_date, title or priority"),
            ("order=down", "order must be asc or desc"),
            ("limit=0", "limit must be a number from 1 to 1000"),
            ("limit=1001", "limit must be a number from 1 to 1000"),
            ("limit=ten", "limit must be a number from 1 to 1000"),
            ("offset=-1", "offset must be a number from 0 to 4294967295"),
            ("limit=0&offset=x", "limit must be a number from 1 to 1000; offset must be a number from 0 to 4294967295"),
        ] {
            assert_eq!(read(query), Err(sentence.into()));
        }
    }
}
