//! What request bodies can say about a task: a new one, a change, a completion.

use serde_json::Value;

use super::model::Task;
use super::priority::{PRIORITY_RULE, parse_priority};
use super::times::time_rule;
use crate::config::{ApiConfig, InputLimits};
use crate::input::{FromJson, ObjectReader};
use crate::time::Timestamp;

/// The body of a create.
#[derive(Debug, PartialEq, Eq)]
pub struct NewTask {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: bool,
    pub(crate) priority: Option<&'static str>,
    pub(crate) due_date: Option<Timestamp>,
}

/// The body of a change. An outer `None` leaves the field unchanged, an inner one clears it.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskChange {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<Option<&'static str>>,
    pub(crate) due_date: Option<DueDateChange>,
    /// The `updated_at` of the task that the client has read; `None` accepts any.
    pub(crate) expected_updated_at: Option<Timestamp>,
}

/// A changed due date. A form that spreads a task and changes one of the two spellings sends both, one of them outdated:
/// the one that differs from the stored value is the edit. If both differ, camelCase wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueDateChange {
    /// The value to store; `None` clears it.
    pub(crate) value: Option<Timestamp>,
    /// The value to store if `value` is stored already.
    pub(crate) otherwise: Option<Timestamp>,
}

/// The body of a completion.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The state to set; `None` toggles.
    pub(crate) completed: Option<bool>,
    /// As in a [`TaskChange`].
    pub(crate) expected_updated_at: Option<Timestamp>,
}

impl FromJson for NewTask {
    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        Self {
            title: required_title(object, config.limits).unwrap_or_default(),
            description: description(object, config.limits).flatten(),
            completed: object.boolean("completed").unwrap_or_default(),
            priority: priority(object).flatten(),
            due_date: due_date(object).and_then(|change| change.value),
        }
    }
}

impl FromJson for TaskChange {
    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        let change = Self {
            title: title(object, config.limits),
            description: description(object, config.limits),
            completed: object.boolean("completed"),
            priority: priority(object),
            due_date: due_date(object),
            expected_updated_at: expected_updated_at(object),
        };
        if change.is_empty() {
            object.fail_object("at least one of title, description, completed, priority and due_date must be given");
        }
        change
    }
}

impl FromJson for Completion {
    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        Self { completed: object.boolean("completed"), expected_updated_at: expected_updated_at(object) }
    }
}

impl TaskChange {
    fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.description.is_none()
            && self.completed.is_none()
            && self.priority.is_none()
            && self.due_date.is_none()
    }

    /// Whether a task is as this change makes it.
    pub(super) fn is_applied_to(&self, task: &Task) -> bool {
        let to_text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        self.title.as_ref().is_none_or(|title| *title == task.title)
            && self.description.as_ref().is_none_or(|description| *description == task.description)
            && self.completed.is_none_or(|completed| completed == task.completed)
            && self.priority.is_none_or(|priority| priority == task.priority.as_deref())
            // Texts have microseconds, as the database does.
            && self.due_date.is_none_or(|due_date| {
                [due_date.value, due_date.otherwise].map(to_text).contains(&to_text(task.due_date))
            })
    }
}

/// Trimmed, 1 to `title_max` code points. Null counts as absent.
fn title(object: &mut ObjectReader<'_>, limits: InputLimits) -> Option<String> {
    let value = object.non_null("title")?;
    let title = object.text("title", value)?.trim();
    if title.chars().all(is_invisible) {
        return object.fail("title", "title must not be empty");
    }
    let max = limits.title_max;
    if title.chars().count() > max {
        return object.fail("title", format!("title must have at most {max} characters"));
    }
    Some(title.to_owned())
}

