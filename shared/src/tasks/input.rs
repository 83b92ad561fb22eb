//! What request bodies can say about a task: a new one, a change, a completion.

use serde_json::Value;

use super::completed::CompletedInput;
use super::due_date::DueDateInput;
use super::extra::{ExtraChanges, ExtraValues};
use super::filter::parse_time_zone;
use super::invalid_values::{InvalidValue, InvalidValues, is_none_word};
use super::model::Task;
use super::recurrence::{Recurrence, RecurrenceChange};
use super::rules::{TASK_TIME_ZONE_RULE, time_rule};
use super::spellings::Spellings;
use crate::config::{ApiConfig, JsonFormat};
use crate::input::{Failure, FromJson, ObjectReader};
use crate::time::Timestamp;

/// The body of a create. A field that is `None` gets the default of its column.
#[derive(Debug, PartialEq, Eq)]
pub struct NewTask {
    /// An id that the client has chosen, in lower case. `None` lets the database choose.
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<&'static str>,
    /// The priority is not given, but that of `TASK_PRIORITY_DEFAULT`.
    pub(crate) has_default_priority: bool,
    pub(crate) due_date: Option<DueDateInput>,
    /// Not empty.
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) category: Option<String>,
    /// In canonical form.
    pub(crate) recurrence: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) extra: ExtraValues,
}

/// The body of a change. An outer `None` leaves the field unchanged, an inner one clears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskChange {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) completed: Option<bool>,
    /// Whether `completed` becomes what it is not: see [`CompletedInput::toggles`]. Then the other field is `None`.
    pub(crate) toggles_completed: bool,
    pub(crate) priority: Option<Option<&'static str>>,
    pub(crate) due_date: Option<Spellings<Option<DueDateInput>>>,
    /// An empty list clears them.
    pub(crate) tags: Option<Spellings<Vec<String>>>,
    pub(crate) category: Option<Option<String>>,
    /// In canonical form.
    pub(crate) recurrence: Option<Spellings<Option<String>>>,
    pub(crate) time_zone: Option<Spellings<Option<String>>>,
    pub(crate) extra: ExtraChanges,
    /// The `updated_at` of the task that the client has read; `None` accepts any.
    pub(crate) expected_updated_at: Option<Timestamp>,
    /// Fields that are not changed, because their values break rules. They are accepted if they are stored already: a
    /// form sends the whole task back, and an earlier back end may have had other rules.
    pub(crate) invalid_values: Vec<InvalidValue>,
}

/// The body of a completion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// The state to set; `None` toggles.
    pub(crate) completed: Option<bool>,
    /// As in a [`TaskChange`].
    pub(crate) expected_updated_at: Option<Timestamp>,
}

const NO_FIELD: &str = "at least one of title, description, completed, status, priority, due_date, tags, category, recurrence_rule and \
     time_zone must be given";

impl FromJson for NewTask {
    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        let mut invalid_values = InvalidValues::default();
        if object.non_null("title").is_none() {
            object.fail::<()>("title", "title is required");
        }
        let title = invalid_values.title(object, config.limits).unwrap_or_default();
        let description = invalid_values.description(object, config.limits).flatten();
        let completed = CompletedInput::read(object).of_new_task();
        let priority = invalid_values.priority(object, &config.priorities).flatten();
        let due_date = due_date(object, config.json);
        let tags = invalid_values.tags(object).into_iter().find(|tags| !tags.is_empty());
        let category = invalid_values.category(object).flatten();
        let recurrence = Recurrence::read_new(object).map(|rule| rule.to_string());
        let time_zone = time_zone(object).and_then(|zone| zone.value.or(zone.otherwise));
        let new = Self {
            // Front ends send ids of their own, which mean nothing to the server, and null.
            id: object.non_null("id").and_then(Value::as_str).filter(|text| is_uuid(text)).map(str::to_lowercase),
            title,
            description,
            completed,
            priority: priority.or(config.priorities.default_word()),
            has_default_priority: priority.is_none(),
            // As if nothing had been stored before.
            due_date: due_date.and_then(|change| change.value.or(change.otherwise)),
            tags,
            category,
            recurrence,
            time_zone,
            extra: ExtraValues::read(object, config.json),
        };
        invalid_values.fail(object);
        new
    }
}

impl FromJson for TaskChange {
    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        let mut invalid_values = InvalidValues::default();
        let title = invalid_values.title(object, config.limits);
        let description = invalid_values.description(object, config.limits);
        let CompletedInput { value: completed, toggles: toggles_completed } = CompletedInput::read(object);
        let mut change = Self {
            title,
            description,
            completed,
            toggles_completed,
            priority: invalid_values.priority(object, &config.priorities),
            due_date: due_date(object, config.json),
            tags: Spellings::new(&invalid_values.tags(object)),
            category: invalid_values.category(object),
            recurrence: recurrence(object),
            time_zone: time_zone(object),
            extra: ExtraChanges::read(object, config.json),
            expected_updated_at: expected_updated_at(object),
            invalid_values: Vec::new(),
        };
        if object.has_failures() {
            // The request fails whatever is stored, and the response lists everything that can be wrong.
            invalid_values.fail(object);
        } else if change.is_empty() && invalid_values.is_empty() {
            object.fail_object(NO_FIELD);
        }
        change.invalid_values = invalid_values.into_vec();
        change
    }
}

