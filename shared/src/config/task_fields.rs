//! The settings of the members that a task has in responses.

use super::error::StartError;
use super::lookup::{Lookup, comma_list};

/// A member of `TASK_FIELDS`: derived from the others, for front ends that read it instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskField {
    /// `is_recurring`
    IsRecurring,
    /// `recurrence`: a word for the rule.
    Recurrence,
    /// `recurrence_pattern`: the same, or beside `recurrence_interval` without the interval.
    RecurrencePattern,
    /// `recurrence_interval`
    RecurrenceInterval,
    /// `recurrence_end_date`
    RecurrenceEndDate,
    /// `parent_task_id`: the previous occurrence.
    ParentTaskId,
    /// `is_overdue`
    IsOverdue,
    /// `is_completed`
    IsCompleted,
}

/// `TASK_TAGS`: the form of the tags of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TagsForm {
    /// `["Home", "work"]`
    #[default]
    Names,
    /// `[{"id": "Home", "name": "Home", "color": null}, …]`
    Objects,
    /// `"Home,work"`
    String,
}

impl TaskField {
    /// Every field.
    pub const ALL: [Self; 8] = [
        Self::IsRecurring,
        Self::Recurrence,
        Self::RecurrencePattern,
        Self::RecurrenceInterval,
        Self::RecurrenceEndDate,
        Self::ParentTaskId,
        Self::IsOverdue,
        Self::IsCompleted,
    ];

    /// The name of the member, and the one in camelCase.
    #[must_use]
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Self::IsRecurring => ["is_recurring", "isRecurring"],
            Self::Recurrence => ["recurrence", "recurrence"],
            Self::RecurrencePattern => ["recurrence_pattern", "recurrencePattern"],
            Self::RecurrenceInterval => ["recurrence_interval", "recurrenceInterval"],
            Self::RecurrenceEndDate => ["recurrence_end_date", "recurrenceEndDate"],
            Self::ParentTaskId => ["parent_task_id", "parentTaskId"],
            Self::IsOverdue => ["is_overdue", "isOverdue"],
            Self::IsCompleted => ["is_completed", "isCompleted"],
        }
    }

    /// `TASK_FIELDS`, each once. The setting is read once, so the list lives as long as the process.
    ///
    /// # Errors
    /// An item is not the name of a field.
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<&'static [Self], StartError> {
        let mut fields = Vec::new();
        for name in comma_list(lookup, "TASK_FIELDS") {
            let field = Self::ALL.into_iter().find(|field| field.names().contains(&&*name)).ok_or_else(|| {
                let names = Self::ALL.map(|field| field.names()[0]).join(", ");
                StartError::invalid("TASK_FIELDS", format!("must be a comma list of {names}"))
            })?;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Ok(fields.leak())
    }
}

impl TagsForm {
    /// # Errors
    /// The value is not one of the three.
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<Self, StartError> {
        match lookup("TASK_TAGS").as_deref().map(str::trim) {
            None | Some("names") => Ok(Self::Names),
            Some("objects") => Ok(Self::Objects),
            Some("string") => Ok(Self::String),
            Some(_) => Err(StartError::invalid("TASK_TAGS", "must be names, objects or string")),
        }
    }
}
