//! What an update sets: a row of JSON in one parameter, of the update of one task and of those of a bulk request.
//!
//! Due dates are parameters of their own, because only a parameter takes the type of the column.
//!
//! Some columns can be those of an earlier back end, with any type. For them a function `…_for` returns its first argument
//! if the type of the column fits, else what the column has already.

use serde::Serialize;

use super::due_date::{DueDate, DueDateInput};
use super::extra::ExtraInput;
use super::input::{NewTask, TaskChange};

/// The columns of the row, for `jsonb_to_recordset`.
///
/// `sets_…` say whether a column changes, so that null can be its new value. Without one, null leaves the column as it is,
/// and an empty text or array clears it. `other_…` is another spelling, which counts if the first one is stored already.
/// `new_request` is the request, if a repetition of it would find its own values and take the other spelling.
macro_rules! change_columns {
    () => {
        "\
new_request text, new_title text, sets_description boolean, new_description text, new_completed boolean,
        toggles boolean, sets_priority boolean, new_priority text, sets_due_date boolean, is_floating boolean,
        marker timestamp, other_is_floating boolean, other_marker timestamp, new_tags text[], other_tags text[],
        new_category text, new_recurrence text, other_recurrence text, new_time_zone text, other_time_zone text,
        new_is_date boolean, other_is_date boolean, new_extra jsonb"
    };
}

/// The assignments of an update whose `from` has [`change_columns`].
///
/// `is_floating` and `marker` are a due date as in a create. A priority that differs in case only keeps its spelling, because
/// the program that has stored it may know no other.
macro_rules! changes {
    ($due_date:literal, $other_due_date:literal) => {
        concat!(
            "set title = coalesce(new_title, title),
    description = case when sets_description then new_description else description end,
    completed = case
        when toggles and last_request = new_request then completed
        when toggles then not coalesce(completed, false)
        else coalesce(new_completed, completed)
    end,
    priority = case
        when sets_priority and (lower(new_priority) = lower(priority)) is not true then new_priority
        else priority
    end,
    due_date = case
        when sets_due_date is not true or last_request = new_request then due_date
        when ",
            $due_date,
            " is distinct from due_date then ",
            $due_date,
            "
        else ",
            $other_due_date,
            "
    end,
    due_date_marker = case
        when sets_due_date is not true or last_request = new_request then due_date_marker
        when ",
            $due_date,
            " is distinct from due_date
        then case when is_floating <> (pg_typeof(due_date) = 'timestamp'::regtype) then marker end
        else case when other_is_floating <> (pg_typeof(due_date) = 'timestamp'::regtype) then other_marker end
    end,
    due_is_date = case
        when sets_due_date is not true or last_request = new_request then due_is_date
        when ",
            $due_date,
            " is distinct from due_date
        then tasks_api.flag_for(coalesce(new_is_date, tasks_api.as_flag(due_is_date)), due_is_date)
        else tasks_api.flag_for(coalesce(other_is_date, tasks_api.as_flag(due_is_date)), due_is_date)
    end,
    tags = case
        when new_tags is null or last_request = new_request then tags
        when new_tags <> coalesce(tasks_api.as_tags(tags), '{}') then tasks_api.tags_for(new_tags, tags)
        when other_tags <> coalesce(tasks_api.as_tags(tags), '{}') then tasks_api.tags_for(other_tags, tags)
        else tags
    end,
    category = case
        when new_category is null then category
        else tasks_api.label_for(nullif(new_category, ''), category)
    end,
    recurrence = case
        when new_recurrence is null or last_request = new_request then recurrence
        when nullif(new_recurrence, '') is distinct from tasks_api.as_label(recurrence)
        then tasks_api.label_for(nullif(new_recurrence, ''), recurrence)
        else tasks_api.label_for(nullif(other_recurrence, ''), recurrence)
    end,
    time_zone = case
        when new_time_zone is null or last_request = new_request then time_zone
        when nullif(new_time_zone, '') is distinct from tasks_api.as_label(time_zone)
        then tasks_api.zone_for(nullif(new_time_zone, ''), time_zone)
        when nullif(other_time_zone, '') is distinct from tasks_api.as_label(time_zone)
        then tasks_api.zone_for(nullif(other_time_zone, ''), time_zone)
        else time_zone
    end,
    extra_input = case when new_extra is not null and (last_request = new_request) is not true then new_extra end,
    last_request = coalesce(new_request, last_request)
"
        )
    };
}

