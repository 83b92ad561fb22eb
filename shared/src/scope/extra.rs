//! Members of tasks that only some deployments have: the part of statements that reads them.
//!
//! Statements are checked at compile time, and these members are known when the process starts. So statements have places
//! for them. Without such members a statement is sent as it is.

use std::borrow::Cow;

use crate::config::{ExtraField, JsonFormat, TagsForm, TaskField};

/// A column of a result in the place of the members, of a query on `$row`.
macro_rules! extra_column {
    ($row:literal) => {
        concat!("null::text as extra_of_", $row)
    };
}

/// The last members of a JSON object, of a query on `tasks`, before the place of further ones.
macro_rules! last_members {
    () => {
        "'recurrence_of', recurrence_of::text)"
    };
}

pub(crate) use {extra_column, last_members};

/// The queries that have an [`extra_column`].
const ROWS: [(&str, &str); 4] = [
    ("tasks", extra_column!("tasks")),
    ("changed", extra_column!("changed")),
    ("page", extra_column!("page")),
    ("earlier", extra_column!("earlier")),
];

/// Whether the due date has passed, by the clock of the task's time zone. No field has this name, as it has a space.
pub(crate) const IS_OVERDUE: &str = "is overdue";

/// The colors of the tags that have one, by the name that the task has.
pub(crate) const TAG_COLORS: &str = "tag colors";

/// The place of the name of the row.
const ROW: &str = "{row}";

/// As the filter `overdue` decides it.
const OVERDUE: &str = "'is overdue', ({row}.completed is not true and case \
    when tasks_api.is_floating({row}.due_date, {row}.due_date_marker) \
    then tasks_api.utc_clock({row}.due_date) \
        + case when tasks_api.utc_clock({row}.due_date)::time = '00:00' then interval '1 day' else interval '0' end \
        < timezone(tasks_api.known_zone(tasks_api.as_label({row}.time_zone)), now()) \
    else timezone('UTC', tasks_api.utc_clock({row}.due_date)) < now() end) is true";

/// The same where no due date is floating.
const OVERDUE_INSTANT: &str = "'is overdue', ({row}.completed is not true \
    and timezone('UTC', tasks_api.utc_clock({row}.due_date)) < now()) is true";

/// In every statement `$1` is the user.
const COLORS: &str = "'tag colors', (select jsonb_object_agg(tag, color) \
    from unnest(tasks_api.as_tags({row}.tags)) as tag \
    join tasks_api.task_tags on user_id = $1 and lower(name) = lower(tag) and color is not null)";

/// The members, as an expression that has them as one JSON object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExtraMembers {
    /// The expression, with [`ROW`] in it.
    object: Option<&'static str>,
}

impl ExtraMembers {
    /// The members that responses have. The process has one set of them, which lives as long.
    pub(crate) fn new(format: JsonFormat) -> Self {
        let mut arguments: Vec<String> = format.extra.iter().map(argument).collect();
        let source = if arguments.is_empty() {
            ""
        } else {
            " from (select to_jsonb({row}) as task, tasks_api.as_extra({row}.extra) as extra offset 0) as stored"
        };
        if format.fields.contains(&TaskField::IsOverdue) {
            arguments.push(if format.instant_due_dates { OVERDUE_INSTANT } else { OVERDUE }.to_owned());
        }
        if format.tags == TagsForm::Objects {
            arguments.push(COLORS.to_owned());
        }
        let object = || &*format!("(select jsonb_build_object({}){source})", arguments.join(", ")).leak();
        Self { object: (!arguments.is_empty()).then(object) }
    }

    /// The statement with the members in their places.
    pub(crate) fn fill<'a>(self, sql: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let sql = sql.into();
        let Some(object) = self.object else { return sql };
        let object = |row: &str| object.replace(ROW, row);
        let mut filled = sql.into_owned();
        for (row, place) in ROWS {
            if filled.contains(place) {
                filled = filled.replace(place, &format!("{}::text", object(row)));
            }
        }
        if let Some(members) = last_members!().strip_suffix(')') {
            filled = filled.replace(last_members!(), &format!("{members}, 'extra', {})", object("tasks")));
        }
        filled.into()
    }
}

/// A member of the front end. One without a column is read from the column `extra`.
fn argument(ExtraField { column, .. }: &ExtraField) -> String {
    let is_name = column.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    assert!(is_name, "the settings are checked");
    format!("'{column}', coalesce(stored.task -> '{column}', stored.extra -> '{column}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_columns(columns: &[&str]) -> ExtraMembers {
        let field = |column: &&str| ExtraField { member: (*column).to_owned(), column: (*column).to_owned() };
        let extra = columns.iter().map(field).collect::<Vec<_>>().leak();
        ExtraMembers::new(JsonFormat { extra, ..JsonFormat::default() })
    }

    const SQL: &str =
        concat!("select ", extra_column!("page"), ", jsonb_build_object('id', id, ", last_members!(), " from page");

    #[test]
    fn without_members_statements_stay_as_they_are() {
        assert!(matches!(ExtraMembers::default().fill(SQL), Cow::Borrowed(SQL)));
        assert!(matches!(with_columns(&[]).fill(SQL), Cow::Borrowed(SQL)));
    }

    #[test]
    fn members_are_read_in_their_places() {
        let filled = with_columns(&["color", "isOn"]).fill(SQL);
        let object = |row: &str| {
            format!(
                "(select jsonb_build_object('color', coalesce(stored.task -> 'color', stored.extra -> 'color'), \
                 'isOn', coalesce(stored.task -> 'isOn', stored.extra -> 'isOn')) \
                 from (select to_jsonb({row}) as task, tasks_api.as_extra({row}.extra) as extra offset 0) as stored)"
            )
        };
        assert_eq!(
            filled,
            format!(
                "select {}::text, jsonb_build_object('id', id, 'recurrence_of', recurrence_of::text, 'extra', {}) from page",
                object("page"),
                object("tasks")
            )
        );
    }

    #[test]
    #[should_panic(expected = "the settings are checked")]
    fn a_name_cannot_end_the_literal() {
        with_columns(&["a'b"]);
    }

    #[test]
    fn derived_members_need_no_row_as_json() {
        let fields = &[TaskField::IsRecurring, TaskField::IsOverdue];
        let format = JsonFormat { fields, tags: TagsForm::Objects, ..JsonFormat::default() };
        let filled = ExtraMembers::new(format).fill(SQL);
        assert!(
            filled.contains("'is overdue', (page.completed is not true") && filled.contains("user_id = $1"),
            "{filled}"
        );
        assert!(filled.contains("as_tags(tasks.tags)") && !filled.contains(ROW), "{filled}");
        assert!(!filled.contains("to_jsonb("), "{filled}");
        assert_eq!(ExtraMembers::new(JsonFormat { fields: &fields[..1], ..JsonFormat::default() }).fill(SQL), SQL);
    }
}
