//! Cursors: where the next page of a list starts, and of which list.
//!
//! A cursor is JSON in base64url: an object of texts, with the order, the filter, and the sort key and the id of the last
//! task of the page before. It has the key and not only the id, because the task can be changed or deleted meanwhile. It is
//! not signed: whatever it says, the rows are those of the user of the token.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::filter::{Filter, Order, Sort};
use crate::config::ApiConfig;
use crate::db::StoredTime;
use crate::time::Timestamp;

/// What a cursor says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) order: Order,
    pub(crate) filter: Filter,
    pub(crate) after: Position,
}

/// The place of a task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) key: SortKey,
    /// The id as a parameter. Text, so that a large number stays exact.
    pub(crate) id: String,
}

/// The first sort key of a task, exactly as the database compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SortKey {
    Created(Option<StoredTime>),
    Updated(Option<StoredTime>),
    DueDate(Option<StoredTime>),
    /// In lower case, as the database makes it.
    Title(String),
    /// One of the words in lower case. `None` for a task without a priority or with another one.
    Priority(Option<String>),
}

impl SortKey {
    pub(crate) fn sort(&self) -> Sort {
        match self {
            Self::Created(_) => Sort::Created,
            Self::Updated(_) => Sort::Updated,
            Self::DueDate(_) => Sort::DueDate,
            Self::Title(_) => Sort::Title,
            Self::Priority(_) => Sort::Priority,
        }
    }
}

/// Changes when the meaning of a member does, or when a condition is added that a former version would ignore. A cursor of
/// another format is invalid.
fn format(filter: &Filter) -> &'static str {
    if filter.is_of_new_format() { "2" } else { "1" }
}

/// Longer cursors are refused unread. One with the longest search, title and id has some 6 KB, and the gateway refuses
/// requests whose line and headers exceed 10 KB.
const CURSOR_MAX_BYTES: usize = 16 * 1024;