pub(super) use {change_columns, changes};

/// The row. A member that is absent is null.
#[derive(Debug, Default, Serialize)]
pub(super) struct ChangeRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    new_request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_title: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sets_description: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_completed: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) toggles: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sets_priority: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_priority: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sets_due_date: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_floating: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_is_floating: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_tags: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_tags: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_recurrence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_recurrence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_time_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_time_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_is_date: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_is_date: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_extra: Option<ExtraInput<'a>>,
}

impl<'a> ChangeRow<'a> {
    /// `request` identifies the request, unless a key makes sure that it is done once.
    pub(super) fn new(change: &'a TaskChange, request: Option<&'a str>) -> Self {
        let kind = |due_date: Option<DueDateInput>| DueDate::kind_columns(due_date.map(|input| input.due_date));
        let (is_floating, marker) = change.due_date.map(|due_date| kind(due_date.value)).unzip();
        let (other_is_floating, other_marker) = change.due_date.map(|due_date| kind(due_date.otherwise)).unzip();
        let is_date = |due_date: Option<DueDateInput>| due_date.and_then(|input| input.is_date);
        let description = change.description.as_ref();
        let tags = change.tags.as_ref();
        Self {
            new_request: request.filter(|_| change.depends_on_stored_values()),
            new_title: change.title.as_deref(),
            sets_description: description.is_some(),
            new_description: description.and_then(Option::as_deref),
            new_completed: change.completed,
            toggles: change.toggles_completed,
            sets_priority: change.priority.is_some(),
            new_priority: change.priority.flatten(),
            sets_due_date: change.due_date.is_some(),
            is_floating,
            marker: marker.flatten(),
            other_is_floating,
            other_marker: other_marker.flatten(),
            new_tags: tags.map(|tags| tags.value.as_slice()),
            other_tags: tags.map(|tags| tags.otherwise.as_slice()),
            new_recurrence: change.recurrence.as_ref().map(|rule| or_empty(rule.value.as_deref())),
            other_recurrence: change.recurrence.as_ref().map(|rule| or_empty(rule.otherwise.as_deref())),
            new_time_zone: change.time_zone.as_ref().map(|zone| or_empty(zone.value.as_deref())),
            other_time_zone: change.time_zone.as_ref().map(|zone| or_empty(zone.otherwise.as_deref())),
            new_is_date: change.due_date.and_then(|due_date| is_date(due_date.value)),
            other_is_date: change.due_date.and_then(|due_date| is_date(due_date.otherwise)),
            new_extra: ExtraInput::of_change(&change.extra),
            new_category: change.category.as_ref().map(|category| or_empty(category.as_deref())),
        }
    }

    /// The same columns of a task that is inserted.
    pub(super) fn of_new(new: &'a NewTask) -> Self {
        let kind = |input: DueDateInput| DueDate::kind_columns(Some(input.due_date));
        let (is_floating, marker) = new.due_date.map(kind).unzip();
        Self {
            new_title: Some(&new.title),
            new_description: new.description.as_deref(),
            new_completed: new.completed,
            new_priority: new.priority,
            is_floating,
            marker: marker.flatten(),
            new_tags: new.tags.as_deref(),
            new_category: new.category.as_deref(),
            new_recurrence: new.recurrence.as_deref(),
            new_time_zone: new.time_zone.as_deref(),
            new_is_date: new.due_date.and_then(|input| input.is_date),
            new_extra: ExtraInput::of_new(&new.extra),
            ..Self::default()
        }
    }
}

/// An empty text makes the column null.
fn or_empty(text: Option<&str>) -> &str {
    text.unwrap_or_default()
}