impl FromJson for Completion {
    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        // What is stored is toggled also if the spellings disagree.
        let CompletedInput { value: completed, .. } = CompletedInput::read(object);
        Self { completed, expected_updated_at: expected_updated_at(object) }
    }
}

impl TaskChange {
    /// No change.
    pub(super) const NONE: Self = Self {
        title: None,
        description: None,
        completed: None,
        toggles_completed: false,
        priority: None,
        due_date: None,
        tags: None,
        category: None,
        recurrence: None,
        time_zone: None,
        extra: ExtraChanges::NONE,
        expected_updated_at: None,
        invalid_values: Vec::new(),
    };

    /// See [`TaskChange::invalid_values`].
    pub(super) fn invalid_values(&self) -> impl Iterator<Item = &InvalidValue> {
        self.invalid_values.iter()
    }

    fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.description.is_none()
            && self.completed.is_none()
            && !self.toggles_completed
            && self.priority.is_none()
            && self.due_date.is_none()
            && self.tags.is_none()
            && self.category.is_none()
            && self.recurrence.is_none()
            && self.time_zone.is_none()
            && self.extra.is_empty()
    }

    /// Whether what it writes depends on what is stored, so that a second execution can write something else.
    pub(super) fn depends_on_stored_values(&self) -> bool {
        self.toggles_completed
            || self.due_date.as_ref().is_some_and(Spellings::differ)
            || self.tags.as_ref().is_some_and(Spellings::differ)
            || self.recurrence.as_ref().is_some_and(Spellings::differ)
            || self.time_zone.as_ref().is_some_and(Spellings::differ)
            || self.extra.depend_on_stored_values()
    }

    /// The failures of the values that break rules and are not what is stored.
    pub(super) fn failures(&self, stored: &Task) -> Vec<Failure> {
        let invalid_values = self.invalid_values.iter().filter(|value| !value.is_stored_in(stored));
        invalid_values.map(|value| value.failure.clone()).collect()
    }

    /// Whether a task is as this change makes it. `false` if that depends on what was stored.
    pub(super) fn is_applied_to(&self, task: &Task) -> bool {
        let is_stored = |due_date: Option<DueDateInput>| match (due_date, task.due_date) {
            (Some(input), Some(stored)) => input.due_date.equals_stored(stored),
            (due_date, stored) => due_date.is_none() && stored.is_none(),
        };
        let lower_case = |priority: Option<&str>| priority.map(str::to_lowercase);
        !self.depends_on_stored_values()
            && self.title.as_ref().is_none_or(|title| *title == task.title)
            && self.description.as_ref().is_none_or(|description| *description == task.description)
            && self.completed.is_none_or(|completed| completed == task.completed)
            && self.priority.is_none_or(|priority| lower_case(priority) == lower_case(task.priority.as_deref()))
            && self.due_date.is_none_or(|due_date| is_stored(due_date.value))
            && self.tags.as_ref().is_none_or(|tags| tags.value == task.tags)
            && self.category.as_ref().is_none_or(|category| *category == task.category)
            && self.recurrence.as_ref().is_none_or(|recurrence| recurrence.value == task.recurrence)
            && self.time_zone.as_ref().is_none_or(|time_zone| time_zone.value == task.time_zone)
            && self.extra.are_stored_in(&task.extra)
    }
}

/// Whether a text is a UUID of version 4 or 7 (RFC 9562), which nobody else makes. Others can be of any origin.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => matches!(byte, b'4' | b'7'),
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
            _ => byte.is_ascii_hexdigit(),
        })
}

/// See [`DueDateInput::parse`]; null or an empty text clears it.
fn due_date(object: &mut ObjectReader<'_>, format: JsonFormat) -> Option<Spellings<Option<DueDateInput>>> {
    let parse = |value: &Value| clearable(value, |text| DueDateInput::parse(text, format));
    let values = object.parse_spellings("due_date", &time_rule("due_date"), parse)?;
    let value = *values.first()?;
    // The stored value is compared by its time alone, so of two with the same time the first one counts.
    let is_other = |other: &&Option<DueDateInput>| {
        !value.zip(**other).is_some_and(|(value, other)| value.due_date.has_time_of(other.due_date))
    };
    Some(Spellings { value, otherwise: values.last().filter(is_other).copied().unwrap_or(value) })
}

