//! The rules of each field, applied to a JSON object; failures are collected, not thrown one by one.

use serde_json::{Map, Value};

use super::Timestamp;
use crate::config::TaskRules;
use crate::error::{ApiError, Failure};

/// What the column holds: `TASK_TITLE_MAX` cannot be more.
pub(crate) const MAX_TITLE: usize = 255;

/// `low < medium < high`
const PRIORITIES: [&str; 3] = ["low", "medium", "high"];

/// A JSON object that is being read, and what was wrong with it so far.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    rules: TaskRules,
    failures: Vec<Failure>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>, rules: TaskRules) -> Self {
        Self { object, rules, failures: Vec::new() }
    }

    /// The failures so far as the answer, if there are any.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ApiError> {
        if self.failures.is_empty() { Ok(value) } else { Err(ApiError::Invalid(self.failures)) }
    }

    /// Trimmed, 1 to `title_max` code points. Null counts as absent.
    pub(crate) fn title(&mut self) -> Option<String> {
        let value = self.value("title").filter(|value| !value.is_null())?;
        let title = self.text("title", value)?.trim();
        if title.is_empty() {
            return self.fail("title", "title must not be empty");
        }
        let max = self.rules.title_max;
        if title.chars().count() > max {
            return self.fail("title", format!("title must have at most {max} characters"));
        }
        Some(title.to_owned())
    }

    /// As [`Fields::title`], but absence is a failure.
    pub(crate) fn required_title(&mut self) -> Option<String> {
        if self.value("title").is_none_or(Value::is_null) {
            return self.fail("title", "title is required");
        }
        self.title()
    }

    /// Up to `description_max` code points.
    pub(crate) fn description(&mut self) -> Option<Option<String>> {
        let Some(value) = self.value("description")?.as_some() else { return Some(None) };
        let text = self.text("description", value)?;
        let max = self.rules.description_max;
        if text.chars().count() > max {
            return self.fail("description", format!("description must have at most {max} characters"));
        }
        Some(Some(text.to_owned()))
    }

    /// A boolean. Null counts as absent.
    pub(crate) fn completed(&mut self) -> Option<bool> {
        let value = self.value("completed").filter(|value| !value.is_null())?;
        value.as_bool().or_else(|| self.fail("completed", "completed must be true or false"))
    }

    /// `low`, `medium` or `high` in any case; an empty text is null.
    pub(crate) fn priority(&mut self) -> Option<Option<&'static str>> {
        let Some(value) = self.value("priority")?.as_some() else { return Some(None) };
        match value.as_str() {
            Some("") => Some(None),
            Some(text) if let Some(priority) = priority(text) => Some(Some(priority)),
            _ => self.fail("priority", PRIORITY_RULE),
        }
    }

    /// See [`Timestamp::parse`]; an empty text is null.
    pub(crate) fn due_date(&mut self) -> Option<Option<Timestamp>> {
        let Some(value) = self.value("due_date")?.as_some() else { return Some(None) };
        match value.as_str() {
            Some("") => Some(None),
            Some(text) if let Some(time) = Timestamp::parse(text) => Some(Some(time)),
            _ => self.fail("due_date", time_rule!("due_date")),
        }
    }

    /// See [`Timestamp::parse`]. Null counts as absent.
    pub(crate) fn expected_updated_at(&mut self) -> Option<Timestamp> {
        const RULE: &str = "expected_updated_at must be the updated_at of a task, such as 2026-11-21T17:30:00.123456Z";
        let value = self.value("expected_updated_at").filter(|value| !value.is_null())?;
        value.as_str().and_then(Timestamp::parse).or_else(|| self.fail("expected_updated_at", RULE))
    }

    /// The object has none of the fields that can change.
    pub(crate) fn fail_as_empty(&mut self) {
        const NAMES: &str = "at least one of title, description, completed, priority and due_date must be given";
        if self.failures.is_empty() {
            self.failures.push(Failure { field: "", detail: NAMES.to_owned() });
        }
    }

    /// Under its snake_case name, or else under its camelCase one.
    fn value(&self, name: &'static str) -> Option<&'a Value> {
        let camel_case = match name {
            "due_date" => "dueDate",
            "expected_updated_at" => "expectedUpdatedAt",
            other => other,
        };
        self.object.get(name).or_else(|| self.object.get(camel_case))
    }

    /// A text without U+0000, which PostgreSQL cannot hold.
    fn text(&mut self, name: &'static str, value: &'a Value) -> Option<&'a str> {
        match value.as_str() {
            None => self.fail(name, format!("{name} must be a text")),
            Some(text) if text.contains('\0') => self.fail(name, format!("{name} must not contain U+0000")),
            Some(text) => Some(text),
        }
    }

    fn fail<T>(&mut self, field: &'static str, detail: impl Into<String>) -> Option<T> {
        self.failures.push(Failure { field, detail: detail.into() });
        None
    }
}

/// The sentence for a priority that is none.
pub(super) const PRIORITY_RULE: &str = "priority must be low, medium or high";

/// The stored spelling of a priority.
pub(super) fn priority(text: &str) -> Option<&'static str> {
    PRIORITIES.into_iter().find(|priority| priority.eq_ignore_ascii_case(text))
}

trait NotNull {
    /// None for JSON's null.
    fn as_some(&self) -> Option<&Self>;
}

impl NotNull for Value {
    fn as_some(&self) -> Option<&Self> {
        (!self.is_null()).then_some(self)
    }
}
