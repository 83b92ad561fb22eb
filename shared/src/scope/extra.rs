//! Members of rows that the front end has of its own: the part of statements that reads them.
//!
//! Statements are checked at compile time, and these members are known when the process starts. So statements have places
//! for them. Without such members a statement is sent as it is.

use std::borrow::Cow;

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

/// The members, as an expression that has them as one JSON object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExtraMembers {
    /// The arguments of `jsonb_build_object`.
    arguments: Option<&'static str>,
}

impl ExtraMembers {
    /// The members with the names of these columns. One without a column is read from the column `extra`.
    ///
    /// The process has one set of members, which lives as long.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let argument = |column: &str| {
            let is_name = column.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            assert!(is_name, "the settings are checked");
            format!("'{column}', coalesce(stored.task -> '{column}', stored.extra -> '{column}')")
        };
        let arguments: Vec<String> = columns.into_iter().map(argument).collect();
        Self { arguments: (!arguments.is_empty()).then(|| &*arguments.join(", ").leak()) }
    }

    /// The statement with the members in their places.
    pub(crate) fn fill<'a>(self, sql: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let sql = sql.into();
        let Some(arguments) = self.arguments else { return sql };
        let object = |row: &str| {
            format!(
                "(select jsonb_build_object({arguments}) \
                 from (select to_jsonb({row}) as task, tasks_api.as_extra({row}.extra) as extra offset 0) as stored)"
            )
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str =
        concat!("select ", extra_column!("page"), ", jsonb_build_object('id', id, ", last_members!(), " from page");

    #[test]
    fn without_members_statements_stay_as_they_are() {
        assert!(matches!(ExtraMembers::default().fill(SQL), Cow::Borrowed(SQL)));
        assert!(matches!(ExtraMembers::new([]).fill(SQL), Cow::Borrowed(SQL)));
    }

    #[test]
    fn members_are_read_in_their_places() {
        let filled = ExtraMembers::new(["color", "isOn"]).fill(SQL);
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
        ExtraMembers::new(["a'b"]);
    }
}
