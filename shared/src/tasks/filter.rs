//! Which list is requested: its filter and its order.

use super::due_date::DueDate;
use super::rules::{priority_rule, time_rule};
use crate::config::{ApiConfig, ExtraField, JsonFormat, Priorities};
use crate::input::{QueryReader, camel_case};
use crate::time::Timestamp;

/// The conditions of a list. All that are present must hold.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<&'static str>,
    /// Due before this time.
    pub(crate) due_before: Option<DueDate>,
    /// Due after this time.
    pub(crate) due_after: Option<DueDate>,
    /// Due at this time or later.
    pub(crate) due_from: Option<DueDate>,
    /// Due at this time or earlier.
    pub(crate) due_to: Option<DueDate>,
    pub(crate) due_days: Option<DueDays>,
    pub(crate) overdue: Option<Overdue>,
    /// The name of the zone in which floating times are compared with instants. UTC if there is none.
    pub(crate) time_zone: Option<String>,
    /// Whether due dates can be floating.
    pub(crate) has_floating_due_dates: bool,
    /// Each occurs in the title or the description, in any case. None contains white space.
    pub(crate) words: Vec<String>,
    /// The task has one of them, in any case. Sorted.
    pub(crate) tags: Vec<String>,
    pub(crate) category: Option<String>,
    /// Members of the front end that are true, or are not.
    pub(crate) extra: Vec<(&'static ExtraField, bool)>,
}

/// The condition that the due date is on one of the days from today on, on the user's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueDays {
    /// The number of days: 1 or 7.
    pub(crate) count: u8,
    /// The time of the first page, for all pages.
    pub(crate) now: Timestamp,
}

/// The condition that the due date has passed and the task is pending, or its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overdue {
    pub(crate) is_overdue: bool,
    /// The time of the first page, for all pages.
    pub(crate) now: Timestamp,
}

impl Filter {
    /// Whether it has no condition, or only one on the status.
    pub(crate) fn is_by_status(&self) -> bool {
        let Self { completed, time_zone, has_floating_due_dates, .. } = self.clone();
        *self == Self { completed, time_zone, has_floating_due_dates, ..Self::default() }
    }

    /// The time on which the conditions depend, if one does.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.overdue.map(|overdue| overdue.now).or(self.due_days.map(|days| days.now))
    }

    /// Whether it has conditions that former versions of cursors do not know.
    pub(super) fn is_of_new_format(&self) -> bool {
        let Self { due_from, due_to, due_days, tags, category, extra, .. } = self;
        due_from.is_some()
            || due_to.is_some()
            || due_days.is_some()
            || !tags.is_empty()
            || category.is_some()
            || !extra.is_empty()
    }
}

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

/// The longest search text, in Unicode code points.
const SEARCH_MAX: usize = 200;

/// Which list is requested, as far as the parameters say. `None` for a parameter that is absent; the inner `None` is `all`.
pub(super) struct ListParameters {
    pub(super) sort: Option<Sort>,
    pub(super) order: Option<Order>,
    completed: Option<Option<bool>>,
    priority: Option<Option<&'static str>>,
    due_before: Option<DueDate>,
    due_after: Option<DueDate>,
    due_from: Option<DueDate>,
    due_to: Option<DueDate>,
    due_days: Option<Option<u8>>,
    overdue: Option<bool>,
    time_zone: Option<Option<String>>,
    words: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    category: Option<Option<String>>,
    extra: Vec<(&'static ExtraField, Option<bool>)>,
}

impl ListParameters {
    pub(super) fn read(query: &mut QueryReader, config: &ApiConfig) -> Self {
        let parse_due_date = |text: &str| parse_time(text, config.json);
        let priorities = config.priorities;
        let (due_days, overdue) = due_words(query);
        Self {
            completed: completed(query),
            priority: query.read(&["priority"], &priority_rule(&priorities), |text| parse_priority(text, priorities)),
            due_before: query.read(&["due_before", "dueBefore"], &time_rule("due_before"), parse_due_date),
            due_after: query.read(&["due_after", "dueAfter"], &time_rule("due_after"), parse_due_date),
            due_from: query.read(
                &["due_from", "dueFrom", "due_date_from", "dueDateFrom"],
                &time_rule("due_from"),
                parse_due_date,
            ),
            due_to: query.read(&["due_to", "dueTo", "due_date_to", "dueDateTo"], &time_rule("due_to"), |text| {
                parse_due_date(text).map(|due_date| if is_date(text) { due_date.end_of_day() } else { due_date })
            }),
            due_days,
            overdue,
            time_zone: query.read(&["tz"], TIME_ZONE_RULE, parse_time_zone),
            words: query.read(&["search", "q"], SEARCH_RULE, parse_words),
            tags: tags(query),
            category: query.read(&["category"], CATEGORY_RULE, parse_category),
            extra: extra(query, config.json),
            sort: query.read(&["sort", "sort_by", "sortBy"], SORT_RULE, parse_sort),
            order: query.read(
                &["order", "sort_order", "sortOrder", "sort_direction", "sortDirection"],
                ORDER_RULE,
                parse_order,
            ),
        }
    }

