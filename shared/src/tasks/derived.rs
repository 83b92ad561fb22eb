//! The members of a task that are derived from the others: those of `TASK_FIELDS`, and the form of `TASK_TAGS`.

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Value, json};

use super::model::Task;
use super::recurrence::Aliases;
use crate::config::{JsonFormat, TagsForm, TaskField};
use crate::output::JsonText;
use crate::scope::{IS_OVERDUE, TAG_COLORS};

/// Writes the members of `TASK_FIELDS`.
pub(super) fn write_fields(json: &mut JsonText, task: &Task, format: JsonFormat) {
    if format.fields.is_empty() {
        return;
    }
    let aliases = Aliases::of_stored(task.recurrence.as_deref());
    let has_interval = format.fields.contains(&TaskField::RecurrenceInterval);
    for field in format.fields {
        let [name, camel_case] = field.names();
        let names = if format.camel_case_too && name != camel_case { &[name, camel_case][..] } else { &[name] };
        for name in names {
            match field {
                TaskField::IsRecurring => json.member(name, &aliases.is_recurring),
                TaskField::RecurrencePattern if has_interval => json.member(name, &aliases.pattern),
                TaskField::Recurrence | TaskField::RecurrencePattern => json.member(name, &aliases.word),
                TaskField::RecurrenceInterval => json.member(name, &aliases.interval),
                TaskField::RecurrenceEndDate => json.member(name, &aliases.end_date()),
                TaskField::ParentTaskId => json.member(name, &task.recurrence_of),
                TaskField::IsOverdue => {
                    // An answer that an earlier release has stored does not tell.
                    let is_overdue = task.extra.get(IS_OVERDUE).and_then(Value::as_bool).unwrap_or_default();
                    json.member(name, &is_overdue)
                }
                TaskField::IsCompleted => json.member(name, &task.completed),
            }
        }
    }
}

/// The tags of a task in the form of `TASK_TAGS`.
pub(super) struct TagsJson<'a>(pub(super) &'a Task, pub(super) TagsForm);

impl Serialize for TagsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Task { tags, extra, .. }, form) = *self;
        match form {
            TagsForm::Names => tags.serialize(serializer),
            TagsForm::String => tags.join(",").serialize(serializer),
            TagsForm::Objects => {
                let mut seq = serializer.serialize_seq(Some(tags.len()))?;
                for tag in tags {
                    let color = extra.get(TAG_COLORS).and_then(|colors| colors.get(tag));
                    seq.serialize_element(&json!({"id": tag, "name": tag, "color": color}))?;
                }
                seq.end()
            }
        }
    }
}