/// White space, and characters without a width: U+00AD, U+200B to U+200F, U+2060 and U+FEFF.
fn is_invisible(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// As [`title`], but it must be present.
fn required_title(object: &mut ObjectReader<'_>, limits: InputLimits) -> Option<String> {
    if object.non_null("title").is_none() {
        return object.fail("title", "title is required");
    }
    title(object, limits)
}

/// Up to `description_max` code points; null clears it.
fn description(object: &mut ObjectReader<'_>, limits: InputLimits) -> Option<Option<String>> {
    let value = object.member("description")?;
    if value.is_null() {
        return Some(None);
    }
    let text = object.text("description", value)?;
    let max = limits.description_max;
    if text.chars().count() > max {
        return object.fail("description", format!("description must have at most {max} characters"));
    }
    Some(Some(text.to_owned()))
}

/// `low`, `medium` or `high` in any case; null or an empty text clears it.
fn priority(object: &mut ObjectReader<'_>) -> Option<Option<&'static str>> {
    let value = object.member("priority")?;
    clearable(value, parse_priority).or_else(|| object.fail("priority", PRIORITY_RULE))
}

/// See [`Timestamp::parse`]; null or an empty text clears it.
fn due_date(object: &mut ObjectReader<'_>) -> Option<DueDateChange> {
    let rule = time_rule("due_date");
    let values = object.parse_spellings("due_date", &rule, |value| clearable(value, Timestamp::parse))?;
    let value = *values.first()?;
    Some(DueDateChange { value, otherwise: values.last().copied().unwrap_or(value) })
}

/// See [`Timestamp::parse`]. Null counts as absent.
fn expected_updated_at(object: &mut ObjectReader<'_>) -> Option<Timestamp> {
    const RULE: &str = "expected_updated_at must be the updated_at of a task, such as 2026-11-21T17:30:00.123456Z";
    let parse = |value: &Value| match value {
        Value::Null => Some(None),
        value => value.as_str().and_then(Timestamp::parse).map(Some),
    };
    object.parse_spellings("expected_updated_at", RULE, parse)?.into_iter().flatten().next()
}

/// The inner `None` is null or an empty text, the outer one a value that cannot be parsed.
fn clearable<T>(value: &Value, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.is_empty() => Some(None),
        Value::String(text) => parse(text).map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::JsonFormat;

    fn read<T: FromJson>(body: &serde_json::Value) -> Result<T, String> {
        let object = body.as_object().cloned().expect("the tests send objects");
        let config = ApiConfig {
            limits: InputLimits { title_max: 200, description_max: 1000 },
            json: JsonFormat { list_object: false, camel_case_too: false },
            require_if_match: false,
        };
        let mut reader = ObjectReader::new(&object, "");
        let value = T::from_json(&mut reader, &config);
        reader.finish(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_title_is_trimmed_and_counted_in_code_points() {
        let title = |text: String| read::<NewTask>(&json!({"title": text})).map(|task| task.title);
        assert_eq!(title(" \t Buy milk\n".into()), Ok("Buy milk".into()));
        assert_eq!(title("🥛".repeat(200)), Ok("🥛".repeat(200)));
        assert_eq!(title("🥛".repeat(201)), Err("title must have at most 200 characters".into()));
        assert_eq!(title(" \u{a0}\n".into()), Err("title must not be empty".into()));
        assert_eq!(title("\u{200b} \u{feff}\u{2060}\u{ad}".into()), Err("title must not be empty".into()));
        assert_eq!(title("\u{200b}x".into()), Ok("\u{200b}x".into()));
        assert_eq!(title("a\0b".into()), Err("title must not contain U+0000".into()));
    }

    #[test]
    fn all_failures_are_reported_at_once() {
        let body = json!({"description": 1, "completed": "yes", "priority": "urgent", "dueDate": "soon"});
        assert_eq!(
            read::<NewTask>(&body).expect_err("five failures"),
            "title is required; description must be a text; completed must be true or false; \
             priority must be low, medium or high; \
             due_date must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"
        );
    }

    #[test]
    fn null_clears_nullable_fields_only() {
        let body = json!({"title": null, "description": null, "completed": null, "priority": "", "due_date": ""});
        let change = read::<TaskChange>(&body).expect("three fields are cleared");
        assert_eq!(
            change,
            TaskChange {
                title: None,
                description: Some(None),
                completed: None,
                priority: Some(None),
                due_date: Some(DueDateChange { value: None, otherwise: None }),
                expected_updated_at: None,
            }
        );
    }

    #[test]
    fn a_change_needs_a_field() {
        let sentence = "at least one of title, description, completed, priority and due_date must be given";
        for body in [json!({}), json!({"title": null}), json!({"color": "red"}), json!({"user_id": "u"})] {
            assert_eq!(read::<TaskChange>(&body), Err(sentence.into()));
        }
        assert_eq!(read::<TaskChange>(&json!({"title": ""})), Err("title must not be empty".into()));
    }

    #[test]
    fn both_spellings_of_a_due_date_are_read() {
        let at = |text| Timestamp::parse(text);
        let due = |body| read::<TaskChange>(&body).map(|change| change.due_date.map(|due| (due.value, due.otherwise)));
        let one = (at("2026-01-02"), at("2026-01-02"));
        assert_eq!(due(json!({"dueDate": "2026-01-02"})), Ok(Some(one)));
        assert_eq!(due(json!({"due_date": "2026-01-02"})), Ok(Some(one)));
        let both = json!({"dueDate": "2026-01-02", "due_date": "2026-01-03"});
        assert_eq!(due(both), Ok(Some((at("2026-01-02"), at("2026-01-03")))));
        let cleared = json!({"dueDate": null, "due_date": "2026-01-03"});
        assert_eq!(due(cleared), Ok(Some((None, at("2026-01-03")))));
        for malformed in
            [json!({"dueDate": "AAA", "due_date": "2026-01-03"}), json!({"dueDate": "2026-01-02", "due_date": "AAA"})]
        {
            let sentence = "due_date must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z";
            assert_eq!(due(malformed), Err(sentence.into()));
        }
        let new = read::<NewTask>(&json!({"title": "t", "dueDate": "2026-01-02", "due_date": "2026-01-03"}));
        assert_eq!(new.expect("a new task").due_date, at("2026-01-02"));
    }

    #[test]
    fn a_completion_toggles_unless_it_sets() {
        assert_eq!(read::<Completion>(&json!({})), Ok(Completion::default()));
        let set = Completion { completed: Some(false), expected_updated_at: None };
        assert_eq!(read::<Completion>(&json!({"completed": false})), Ok(set));
        assert_eq!(read::<Completion>(&json!({"completed": 1})), Err("completed must be true or false".into()));
    }
}
