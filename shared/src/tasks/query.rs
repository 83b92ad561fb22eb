//! The query parameters of a list: filter, sort and page.

use super::cursor::{Cursor, Position};
use super::filter::{Filter, ListParameters, Order, Sort};
use super::rules::page_limit;
use crate::config::{ApiConfig, Priorities};
use crate::input::{FromQuery, QueryReader};

/// The query parameters of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    /// See [`page_limit`].
    pub(crate) limit: u32,
    pub(crate) offset: u32,
    /// After which task the page starts. `None` for the start of the list.
    pub(crate) after: Option<Position>,
    /// Whether to count all tasks that match the filter.
    pub(crate) with_total: bool,
    /// By which to sort priorities.
    pub(crate) priorities: Priorities,
}

const OFFSET_RULE: &str = "offset must be a number from 0 to 4294967295";

/// The last page of the longest ones that begins before the largest offset.
const PAGE_MAX: u32 = 4_294_967;

impl FromQuery for ListQuery {
    /// The last of a repeated parameter counts.
    fn from_query(query: &mut QueryReader, config: &ApiConfig) -> Self {
        let parameters = ListParameters::read(query, config);
        let limit = page_limit(query);
        let (offset, rule_beside_cursor) = offset(query, limit);
        let cursor = query.cursor().and_then(|text| {
            let cursor = Cursor::decode(&text, config);
            let cursor = cursor
                .filter(|Cursor { order, filter, after }| parameters.agree_with(after.key.sort(), *order, filter));
            if cursor.is_none() {
                query.fail_cursor();
            }
            cursor
        });
        if let (Some(_), Some((name, rule))) = (&cursor, rule_beside_cursor) {
            query.fail(name, rule);
        }
        let (sort, order, filter, after) = match cursor {
            Some(Cursor { order, filter, after }) => (after.key.sort(), order, filter, Some(after)),
            None => {
                let sort = parameters.sort.unwrap_or(Sort::Created);
                (sort, parameters.order.unwrap_or(sort.default_order()), parameters.into_filter(config), None)
            }
        };
        Self {
            filter,
            sort,
            order,
            limit,
            offset,
            after,
            with_total: config.json.list_object,
            priorities: config.priorities,
        }
    }
}

