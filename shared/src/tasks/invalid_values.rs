//! Values that break rules, in a request body.
//!
//! In a change they are accepted if they are stored already: a form sends the whole task back, and an earlier back end may
//! have had other rules.

use serde_json::Value;

use super::model::Task;
use super::rules::priority_rule;
use super::tags;
use crate::config::{InputLimits, Priorities};
use crate::input::{Failure, ObjectReader};

/// A value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidValue {
    field: Field,
    text: String,
    pub(super) failure: Failure,
    /// Where the failure belongs among all failures.
    position: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Title,
    Description,
    Priority,
    Category,
    Tags,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Priority => "priority",
            Self::Category => "category",
            Self::Tags => "tags",
        }
    }
}

impl InvalidValue {
    /// The name of the field.
    pub(super) fn field(&self) -> &'static str {
        self.field.name()
    }

    /// As the client has sent it. Tags are a list in JSON.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_stored_in(&self, task: &Task) -> bool {
        match self.field {
            Field::Title => self.text == task.title,
            Field::Description => task.description.as_ref() == Some(&self.text),
            Field::Priority => task.priority.as_ref() == Some(&self.text),
            Field::Category => task.category.as_ref() == Some(&self.text),
            Field::Tags => self.text == to_json(&task.tags),
        }
    }
}

/// The values that break a rule, so far.
#[derive(Default)]
pub(super) struct InvalidValues(Vec<InvalidValue>);

impl InvalidValues {
    /// See [`check_title`]. Null counts as absent.
    pub(super) fn title(&mut self, object: &mut ObjectReader<'_>, limits: InputLimits) -> Option<String> {
        let value = object.non_null("title")?;
        let text = object.text("title", value)?;
        self.checked(object, Field::Title, text, check_title(text, limits))
    }

    /// See [`check_description`]. Null clears it.
    pub(super) fn description(&mut self, object: &mut ObjectReader<'_>, limits: InputLimits) -> Option<Option<String>> {
        let value = object.member("description")?;
        if value.is_null() {
            return Some(None);
        }
        let text = object.text("description", value)?;
        self.checked(object, Field::Description, text, check_description(text, limits)).map(Some)
    }

    /// One of the words in any case. Null, an empty text and `none` clear it.
    pub(super) fn priority(
        &mut self,
        object: &mut ObjectReader<'_>,
        priorities: &Priorities,
    ) -> Option<Option<&'static str>> {
        match object.member("priority")? {
            Value::Null => Some(None),
            Value::String(text) => match priorities.find(text) {
                Some(word) => Some(Some(word)),
                None if text.is_empty() || is_none_word(text) => Some(None),
                None => self.checked(object, Field::Priority, text, Err(priority_rule(priorities))),
            },
            _ => object.fail("priority", priority_rule(priorities)),
        }
    }

    /// Trimmed, up to [`CATEGORY_MAX`] code points. Null, an empty text and `none` clear it.
    pub(super) fn category(&mut self, object: &mut ObjectReader<'_>) -> Option<Option<String>> {
        let value = object.member("category")?;
        if value.is_null() {
            return Some(None);
        }
        let text = object.text("category", value)?;
        let category = text.trim();
        if category.is_empty() || is_none_word(category) {
            return Some(None);
        }
        let is_short = category.chars().count() <= CATEGORY_MAX;
        let rule = || format!("category must have at most {CATEGORY_MAX} characters");
        let checked = is_short.then(|| category.to_owned()).ok_or_else(rule);
        self.checked(object, Field::Category, text, checked).map(Some)
    }

    /// The tags of each spelling: `tag_ids` comes first, because no response has it. See [`tags`].
    pub(super) fn tags(&mut self, object: &mut ObjectReader<'_>) -> Vec<Vec<String>> {
        let mut lists = Vec::new();
        for value in object.spellings("tag_ids").chain(object.spellings("tags")) {
            let names = tags::names(value).filter(|names| !names.iter().any(|name| name.contains('\0')));
            match names {
                Some(names) => {
                    lists.extend(self.checked(object, Field::Tags, &to_json(&names), tags::check(&names)));
                }
                None => {
                    object.fail::<()>("tags", tags::TAGS_RULE);
                }
            }
        }
        lists
    }

    /// The checked value, or `None` if it breaks a rule.
    fn checked<T>(
        &mut self,
        object: &ObjectReader<'_>,
        field: Field,
        text: &str,
        checked: Result<T, String>,
    ) -> Option<T> {
        checked
            .map_err(|rule| {
                let (failure, position) = (object.failure(field.name(), rule), object.failure_count() + self.0.len());
                self.0.push(InvalidValue { field, text: text.to_owned(), failure, position });
            })
            .ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<InvalidValue> {
        self.0
    }

    /// Records them as failures, in the order of the fields.
    pub(super) fn fail(&mut self, object: &mut ObjectReader<'_>) {
        for InvalidValue { failure, position, .. } in self.0.drain(..) {
            object.insert_failure(position, failure);
        }
    }
}

/// The longest category, in code points.
const CATEGORY_MAX: usize = 50;

/// Whether a text is what a list to select from has for no value.
pub(super) fn is_none_word(text: &str) -> bool {
    text.eq_ignore_ascii_case("none")
}

fn to_json<T: AsRef<str>>(names: &[T]) -> String {
    crate::output::to_json(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

/// Trimmed, 1 to `title_max` code points.
fn check_title(text: &str, limits: InputLimits) -> Result<String, String> {
    let (title, max) = (text.trim(), limits.title_max);
    if title.chars().all(is_invisible) {
        return Err("title must not be empty".to_owned());
    }
    if title.chars().count() > max {
        return Err(format!("title must have at most {max} characters"));
    }
    Ok(title.to_owned())
}

/// White space, and characters without a width: U+00AD, U+200B to U+200F, U+2060 and U+FEFF.
fn is_invisible(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Up to `description_max` code points.
fn check_description(text: &str, limits: InputLimits) -> Result<String, String> {
    let max = limits.description_max;
    if text.chars().count() > max {
        return Err(format!("description must have at most {max} characters"));
    }
    Ok(text.to_owned())
}
