//! The members of `TASK_EXTRA_FIELDS`: which of them are columns of `tasks`, and which are kept in its column `extra`.

use shared::ExtraField;

use crate::schema::catalog::{Column, TasksTable};
use crate::schema::difference::Difference;

/// Where the values of a member are.
enum Place<'a> {
    Column(&'a Column),
    Extra,
    /// There is no column, and `extra` is of this type.
    Nowhere(&'a str),
}

fn place<'a>(tasks: Option<&'a TasksTable>, field: &ExtraField) -> Place<'a> {
    let Some(tasks) = tasks else { return Place::Extra };
    let quoted = format!("\"{}\"", field.column);
    if let Some(column) = tasks.column(&field.column).or_else(|| tasks.column(&quoted)) {
        return Place::Column(column);
    }
    match tasks.column("extra") {
        Some(Column { type_name, declared_type, .. }) if type_name != "jsonb" => Place::Nowhere(declared_type),
        _ => Place::Extra,
    }
}

/// A note about each member, or about what is wrong with the setting.
pub(crate) fn notes(tasks: Option<&TasksTable>, setting: Option<&str>) -> Vec<String> {
    let fields = match ExtraField::parse(setting.unwrap_or_default()) {
        Ok(fields) => fields,
        Err(error) => return vec![error.to_string()],
    };
    let note = |field: &ExtraField| {
        let member = &field.member;
        match place(tasks, field) {
            Place::Column(Column { name, is_generated: true, .. }) => {
                format!(
                    "TASK_EXTRA_FIELDS: {member} is the column tasks.{name}, which is generated, so no request can set it"
                )
            }
            Place::Column(Column { name, declared_type, .. }) => {
                format!("TASK_EXTRA_FIELDS: {member} is the column tasks.{name} of type {declared_type}")
            }
            Place::Extra => format!("TASK_EXTRA_FIELDS: {member} has no column, and is kept in the column tasks.extra"),
            Place::Nowhere(other) => {
                format!(
                    "TASK_EXTRA_FIELDS: {member} has no column, and tasks.extra is of type {other}: it cannot be stored"
                )
            }
        }
    };
    fields.iter().map(note).collect()
}

/// A difference for each member that cannot be stored.
pub(crate) fn differences(tasks: &TasksTable, setting: Option<&str>) -> Vec<Difference> {
    let fields = ExtraField::parse(setting.unwrap_or_default()).unwrap_or_default();
    let difference = |field: &ExtraField| {
        let Place::Nowhere(other) = place(Some(tasks), field) else { return None };
        let ExtraField { member, column } = field;
        Some(Difference::manual(
            format!("{member} of TASK_EXTRA_FIELDS has no column, and the column extra is of type {other}"),
            format!("give it one of the type that it needs, such as: alter table tasks add column {column} text"),
        ))
    };
    fields.iter().filter_map(difference).collect()
}
