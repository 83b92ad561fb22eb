//! The members of `TASK_EXTRA_FIELDS`, which have no meaning here: in requests, in statements and in responses.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::spellings::Spellings;
use crate::config::{ExtraField, JsonFormat};
use crate::input::{ObjectReader, camel_case};
use crate::output::JsonText;
use crate::scope::FieldText;

/// The values of a new task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtraValues(Vec<(&'static ExtraField, Value)>);

/// The changes of a task. Null clears a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtraChanges(Vec<(&'static ExtraField, Spellings<Value>)>);

impl ExtraValues {
    /// Null counts as absent.
    pub(super) fn read(object: &mut ObjectReader<'_>, format: JsonFormat) -> Self {
        let ExtraChanges(changes) = ExtraChanges::read(object, format);
        let given = |Spellings { value, otherwise }: Spellings<Value>| {
            [value, otherwise].into_iter().find(|value| !value.is_null())
        };
        Self(changes.into_iter().filter_map(|(field, spellings)| Some((field, given(spellings)?))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn field_texts(&self) -> impl Iterator<Item = FieldText<'_>> {
        self.0.iter().map(|(field, value)| field_text(field, value))
    }

    /// Changes the task before it is stored.
    pub(super) fn change(&mut self, ExtraChanges(changes): ExtraChanges) {
        for (field, Spellings { value, otherwise }) in changes {
            self.0.retain(|(stored, _)| *stored != field);
            let given = [value, otherwise].into_iter().find(|value| !value.is_null());
            self.0.extend(given.map(|value| (field, value)));
        }
    }
}

impl ExtraChanges {
    pub(super) fn field_texts(&self) -> impl Iterator<Item = FieldText<'_>> {
        self.0.iter().map(|(field, spellings)| field_text(field, &spellings.value))
    }

    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn read(object: &mut ObjectReader<'_>, format: JsonFormat) -> Self {
        let mut changes = Vec::new();
        for field in format.extra {
            let values: Vec<Value> = object.spellings(&field.member).cloned().collect();
            if values.iter().any(has_nul) {
                object.fail::<()>(&field.member, format!("{} must not contain U+0000", field.member));
            }
            changes.extend(Spellings::new(&values).map(|spellings| (field, spellings)));
        }
        Self(changes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it depends on what is stored which of the spellings counts.
    pub(super) fn depend_on_stored_values(&self) -> bool {
        self.0.iter().any(|(_, spellings)| spellings.differ())
    }

    /// Whether a task has these values already.
    pub(super) fn are_stored_in(&self, stored: &Map<String, Value>) -> bool {
        self.0.iter().all(|(field, spellings)| spellings.value == *stored.get(&field.column).unwrap_or(&Value::Null))
    }

    /// What a later change adds.
    pub(super) fn add(&mut self, Self(later): Self) {
        for (field, spellings) in later {
            self.0.retain(|(earlier, _)| *earlier != field);
            self.0.push((field, spellings));
        }
    }
}

fn field_text<'a>(field: &'a ExtraField, value: &'a Value) -> FieldText<'a> {
    FieldText { column: &field.column, member: &field.member, text: value.as_str() }
}

/// What the column `extra_input` takes: values by column.
#[derive(Debug, Serialize)]
pub(super) struct ExtraInput<'a> {
    set: BTreeMap<&'a str, &'a Value>,
    /// The values to store if those of `set` are stored already.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    other: BTreeMap<&'a str, &'a Value>,
}

impl<'a> ExtraInput<'a> {
    /// `None` if there are no values.
    pub(super) fn of_new(ExtraValues(values): &'a ExtraValues) -> Option<Self> {
        let set = values.iter().map(|(field, value)| (&*field.column, value)).collect();
        (!values.is_empty()).then_some(Self { set, other: BTreeMap::new() })
    }

    /// `None` if nothing changes.
    pub(super) fn of_change(ExtraChanges(changes): &'a ExtraChanges) -> Option<Self> {
        let set = changes.iter().map(|(field, spellings)| (&*field.column, &spellings.value)).collect();
        let differing = changes.iter().filter(|(_, spellings)| spellings.differ());
        let other = differing.map(|(field, spellings)| (&*field.column, &spellings.otherwise)).collect();
        (!changes.is_empty()).then_some(Self { set, other })
    }
}

/// Reads the JSON object of a row. Anything else has no members.
pub(super) fn from_json(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Writes the members of a task. One without a value is null.
pub(super) fn write(json: &mut JsonText, values: &Map<String, Value>, format: JsonFormat) {
    for field in format.extra {
        let value = values.get(&field.column).unwrap_or(&Value::Null);
        json.member(&field.member, value);
        let camel_case = camel_case(&field.member);
        if format.camel_case_too && camel_case != field.member {
            json.member(&camel_case, value);
        }
    }
}

/// Whether a value has a text with U+0000, which PostgreSQL cannot store.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
