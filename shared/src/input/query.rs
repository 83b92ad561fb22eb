//! Reads the parameters of a query string.

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
}

impl QueryReader {
    pub(crate) fn new(query: &str) -> Self {
        Self { pairs: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), failures: Vec::new() }
    }

    /// `value` if no failure was recorded, else all of them.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, InvalidInput> {
        if self.failures.is_empty() { Ok(value) } else { Err(InvalidInput(self.failures)) }
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
        // What JavaScript makes of a variable without a value in a template string.
        let has_no_value = matches!(text.as_str(), "undefined" | "null");
        if value.is_none() && !has_no_value {
            self.fail(spellings.first().copied().unwrap_or_default(), rule);
        }
        value
    }

    /// Records that the parameter `name` breaks a rule.
    pub(crate) fn fail(&mut self, name: &str, rule: &str) {
        self.failures.push(Failure { pointer: format!("/{name}"), detail: rule.to_owned() });
    }
}
