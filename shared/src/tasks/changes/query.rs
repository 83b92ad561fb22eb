//! The query parameters of the changes.

use crate::config::ApiConfig;
use crate::input::{FromQuery, QueryReader};
use crate::tasks::rules::page_limit;

/// The query parameters of the changes.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The token that the client has. `None`: none yet.
    pub(crate) since: Option<String>,
    /// See [`page_limit`].
    pub(crate) limit: u32,
}

impl FromQuery for ChangesQuery {
    /// The last of a repeated parameter counts.
    fn from_query(query: &mut QueryReader, _: &ApiConfig) -> Self {
        let since = query.read(&["since"], "since must be a sync token", |text| {
            // What JavaScript makes of a variable without a value. A token is checked later: it is not a validation failure.
            (!matches!(text, "undefined" | "null")).then(|| text.to_owned())
        });
        Self { since, limit: page_limit(query) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(Option<String>, u32), String> {
        let mut reader = QueryReader::new(query);
        let value = ChangesQuery::from_query(&mut reader, &ApiConfig::default());
        reader.finish(value).map(|query| (query.since, query.limit)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        for query in ["", "since=&limit=", "since=undefined&limit=null", "since=null"] {
            assert_eq!(read(query), Ok((None, 1000)), "{query}");
        }
        assert_eq!(read("since=abc&limit=7"), Ok((Some("abc".to_owned()), 7)));
        for limit in ["0", "1001", "-1", "x"] {
            assert_eq!(read(&format!("limit={limit}")), Err("limit must be a number from 1 to 1000".to_owned()));
        }
    }
}
