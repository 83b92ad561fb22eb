//! Reads a JSON object member by member.

use serde_json::{Map, Value};

use super::failure::{Failure, InvalidInput};
use crate::config::ApiConfig;

/// A type that can be read from a JSON object.
///
/// Reading does not stop at a failure: the response lists all of them.
pub trait FromJson: Sized {
    /// The largest body, in KiB after decoding.
    const BODY_MAX_KIB: usize = 64;
    /// Members with lists of objects that must not name another user, as the body itself must not.
    const LISTS_OF_OBJECTS: &'static [&'static str] = &[];

    /// Reads the known members. What is wrong with them is recorded in `object`; the value is used only if nothing is.
    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self;
}

/// A JSON object, and the failures recorded so far.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    object: &'a Map<String, Value>,
    /// Points to the object within the body.
    pointer: String,
    failures: Vec<Failure>,
}

impl<'a> ObjectReader<'a> {
    /// Reads `object`, to which `pointer` points within the body; it is empty for the body itself.
    pub(crate) fn new(object: &'a Map<String, Value>, pointer: impl Into<String>) -> Self {
        Self { object, pointer: pointer.into(), failures: Vec::new() }
    }

    /// `value` if no failure was recorded, else all of them.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, InvalidInput> {
        if self.failures.is_empty() { Ok(value) } else { Err(InvalidInput(self.failures)) }
    }

    /// The member `name`, given in snake_case, or its camelCase spelling, which comes first.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.spellings(name).next()
    }

    /// The values of a member under both of its names: camelCase first, then snake_case.
    pub(crate) fn spellings(&self, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let camel_case = camel_case(name);
        let in_camel_case = if camel_case == name { None } else { self.object.get(&camel_case) };
        in_camel_case.into_iter().chain(self.object.get(name))
    }

    /// Parses a member under each of its names. `None` if one of the values cannot be parsed, which is recorded with the
    /// sentence `rule`.
    pub(crate) fn parse_spellings<T>(
        &mut self,
        name: &str,
        rule: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let values: Option<Vec<T>> = self.spellings(name).map(parse).collect();
        values.or_else(|| self.fail(name, rule))
    }

    /// As [`ObjectReader::member`], with null as absent.
    pub(crate) fn non_null(&self, name: &str) -> Option<&'a Value> {
        self.member(name).filter(|value| !value.is_null())
    }

    /// A text without U+0000, which PostgreSQL cannot store.
    pub(crate) fn text(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        match value.as_str() {
            None => self.fail(name, format!("{name} must be a text")),
            Some(text) if text.contains('\0') => self.fail(name, format!("{name} must not contain U+0000")),
            Some(text) => Some(text),
        }
    }

    /// A boolean. Null counts as absent.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.non_null(name)?;
        value.as_bool().or_else(|| self.fail(name, format!("{name} must be true or false")))
    }

    /// Records that the member `name` breaks a rule.
    pub(crate) fn fail<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.failures.push(self.failure(name, detail));
        None
    }

    /// The failure of the member `name`, without recording it.
    pub(crate) fn failure(&self, name: &str, detail: impl Into<String>) -> Failure {
        Failure { pointer: format!("{}/{name}", self.pointer), detail: detail.into() }
    }

    /// Records a failure before the one at `position`, or as the last one.
    pub(crate) fn insert_failure(&mut self, position: usize, failure: Failure) {
        self.failures.insert(position.min(self.failures.len()), failure);
    }

    /// Records a failure as the last one.
    pub(crate) fn push_failure(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// How many failures were recorded.
    pub(crate) fn failure_count(&self) -> usize {
        self.failures.len()
    }

    /// Whether a failure was recorded.
    pub(crate) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Records that the object as a whole breaks a rule, unless one of its members does.
    pub(crate) fn fail_object(&mut self, detail: impl Into<String>) {
        if self.failures.is_empty() {
            self.failures.push(Failure { pointer: self.pointer.clone(), detail: detail.into() });
        }
    }
}

/// A whole number, also with decimals that are zero: in JSON, `7.0` is the same number as `7`.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    let with_decimals = || value.as_f64().filter(|number| number.fract() == 0.0);
    value.as_i64().or_else(|| format!("{:.0}", with_decimals()?).parse().ok())
}

/// `due_date` → `dueDate`
#[must_use]
pub fn camel_case(snake_case: &str) -> String {
    let mut words = snake_case.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_points_into_nested_objects() {
        let body = json!({"title": 7});
        let object = body.as_object().expect("an object");
        for (pointer, title, whole) in [("", "/title", ""), ("/operations/3", "/operations/3/title", "/operations/3")] {
            let mut reader = ObjectReader::new(object, pointer);
            assert_eq!(reader.fail::<()>("title", "title must be a text"), None);
            reader.fail_object("a member is missing");
            let failure = Failure { pointer: title.to_owned(), detail: "title must be a text".to_owned() };
            assert_eq!(reader.finish(()), Err(InvalidInput(vec![failure])));

            let mut reader = ObjectReader::new(object, pointer);
            reader.fail_object("a member is missing");
            let failure = Failure { pointer: whole.to_owned(), detail: "a member is missing".to_owned() };
            assert_eq!(reader.finish(()), Err(InvalidInput(vec![failure])));
        }
        assert_eq!(ObjectReader::new(object, "").finish(7), Ok(7));
    }

    #[test]
    fn decimals_of_a_whole_number_can_be_zero() {
        for (value, number) in [
            (json!(7), Some(7)),
            (json!(7.0), Some(7)),
            (json!(-1.0), Some(-1)),
            (json!(7.5), None),
            (json!(1e300), None),
            (json!("7"), None),
        ] {
            assert_eq!(whole_number(&value), number, "{value}");
        }
    }

    #[test]
    fn a_member_is_found_in_both_cases() {
        let body = json!({"dueDate": 1, "expected_updated_at": 2, "expectedUpdatedAt": 3, "title": null});
        let reader = ObjectReader::new(body.as_object().expect("an object"), "");
        assert_eq!(reader.member("due_date"), Some(&json!(1)));
        assert_eq!(reader.member("expected_updated_at"), Some(&json!(3)));
        assert_eq!(reader.spellings("expected_updated_at").collect::<Vec<_>>(), [&json!(3), &json!(2)]);
        assert_eq!(reader.spellings("title").count(), 1);
        assert_eq!((reader.member("title"), reader.non_null("title")), (Some(&json!(null)), None));
        assert_eq!(reader.member("priority"), None);
    }
}
