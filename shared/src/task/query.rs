//! What may be asked for in a list: filter, sort and page.

use super::{Timestamp, fields};
use crate::error::{ApiError, Failure};

/// The query parameters of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    /// 1 to [`PAGE_MAX`].
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

/// Which tasks. What is absent filters nothing, and the rest must all be true.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<&'static str>,
    /// Due earlier than this.
    pub(crate) due_before: Option<Timestamp>,
    /// Due later than this.
    pub(crate) due_after: Option<Timestamp>,
    /// Whether the due date has passed and the task is pending.
    pub(crate) overdue: Option<bool>,
    /// Each is somewhere in the title or the description, in any case. None has white space in it.
    pub(crate) words: Vec<String>,
}

/// The most tasks of one page, and what a page has without a limit.
const PAGE_MAX: u32 = 1000;

/// The longest text to search for, in Unicode code points.
const SEARCH_MAX: usize = 200;

/// The first key of the order; the id is always the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Updated,
    DueDate,
    Title,
    /// By urgency, not by alphabet.
    Priority,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

impl ListQuery {
    /// Reads the decoded pairs of a query string. The last of a repeated parameter counts, unknown ones are ignored.
    pub(crate) fn from_pairs(pairs: &[(String, String)]) -> Result<Self, ApiError> {
        let mut parameters = Parameters { pairs, failures: Vec::new() };
        let filter = parameters.filter();
        let sort = parameters.read("sort", &["sort", "sort_by", "sortBy"], SORT_RULE, sort).unwrap_or(Sort::Created);
        let order = parameters.read("order", &["order", "sort_order", "sortOrder"], ORDER_RULE, order);
        let limit = parameters.read("limit", &["limit"], "limit must be a number from 1 to 1000", |text| {
            text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit))
        });
        let offset = parameters.read("offset", &["offset"], OFFSET_RULE, |text| text.parse().ok());
        let query = Self {
            filter,
            sort,
            order: order.unwrap_or(sort.usual_order()),
            limit: limit.unwrap_or(PAGE_MAX),
            offset: offset.unwrap_or(0),
        };
        if parameters.failures.is_empty() { Ok(query) } else { Err(ApiError::Invalid(parameters.failures)) }
    }
}

const SORT_RULE: &str = "sort must be created, updated, due_date, title or priority";
const ORDER_RULE: &str = "order must be asc or desc";
const OFFSET_RULE: &str = "offset must be a number from 0 to 4294967295";

impl Sort {
    /// The order that people expect where they name none: newest, latest and most urgent first, but A before Z and
    /// the next due date before a later one.
    fn usual_order(self) -> Order {
        match self {
            Self::Created | Self::Updated | Self::Priority => Order::Descending,
            Self::DueDate | Self::Title => Order::Ascending,
        }
    }
}

/// All spellings: `created`, `created_at`, `createdAt`, …
fn sort(text: &str) -> Option<Sort> {
    match text.replace('_', "").to_ascii_lowercase().as_str() {
        "created" | "createdat" => Some(Sort::Created),
        "updated" | "updatedat" => Some(Sort::Updated),
        "duedate" | "due" => Some(Sort::DueDate),
        "title" => Some(Sort::Title),
        "priority" => Some(Sort::Priority),
        _ => None,
    }
}

fn order(text: &str) -> Option<Order> {
    match text.to_ascii_lowercase().as_str() {
        "asc" => Some(Order::Ascending),
        "desc" => Some(Order::Descending),
        _ => None,
    }
}

/// `status`: the inner `None` is `all`.
fn status(text: &str) -> Option<Option<bool>> {
    match text.to_ascii_lowercase().as_str() {
        "all" => Some(None),
        "pending" => Some(Some(false)),
        "completed" => Some(Some(true)),
        _ => None,
    }
}

const SEARCH_RULE: &str = "search must have at most 200 characters, and not U+0000";

