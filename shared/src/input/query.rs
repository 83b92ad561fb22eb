//! Reads the parameters of a query string.

use std::fmt;

use super::failure::{Failure, InvalidInput};
use crate::config::ApiConfig;

/// A type that can be read from a query string.
pub trait FromQuery: Sized {
    /// Reads the known parameters. What is wrong with them is recorded in `query`; the value is used only if nothing is.
    fn from_query(query: &mut QueryReader, config: &ApiConfig) -> Self;
}

/// The decoded parameters of a query string, and the failures recorded so far. Unknown parameters are ignored.
#[derive(Debug)]
pub struct QueryReader {
    pairs: Vec<(String, String)>,
    failures: Vec<Failure>,
    has_invalid_cursor: bool,
}

/// Why a query string cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidQuery {
    /// The cursor is not one of ours, or belongs to a list with other parameters.
    Cursor,
    /// Parameters break rules.
    Parameters(InvalidInput),
}

impl fmt::Display for InvalidQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cursor => formatter.write_str("the cursor is not valid"),
            Self::Parameters(input) => input.fmt(formatter),
        }
    }
}

impl QueryReader {
    pub(crate) fn new(query: &str) -> Self {
        Self::from_pairs(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Reads parameters that are decoded already.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, failures: Vec::new(), has_invalid_cursor: false }
    }

    /// `value` if no failure was recorded, else all of them. An invalid cursor is one failure, whatever else is wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, InvalidQuery> {
        if self.has_invalid_cursor {
            Err(InvalidQuery::Cursor)
        } else if !self.failures.is_empty() {
            Err(InvalidQuery::Parameters(InvalidInput(self.failures)))
        } else {
            Ok(value)
        }
    }

    /// The last parameter `cursor`, unless it has no value.
    pub(crate) fn cursor(&self) -> Option<String> {
        let (_, cursor) = self.pairs.iter().rev().find(|(name, _)| name == "cursor")?;
        (!cursor.is_empty() && !is_undefined(cursor)).then(|| cursor.clone())
    }

    /// Records that the cursor is invalid.
    pub(crate) fn fail_cursor(&mut self) {
        self.has_invalid_cursor = true;
    }

    /// Parses the last parameter with one of the `spellings`. `None` if there is none or it has no value, or if it cannot
    /// be parsed. That failure is recorded with the first spelling and the sentence `rule`.
    pub(crate) fn read<T>(
        &mut self,
        spellings: &[&str],
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (_, text) = self.pairs.iter().rev().find(|(name, _)| spellings.contains(&name.as_str()))?;
        if text.is_empty() {
            return None;
        }
        let value = parse(text);
        if value.is_none() && !is_undefined(text) {
            self.fail(spellings.first().copied().unwrap_or_default(), rule);
        }
        value
    }

    /// Parses every parameter with one of the `spellings` that has a value. `None` if there is none, or if one cannot be
    /// parsed, which is recorded as in [`QueryReader::read`].
    pub(crate) fn read_all<T>(
        &mut self,
        spellings: &[&str],
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let named = self.pairs.iter().filter(|(name, _)| spellings.contains(&name.as_str()));
        let texts = named.map(|(_, text)| text).filter(|text| !text.is_empty() && !is_undefined(text));
        let values: Option<Vec<T>> = texts.map(|text| parse(text)).collect();
        if values.is_none() {
            self.fail(spellings.first().copied().unwrap_or_default(), rule);
        }
        values.filter(|values| !values.is_empty())
    }

    /// Records that the parameter `name` breaks a rule.
    pub(crate) fn fail(&mut self, name: &str, rule: &str) {
        self.failures.push(Failure { pointer: format!("/{name}"), detail: rule.to_owned() });
    }
}

/// What JavaScript makes of a variable without a value in a template string.
fn is_undefined(text: &str) -> bool {
    matches!(text, "undefined" | "null")
}