impl Cursor {
    /// The cursor as text of the URL-safe alphabet.
    pub(crate) fn encode(order: Order, filter: &Filter, after: &Position) -> String {
        let mut members: BTreeMap<&str, String> = filter.to_parameters().collect();
        members.insert("format", format(filter).to_owned());
        members.insert("order", if order == Order::Ascending { "asc" } else { "desc" }.to_owned());
        members.extend(filter.now().map(|now| ("now", now.to_string())));
        let of_time = |time: &Option<StoredTime>| time.map(|time| time.0.to_string());
        let (sort, key) = match &after.key {
            SortKey::Created(time) => ("created", of_time(time)),
            SortKey::Updated(time) => ("updated", of_time(time)),
            SortKey::DueDate(time) => ("due_date", of_time(time)),
            SortKey::Title(title) => ("title", Some(title.clone())),
            SortKey::Priority(word) => ("priority", word.clone()),
        };
        members.insert("sort", sort.to_owned());
        members.extend(key.map(|key| ("key", key)));
        members.insert("id", after.id.clone());
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&members).expect("a map of texts"))
    }

    /// `None` for a text that is no cursor, or one of another format or vocabulary.
    pub(crate) fn decode(text: &str, config: &ApiConfig) -> Option<Self> {
        if text.len() > CURSOR_MAX_BYTES {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut members: BTreeMap<String, String> = serde_json::from_slice(&json).ok()?;
        // PostgreSQL has no text with it.
        if members.values().any(|value| value.contains('\0')) {
            return None;
        }
        let stated_format = members.remove("format")?;
        let order = match members.remove("order")?.as_str() {
            "asc" => Order::Ascending,
            "desc" => Order::Descending,
            _ => return None,
        };
        let key = members.remove("key");
        let time = |key: Option<String>| key.map(|key| key.parse().map(StoredTime)).transpose().ok();
        let key = match members.remove("sort")?.as_str() {
            "created" => SortKey::Created(time(key)?),
            "updated" => SortKey::Updated(time(key)?),
            "due_date" => SortKey::DueDate(time(key)?),
            "title" => SortKey::Title(key?),
            "priority" => {
                let is_word = |key: &String| config.priorities.ranks().any(|word| word == *key);
                SortKey::Priority(match key {
                    Some(key) => Some(key).filter(is_word).map(Some)?,
                    None => None,
                })
            }
            _ => return None,
        };
        let after = Position { key, id: members.remove("id")? };
        let now = match members.remove("now") {
            Some(now) => Some(Timestamp::parse(&now)?),
            None => None,
        };
        let filter = Filter::from_parameters(members.into_iter().collect(), now, config)?;
        (stated_format == format(&filter)).then_some(Self { order, filter, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(parameters: &[(&str, &str)], now: Option<&str>) -> Filter {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = now.map(|now| Timestamp::parse(now).expect("a time"));
        Filter::from_parameters(parameters, now, &ApiConfig::default()).expect("a filter")
    }

    #[test]
    fn a_decoded_cursor_says_what_was_encoded() {
        let all = filter(
            &[
                ("completed", "false"),
                ("priority", "high"),
                ("due_before", "2026-12-05T17:30:00.123456Z"),
                ("due_after", "2026-11-21"),
                ("overdue", "true"),
                ("tz", "Europe/Berlin"),
                ("search", "null \"ä\" \\ +/="),
            ],
            Some("2026-11-26T11:30:00.000001Z"),
        );
        let of_new_format = filter(
            &[
                ("due_from", "2026-11-21"),
                ("due_to", "2026-12-05"),
                ("due", "week"),
                ("tags", "b,Ä"),
                ("category", "a,b"),
            ],
            Some("2026-11-26T11:30:00.000001Z"),
        );
        for filter in [Filter { has_floating_due_dates: true, ..Filter::default() }, all, of_new_format] {
            for key in [
                SortKey::Created(Some(StoredTime(i64::MAX))),
                SortKey::Created(None),
                SortKey::Updated(Some(StoredTime(-1))),
                SortKey::Updated(None),
                SortKey::DueDate(Some(StoredTime(i64::MIN))),
                SortKey::DueDate(None),
                SortKey::Title(String::new()),
                SortKey::Title("undefined".into()),
                SortKey::Priority(Some("high".into())),
                SortKey::Priority(None),
            ] {
                for order in [Order::Ascending, Order::Descending] {
                    let after = Position { key: key.clone(), id: "9007199254740993".into() };
                    let text = Cursor::encode(order, &filter, &after);
                    let cursor = Cursor { order, filter: filter.clone(), after };
                    assert_eq!(Cursor::decode(&text, &ApiConfig::default()), Some(cursor), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_cursor_has_the_format_of_its_filter() {
        let format = |filter: &Filter| {
            let after = Position { key: SortKey::DueDate(None), id: "7".into() };
            let json = URL_SAFE_NO_PAD.decode(Cursor::encode(Order::Ascending, filter, &after)).expect("base64url");
            let mut members: BTreeMap<String, String> = serde_json::from_slice(&json).expect("texts");
            let format = members.remove("format").expect("a format");
            members.insert("format".into(), if format == "1" { "2" } else { "1" }.into());
            let other = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&members).expect("texts"));
            assert_eq!(Cursor::decode(&other, &ApiConfig::default()), None);
            format
        };
        assert_eq!(format(&filter(&[("completed", "true")], None)), "1");
        for new in [("due_from", "2026-11-21"), ("due_to", "2026-11-21"), ("tags", "work"), ("category", "home")] {
            assert_eq!(format(&filter(&[new], None)), "2");
        }
        assert_eq!(format(&filter(&[("due", "today")], Some("2026-11-26T11:30:00Z"))), "2");
    }

    #[test]
    fn the_longest_cursor_fits_into_a_request() {
        let longest =
            filter(&[("search", &"\u{1}".repeat(200)), ("tz", &"A".repeat(64)), ("due_before", "2026-11-21")], None);
        let after = Position { key: SortKey::Title("\u{1}".repeat(255)), id: "𝒾".repeat(255) };
        let text = Cursor::encode(Order::Ascending, &longest, &after);
        assert!(text.len() < 6000, "{}", text.len());
    }
}