fn words(text: &str) -> Option<Vec<String>> {
    let is_good = text.chars().count() <= SEARCH_MAX && !text.contains('\0');
    is_good.then(|| text.split_whitespace().map(str::to_owned).collect())
}

/// A plus that was not encoded has become a space: `2026-11-21T17:30:00 02:00`.
fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Timestamp::parse(&text.replace(' ', "+")))
}

fn boolean(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

struct Parameters<'a> {
    pairs: &'a [(String, String)],
    failures: Vec<Failure>,
}

impl Parameters<'_> {
    fn filter(&mut self) -> Filter {
        Filter {
            completed: self.completed(),
            priority: self.read("priority", &["priority"], fields::PRIORITY_RULE, fields::priority),
            due_before: self.read("due_before", &["due_before", "dueBefore"], time_rule!("due_before"), time),
            due_after: self.read("due_after", &["due_after", "dueAfter"], time_rule!("due_after"), time),
            overdue: self.read("overdue", &["overdue"], "overdue must be true or false", boolean),
            words: self.read("search", &["search", "q"], SEARCH_RULE, words).unwrap_or_default(),
        }
    }

    /// `status` and `completed` say the same thing; they must not contradict each other.
    fn completed(&mut self) -> Option<bool> {
        let by_status = self.read("status", &["status"], "status must be all, pending or completed", status).flatten();
        let by_completed = self.read("completed", &["completed"], "completed must be true or false", boolean);
        if let (Some(by_status), Some(by_completed)) = (by_status, by_completed)
            && by_status != by_completed
        {
            self.failures.push(Failure { field: "completed", detail: "completed contradicts status".to_owned() });
        }
        by_completed.or(by_status)
    }

    /// The last pair with one of the spellings, read by `parse`; none if absent or, with `rule` as failure, unreadable.
    fn read<T>(
        &mut self,
        field: &'static str,
        spellings: &[&str],
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (_, text) = self.pairs.iter().rev().find(|(name, _)| spellings.contains(&name.as_str()))?;
        let value = parse(text);
        if value.is_none() {
            self.failures.push(Failure { field, detail: rule.to_owned() });
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListQuery, String> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        ListQuery::from_pairs(&pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn without_parameters_the_newest_thousand_come() {
        let query = ListQuery {
            filter: Filter::default(),
            sort: Sort::Created,
            order: Order::Descending,
            limit: 1000,
            offset: 0,
        };
        assert_eq!(read(""), Ok(query));
    }

    #[test]
    fn every_spelling_of_a_sort_is_known() {
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
    fn status_and_completed_filter_alike() {
        let completed = |query| read(query).map(|query| query.filter.completed);
        assert_eq!(completed("status=ALL"), Ok(None));
        assert_eq!(completed("status=Pending"), Ok(Some(false)));
        assert_eq!(completed("completed=True"), Ok(Some(true)));
        assert_eq!(completed("status=pending&status=completed"), Ok(Some(true)));
        assert_eq!(completed("status=pending&completed=true"), Err("completed contradicts status".into()));
    }

    #[test]
    fn words_and_times_are_read() {
        let filter = |query| read(query).expect("a good query").filter;
        assert_eq!(filter("search=+buy%09Milk++"), filter("q=buy+Milk"));
        assert_eq!(filter("q=buy+Milk").words, ["buy", "Milk"]);
        assert_eq!(filter("search="), Filter::default());
        let at = |text| Timestamp::parse(text);
        assert_eq!(filter("dueBefore=2026-11-21").due_before, at("2026-11-21T00:00:00Z"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00+02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00%2B02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("overdue=True").overdue, Some(true));
    }

    #[test]
    fn a_bad_value_is_named_with_the_good_ones() {
        for (query, sentence) in [
            ("status=done", "status must be all, pending or completed"),
            ("status=", "status must be all, pending or completed"),
            ("completed=1", "completed must be true or false"),
            ("priority=urgent", "priority must be low, medium or high"),
            ("due_before=soon", "due_before must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"),
            ("due_after=", "due_after must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"),
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
