//! The members of a task that are derived from the others: those of `TASK_FIELDS`, and the form of `TASK_TAGS`.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::model::Task;
use super::recurrence::Aliases;
use crate::config::{JsonFormat, TagsForm, TaskField};
use crate::time::Timestamp;

/// Adds the members of `TASK_FIELDS`.
pub(super) fn serialize_fields<M: SerializeMap>(map: &mut M, task: &Task, format: JsonFormat) -> Result<(), M::Error> {
    if format.fields.is_empty() {
        return Ok(());
    }
    let aliases = Aliases::of_stored(task.recurrence.as_deref());
    let has_interval = format.fields.contains(&TaskField::RecurrenceInterval);
    for field in format.fields {
        let [name, camel_case] = field.names();
        let names = if format.camel_case_too && name != camel_case { &[name, camel_case][..] } else { &[name] };
        for name in names {
            match field {
                TaskField::IsRecurring => map.serialize_entry(name, &aliases.is_recurring),
                TaskField::RecurrencePattern if has_interval => map.serialize_entry(name, &aliases.pattern),
                TaskField::Recurrence | TaskField::RecurrencePattern => map.serialize_entry(name, &aliases.word),
                TaskField::RecurrenceInterval => map.serialize_entry(name, &aliases.interval),
                TaskField::RecurrenceEndDate => map.serialize_entry(name, &aliases.end_date()),
                TaskField::ParentTaskId => map.serialize_entry(name, &task.recurrence_of),
                TaskField::IsOverdue => map.serialize_entry(name, &is_overdue(task, Timestamp::now())),
                TaskField::IsCompleted => map.serialize_entry(name, &task.completed),
            }?;
        }
    }
    Ok(())
}

/// As the filter `overdue` without a time zone: a floating due date is compared with the clock of UTC, and a floating
/// midnight is a date, which lasts until its end.
fn is_overdue(task: &Task, now: Timestamp) -> bool {
    task.due_date.is_some_and(|due_date| {
        let is_date = due_date.is_floating() && due_date.time.is_midnight();
        let end = if is_date { due_date.time.saturating_add_hours(24) } else { due_date.time };
        !task.completed && end < now
    })
}

/// Tags in the form of `TASK_TAGS`.
pub(super) struct TagsJson<'a>(pub(super) &'a [String], pub(super) TagsForm);

impl Serialize for TagsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tags, form) = *self;
        match form {
            TagsForm::Names => tags.serialize(serializer),
            TagsForm::String => tags.join(",").serialize(serializer),
            TagsForm::Objects => {
                let mut seq = serializer.serialize_seq(Some(tags.len()))?;
                for tag in tags {
                    seq.serialize_element(&TagJson(tag))?;
                }
                seq.end()
            }
        }
    }
}

/// A tag whose id is its name. The list of tags has the colors.
struct TagJson<'a>(&'a str);

impl Serialize for TagJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", self.0)?;
        map.serialize_entry("name", self.0)?;
        map.serialize_entry("color", &None::<&str>)?;
        map.end()
    }
}