/// See [`RecurrenceChange::read`].
fn recurrence(object: &mut ObjectReader<'_>) -> Option<Spellings<Option<String>>> {
    let RecurrenceChange { value, otherwise } = RecurrenceChange::read(object)?;
    let text = |rule: Option<Recurrence>| rule.map(|rule| rule.to_string());
    Some(Spellings { value: text(value), otherwise: text(otherwise) })
}

/// Names of time zones, as far as their form tells. Null, an empty text and `none` clear it.
fn time_zone(object: &mut ObjectReader<'_>) -> Option<Spellings<Option<String>>> {
    let parse = |value: &Value| {
        clearable(value, |text| {
            let text = text.trim();
            if is_none_word(text) { Some(None) } else { parse_time_zone(text).map(|_| Some(text.to_owned())) }
        })
        .map(Option::flatten)
    };
    let values: Option<Vec<_>> = object.spellings("time_zone").chain(object.spellings("timezone")).map(parse).collect();
    let values = values.or_else(|| object.fail("time_zone", TASK_TIME_ZONE_RULE))?;
    Spellings::new(&values)
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

    fn read<T: FromJson>(body: &serde_json::Value) -> Result<T, String> {
        let object = body.as_object().cloned().expect("the tests send objects");
        let mut reader = ObjectReader::new(&object, "");
        let value = T::from_json(&mut reader, &ApiConfig::default());
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
        let body = json!({"title": null, "description": null, "completed": null, "priority": "None", "due_date": "",
                          "tags": "", "category": "none", "recurrence": "none", "timezone": ""});
        let change = read::<TaskChange>(&body).expect("seven fields are cleared");
        assert_eq!(
            change,
            TaskChange {
                title: None,
                description: Some(None),
                completed: None,
                toggles_completed: false,
                priority: Some(None),
                due_date: Some(Spellings { value: None, otherwise: None }),
                tags: Some(Spellings { value: vec![], otherwise: vec![] }),
                category: Some(None),
                recurrence: Some(Spellings { value: None, otherwise: None }),
                time_zone: Some(Spellings { value: None, otherwise: None }),
                extra: ExtraChanges::NONE,
                expected_updated_at: None,
                invalid_values: Vec::new(),
            }
        );
    }

    #[test]
    fn a_change_needs_a_field() {
        for body in [json!({}), json!({"title": null}), json!({"color": "red"}), json!({"user_id": "u"})] {
            assert_eq!(read::<TaskChange>(&body), Err(NO_FIELD.into()));
        }
    }

    #[test]
    fn values_that_break_rules_are_kept_apart_in_a_change() {
        let long = "x".repeat(201);
        let body = json!({"title": long, "priority": "urgent", "completed": true});
        let change = read::<TaskChange>(&body).expect("the stored task is not known yet");
        assert_eq!((change.title.as_deref(), change.priority, change.completed), (None, None, Some(true)));
        let fields: Vec<_> = change.invalid_values().map(InvalidValue::field).collect();
        assert_eq!(fields, ["title", "priority"]);
        let body = json!({"title": long, "completed": 1});
        assert_eq!(
            read::<TaskChange>(&body),
            Err("title must have at most 200 characters; completed must be true or false".into())
        );
        assert!(read::<TaskChange>(&json!({"title": ""})).is_ok_and(|change| change.invalid_values.len() == 1));
    }

    #[test]
    fn both_spellings_of_a_due_date_are_read() {
        let at = |text| DueDateInput::parse(text, JsonFormat::default());
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
        let new = read::<NewTask>(&json!({"title": "t", "dueDate": null, "due_date": "2026-01-03"}));
        assert_eq!(new.expect("a new task").due_date, at("2026-01-03"));
    }

    #[test]
    fn only_random_uuids_are_ids() {
        let id = |id: Value| read::<NewTask>(&json!({"title": "t", "id": id})).expect("a new task").id;
        for text in ["f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f", "0199C9E0-5C9B-7B0E-BD5A-0A1B2C3D4E5F"] {
            assert_eq!(id(json!(text)), Some(text.to_lowercase()));
        }
        for other in [
            json!(null),
            json!(42),
            json!(""),
            json!("temp-1"),
            json!("f3a1c9e0-5c9b-1b0e-9d5a-0a1b2c3d4e5f"),
            json!("f3a1c9e0-5c9b-4b0e-7d5a-0a1b2c3d4e5f"),
            json!("f3a1c9e05c9b4b0e9d5a0a1b2c3d4e5f"),
            json!("{f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5}"),
            json!("f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5é"),
            json!(["f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f"]),
        ] {
            assert_eq!(id(other), None);
        }
    }

    #[test]
    fn a_completion_toggles_unless_it_sets() {
        assert_eq!(read::<Completion>(&json!({})), Ok(Completion::default()));
        let set = Completion { completed: Some(false), expected_updated_at: None };
        assert_eq!(read::<Completion>(&json!({"completed": false})), Ok(set));
        assert_eq!(read::<Completion>(&json!({"completed": 1})), Err("completed must be true or false".into()));
    }
}
