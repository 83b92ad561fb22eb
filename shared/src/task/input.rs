//! What may be sent: a new task, a change, a completion.

use super::fields::Fields;
use super::{Task, Timestamp};

/// A body that can be read from a JSON object.
///
/// Reading never stops at the first failure: all of them belong into the answer.
pub trait FromJson: Sized {
    /// Reads the known members; what is wrong with them is kept in `fields`.
    fn from_json(fields: &mut Fields<'_>) -> Self;
}

/// The body of a create.
#[derive(Debug, PartialEq, Eq)]
pub struct NewTask {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: bool,
    pub(crate) priority: Option<&'static str>,
    pub(crate) due_date: Option<Timestamp>,
}

impl FromJson for NewTask {
    fn from_json(fields: &mut Fields<'_>) -> Self {
        Self {
            title: fields.required_title().unwrap_or_default(),
            description: fields.description().flatten(),
            completed: fields.completed().unwrap_or_default(),
            priority: fields.priority().flatten(),
            due_date: fields.due_date().flatten(),
        }
    }
}

/// The body of a change. The outer `None` means unchanged, the inner one cleared.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskChange {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<Option<&'static str>>,
    pub(crate) due_date: Option<Option<Timestamp>>,
    /// The `updated_at` of the task that the client has seen; none where it does not matter.
    pub(crate) expected_updated_at: Option<Timestamp>,
}

impl FromJson for TaskChange {
    fn from_json(fields: &mut Fields<'_>) -> Self {
        let change = Self {
            title: fields.title(),
            description: fields.description(),
            completed: fields.completed(),
            priority: fields.priority(),
            due_date: fields.due_date(),
            expected_updated_at: fields.expected_updated_at(),
        };
        if change.changes_nothing() {
            fields.fail_as_empty();
        }
        change
    }
}

impl TaskChange {
    fn changes_nothing(&self) -> bool {
        self.title.is_none()
            && self.description.is_none()
            && self.completed.is_none()
            && self.priority.is_none()
            && self.due_date.is_none()
    }

    /// Whether a task is as if the change had been made.
    pub(crate) fn is_in(&self, task: &Task) -> bool {
        let texts = |time: Option<Timestamp>| time.map(|time| time.to_string());
        self.title.as_ref().is_none_or(|title| *title == task.title)
            && self.description.as_ref().is_none_or(|description| *description == task.description)
            && self.completed.is_none_or(|completed| completed == task.completed)
            && self.priority.is_none_or(|priority| priority == task.priority.as_deref())
            // The database keeps microseconds, as the text does.
            && self.due_date.is_none_or(|due_date| texts(due_date) == texts(task.due_date))
    }
}

/// The body of a completion.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The state to set; none toggles.
    pub(crate) completed: Option<bool>,
    /// As in a [`TaskChange`].
    pub(crate) expected_updated_at: Option<Timestamp>,
}

impl FromJson for Completion {
    fn from_json(fields: &mut Fields<'_>) -> Self {
        Self { completed: fields.completed(), expected_updated_at: fields.expected_updated_at() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::TaskRules;
    use crate::error::ApiError;

    fn read<T: FromJson>(body: &serde_json::Value) -> Result<T, String> {
        let object = body.as_object().cloned().expect("the tests send objects");
        let mut fields =
            Fields::new(&object, TaskRules { title_max: 200, description_max: 1000, if_match_required: false });
        let value = T::from_json(&mut fields);
        fields.finish(value).map_err(|error: ApiError| error.to_string())
    }

    #[test]
    fn a_title_is_trimmed_and_counted_in_code_points() {
        let title = |text: String| read::<NewTask>(&json!({"title": text})).map(|task| task.title);
        assert_eq!(title(" \t Buy milk\n".into()), Ok("Buy milk".into()));
        assert_eq!(title("🥛".repeat(200)), Ok("🥛".repeat(200)));
        assert_eq!(title("🥛".repeat(201)), Err("title must have at most 200 characters".into()));
        assert_eq!(title(" \u{a0}\n".into()), Err("title must not be empty".into()));
        assert_eq!(title("a\0b".into()), Err("title must not contain U+0000".into()));
    }

    #[test]
    fn all_failures_come_at_once() {
        let body = json!({"description": 1, "completed": "yes", "priority": "urgent", "dueDate": "soon"});
        assert_eq!(
            read::<NewTask>(&body).expect_err("five failures"),
            "title is required; description must be a text; completed must be true or false; \
             priority must be low, medium or high; \
             due_date must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z"
        );
    }

    #[test]
    fn null_clears_what_can_be_empty_and_leaves_the_rest() {
        let body = json!({"title": null, "description": null, "completed": null, "priority": "", "due_date": ""});
        let change = read::<TaskChange>(&body).expect("three fields are cleared");
        assert_eq!(
            change,
            TaskChange {
                title: None,
                description: Some(None),
                completed: None,
                priority: Some(None),
                due_date: Some(None),
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
    fn camel_case_is_read_and_snake_case_wins() {
        let due = |body| read::<NewTask>(&body).expect("good input").due_date.map(|time| time.to_string());
        assert_eq!(due(json!({"title": "t", "dueDate": "2026-01-02"})).as_deref(), Some("2026-01-02T00:00:00.000000Z"));
        let both = json!({"title": "t", "dueDate": "2026-01-02", "due_date": "2026-01-03"});
        assert_eq!(due(both).as_deref(), Some("2026-01-03T00:00:00.000000Z"));
    }

    #[test]
    fn a_completion_toggles_unless_it_sets() {
        assert_eq!(read::<Completion>(&json!({})), Ok(Completion::default()));
        let set = Completion { completed: Some(false), expected_updated_at: None };
        assert_eq!(read::<Completion>(&json!({"completed": false})), Ok(set));
        assert_eq!(read::<Completion>(&json!({"completed": 1})), Err("completed must be true or false".into()));
    }
}