    pub(super) fn into_filter(self, config: &ApiConfig) -> Filter {
        let now = Timestamp::now();
        Filter {
            completed: self.completed.flatten(),
            priority: self.priority.flatten(),
            due_before: self.due_before,
            due_after: self.due_after,
            due_from: self.due_from,
            due_to: self.due_to,
            due_days: self.due_days.flatten().map(|count| DueDays { count, now }),
            overdue: self.overdue.map(|is_overdue| Overdue { is_overdue, now }),
            time_zone: self.time_zone.flatten(),
            has_floating_due_dates: !config.json.instant_due_dates,
            words: self.words.unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
            category: self.category.flatten(),
            extra: self.extra.into_iter().filter_map(|(field, value)| Some((field, value?))).collect(),
        }
    }

    /// Whether the parameters that are present are those of this list.
    pub(super) fn agree_with(&self, sort: Sort, order: Order, filter: &Filter) -> bool {
        fn agrees<T: PartialEq>(requested: Option<&T>, value: &T) -> bool {
            requested.is_none_or(|requested| requested == value)
        }
        // The cursor has the resolution of the database.
        let same_time = |requested: Option<DueDate>, time: Option<DueDate>| {
            requested.is_none() || requested.map(DueDate::to_parameter) == time.map(DueDate::to_parameter)
        };
        agrees(self.sort.as_ref(), &sort)
            && agrees(self.order.as_ref(), &order)
            && agrees(self.completed.as_ref(), &filter.completed)
            && agrees(self.priority.as_ref(), &filter.priority)
            && same_time(self.due_before, filter.due_before)
            && same_time(self.due_after, filter.due_after)
            && same_time(self.due_from, filter.due_from)
            && same_time(self.due_to, filter.due_to)
            && agrees(self.due_days.as_ref(), &filter.due_days.map(|days| days.count))
            && (self.overdue.is_none() || self.overdue == filter.overdue.map(|overdue| overdue.is_overdue))
            && agrees(self.time_zone.as_ref(), &filter.time_zone)
            && agrees(self.words.as_ref(), &filter.words)
            && agrees(self.tags.as_ref(), &filter.tags)
            && agrees(self.category.as_ref(), &filter.category)
            && self.extra.iter().all(|(field, value)| {
                let of_filter = filter.extra.iter().find(|(filtered, _)| filtered == field);
                *value == of_filter.map(|(_, value)| *value)
            })
    }
}

impl Filter {
    /// The parameters of [`Filter::from_parameters`], but not the time on which they depend.
    pub(super) fn to_parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let words = (!self.words.is_empty()).then(|| self.words.join(" "));
        [
            ("completed", self.completed.map(|completed| completed.to_string())),
            ("priority", self.priority.map(str::to_owned)),
            ("due_before", self.due_before.map(DueDate::to_parameter)),
            ("due_after", self.due_after.map(DueDate::to_parameter)),
            ("due_from", self.due_from.map(DueDate::to_parameter)),
            ("due_to", self.due_to.map(DueDate::to_parameter)),
            ("due", self.due_days.map(|days| if days.count == 1 { "today" } else { "week" }.to_owned())),
            ("overdue", self.overdue.map(|overdue| overdue.is_overdue.to_string())),
            ("tz", self.time_zone.clone()),
            ("search", words),
            ("tags", (!self.tags.is_empty()).then(|| self.tags.join(","))),
            ("category", self.category.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .chain(self.extra.iter().map(|(field, value)| (&*field.member, value.to_string())))
    }

    /// The filter of these parameters at the time `now`, by the rules for those of a request. `None` if one breaks them.
    pub(super) fn from_parameters(
        parameters: Vec<(String, String)>,
        now: Option<Timestamp>,
        config: &ApiConfig,
    ) -> Option<Self> {
        let count = parameters.len();
        let mut reader = QueryReader::from_pairs(parameters);
        let parameters = ListParameters::read(&mut reader, config);
        let mut filter = reader.finish(parameters.into_filter(config)).ok()?;
        // A member that the setting had when the cursor was made is not a condition any more.
        if filter.now().is_some() != now.is_some() || filter.to_parameters().count() != count {
            return None;
        }
        if let Some(now) = now {
            filter.overdue = filter.overdue.map(|overdue| Overdue { now, ..overdue });
            filter.due_days = filter.due_days.map(|days| DueDays { now, ..days });
        }
        Some(filter)
    }
}

/// `status` and `completed` mean the same; they must not contradict each other.
fn completed(query: &mut QueryReader) -> Option<Option<bool>> {
    let by_status = query.read(&["status"], "status must be all, pending or completed", parse_status);
    let by_completed = query.read(&["completed"], "completed must be true, false or all", parse_completed);
    if let (Some(Some(by_status)), Some(Some(by_completed))) = (by_status, by_completed)
        && by_status != by_completed
    {
        query.fail("completed", "completed contradicts status");
    }
    by_completed.filter(Option::is_some).or(by_status).or(by_completed)
}

/// `due=overdue` and `overdue=true` mean the same; they must not contradict each other. The days of the other words come
/// first; their inner `None` is `all`.
fn due_words(query: &mut QueryReader) -> (Option<Option<u8>>, Option<bool>) {
    let overdue = query.read(&["overdue"], "overdue must be true or false", parse_boolean);
    let rule = "due must be all, today, week or overdue";
    let due = query.read(&["due"], rule, |text| match text.to_ascii_lowercase().as_str() {
        "all" => Some(Ok(None)),
        "today" => Some(Ok(Some(1))),
        "week" => Some(Ok(Some(7))),
        "overdue" => Some(Err(())),
        _ => None,
    });
    match due {
        Some(Err(_)) if overdue == Some(false) => {
            query.fail("due", "due contradicts overdue");
            (None, None)
        }
        Some(Err(_)) => (None, Some(true)),
        days => (days.and_then(Result::ok), overdue),
    }
}

/// Those of all parameters. Empty for `all`.
fn tags(query: &mut QueryReader) -> Option<Vec<String>> {
    let names = query.read_all(&["tag", "tags", "tags[]"], TAGS_RULE, |text| {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let is_valid = |name: &String| name.chars().count() <= LABEL_MAX && !name.contains('\0');
        names.iter().all(is_valid).then_some(names)
    })?;
    let mut names: Vec<String> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| name.eq_ignore_ascii_case("all")) {
        return Some(Vec::new());
    }
    names.sort();
    names.dedup();
    if names.len() > TAGS_MAX {
        query.fail("tag", TAGS_RULE);
    }
    Some(names)
}

/// The names of parameters, which members of the front end do not take.
const PARAMETERS: [&str; 44] = [
    "status",
    "completed",
    "priority",
    "due_before",
    "dueBefore",
    "due_after",
    "dueAfter",
    "due_from",
    "dueFrom",
    "due_date_from",
    "dueDateFrom",
    "due_to",
    "dueTo",
    "due_date_to",
    "dueDateTo",
    "due",
    "overdue",
    "tz",
    "search",
    "q",
    "tag",
    "tags",
    "tags[]",
    "category",
    "sort",
    "sort_by",
    "sortBy",
    "order",
    "sort_order",
    "sortOrder",
    "sort_direction",
    "sortDirection",
    "limit",
    "per_page",
    "perPage",
    "page_size",
    "pageSize",
    "offset",
    "skip",
    "page",
    "cursor",
    "since",
    "format",
    "now",
];

/// The inner `None` is `all`. A value that is neither true nor false fails: there is no other condition on such a member.
fn extra(query: &mut QueryReader, format: JsonFormat) -> Vec<(&'static ExtraField, Option<bool>)> {
    let mut conditions = Vec::new();
    for field in format.extra.iter().filter(|field| !PARAMETERS.contains(&&*field.member)) {
        let names = [&*field.member, &camel_case(&field.member)];
        let value = query.read(&names, &format!("{} must be true, false or all", field.member), parse_completed);
        conditions.extend(value.map(|value| (field, value)));
    }
    conditions
}

/// The longest name of a tag and of a category, in Unicode code points. Other back ends may allow more than this one.
const LABEL_MAX: usize = 200;

/// The most tags of a filter.
const TAGS_MAX: usize = 20;

const TAGS_RULE: &str = "tag must be at most 20 names of at most 200 characters, and not U+0000";
const CATEGORY_RULE: &str = "category must have at most 200 characters, and not U+0000";

/// The inner `None` is `all`.
fn parse_category(text: &str) -> Option<Option<String>> {
    let text = text.trim();
    let is_valid = text.chars().count() <= LABEL_MAX && !text.contains('\0');
    is_valid.then(|| (!text.is_empty() && !text.eq_ignore_ascii_case("all")).then(|| text.to_owned()))
}

/// Whether the text of a time is a date alone.
fn is_date(text: &str) -> bool {
    text.len() == "2026-11-21".len()
}

const SORT_RULE: &str = "sort must be created, updated, due_date, title or priority";
const ORDER_RULE: &str = "order must be asc or desc";

impl Sort {
    /// The order if none is requested: newest, most recently changed and most urgent first, but titles alphabetically and
    /// the earliest due date first.
    pub(super) fn default_order(self) -> Order {
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

/// The failure of a search text.
pub(super) const SEARCH_RULE: &str = "search must have at most 200 characters, and not U+0000";

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
pub(super) fn parse_time_zone(text: &str) -> Option<Option<String>> {
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