/// How many tasks to skip, as a number of tasks or of pages, and which parameter fails beside a cursor.
fn offset(query: &mut QueryReader, limit: u32) -> (u32, Option<(&'static str, &'static str)>) {
    let offset = query.read(&["offset", "skip"], OFFSET_RULE, |text| text.parse().ok()).unwrap_or(0);
    let pages = query.read(&["page"], "page must be a number from 1 to 4294967", |text| {
        let page: u32 = text.parse().ok().filter(|page| *page <= PAGE_MAX)?;
        page.checked_sub(1)?.checked_mul(limit)
    });
    match (offset, pages.unwrap_or(0)) {
        (0, 0) => (0, None),
        (offset, 0) => (offset, Some(("offset", "offset must be 0 or absent if there is a cursor"))),
        (0, offset) => (offset, Some(("page", "page must be 1 or absent if there is a cursor"))),
        _ => {
            query.fail("page", "page must be 1 or absent if there is an offset");
            (0, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JsonFormat;
    use crate::tasks::due_date::DueDate;
    use crate::tasks::filter::{SEARCH_RULE, TIME_ZONE_RULE};

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
        for query in [
            "priority=low",
            "due_before=2026-12-01",
            "due_after=2026-12-01",
            "due_from=2026-12-01",
            "due_to=2026-12-01",
            "due=week",
            "overdue=false",
            "search=milk",
            "tag=work",
            "category=home",
        ] {
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
            after: None,
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
        assert_eq!(read("sort=title&sort_direction=desc").map(|query| query.order), Ok(Order::Descending));
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
            "tag=&tags=&category=&due=&due_from=&due_to=&page=&sort_direction=",
            "tag=all&category=ALL&due=All&page=1",
            "tags=work,All&tags=undefined",
        ] {
            assert_eq!(read(query), read(""), "{query}");
        }
        assert_eq!(read("skip=2"), read("offset=2"));
    }

    #[test]
    fn search_words_and_times_are_read() {
        let filter = |query: &str| read(query).expect("a good query").filter;
        assert_eq!(filter("search=+buy%09Milk++"), filter("q=buy+Milk"));
        assert_eq!(filter("q=buy+Milk").words, ["buy", "Milk"]);
        assert_eq!(filter("search="), filter(""));
        let at = |text| DueDate::parse(text, JsonFormat::default());
        assert_eq!(filter("dueBefore=2026-11-21").due_before, at("2026-11-21"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00+02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("due_after=2026-11-21T17:30:00%2B02:00").due_after, at("2026-11-21T15:30:00Z"));
        assert_eq!(filter("overdue=True").overdue.map(|overdue| overdue.is_overdue), Some(true));
        assert_eq!(
            filter("tz=America/Argentina/Buenos_Aires").time_zone.as_deref(),
            Some("America/Argentina/Buenos_Aires")
        );
        assert_eq!(filter("tz=Etc/GMT-5").time_zone.as_deref(), Some("Etc/GMT-5"));
        assert_eq!(filter("tz=America/Port-au-Prince").time_zone.as_deref(), Some("America/Port-au-Prince"));
        assert_eq!(filter("tz=utc").time_zone, None);
    }

    #[test]
    fn tags_of_all_parameters_are_read() {
        let tags = |query: &str| read(query).map(|query| query.filter.tags);
        let names = ["home".to_owned(), "work".to_owned()];
        for query in ["tags=work,home", "tag=work&tag=home", "tags=+home+,,&tags[]=work&tag=work"] {
            assert_eq!(tags(query).as_deref(), Ok(&names[..]), "{query}");
        }
        let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        assert!(
            tags(&format!("tags={}", many.join(","))).is_err() && tags(&format!("tag={}", "x".repeat(201))).is_err()
        );
    }

    #[test]
    fn the_bounds_of_due_dates_are_inclusive() {
        let filter = |query: &str| read(query).expect("a good query").filter;
        let at = |text| DueDate::parse(text, JsonFormat::default());
        for name in ["due_from", "dueFrom", "due_date_from", "dueDateFrom"] {
            assert_eq!(filter(&format!("{name}=2026-11-21")).due_from, at("2026-11-21"));
        }
        for name in ["due_to", "dueTo", "due_date_to", "dueDateTo"] {
            assert_eq!(filter(&format!("{name}=2026-11-21")).due_to, at("2026-11-21T23:59:59.999999"));
            assert_eq!(filter(&format!("{name}=2026-11-21T00:00:00Z")).due_to, at("2026-11-21T00:00:00Z"));
        }
        let days = |query: &str| filter(query).due_days.map(|days| days.count);
        assert_eq!((days("due=today"), days("due=WEEK"), days("due=overdue")), (Some(1), Some(7), None));
        assert!(filter("due=overdue").overdue.is_some_and(|overdue| overdue.is_overdue));
    }

    #[test]
    fn a_page_has_the_length_of_the_limit() {
        let offset = |query| read(query).map(|query| query.offset);
        assert_eq!((offset("page=3&limit=20"), offset("page=3&per_page=20")), (Ok(40), Ok(40)));
        assert_eq!((offset("page=2"), offset("page=1&skip=7")), (Ok(1000), Ok(7)));
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
            ("due=tomorrow", "due must be all, today, week or overdue"),
            ("due=overdue&overdue=false", "due contradicts overdue"),
            ("due_date_to=soon", "due_to must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"),
            ("tags=a%00b", "tag must be at most 20 names of at most 200 characters, and not U+0000"),
            ("category=a%00b", "category must have at most 200 characters, and not U+0000"),
            ("page=0", "page must be a number from 1 to 4294967"),
            ("page=4294968", "page must be a number from 1 to 4294967"),
            ("page=4294968&limit=1", "page must be a number from 1 to 4294967"),
            ("page=2&offset=7", "page must be 1 or absent if there is an offset"),
            ("limit=0&offset=x", "limit must be a number from 1 to 1000; offset must be a number from 0 to 4294967295"),
        ] {
            assert_eq!(read(query), Err(sentence.into()));
        }
    }
}
