//! The columns that requests can change, with the texts that a statement stores: for the rules of the database, which may be
//! those of an earlier back end.

use super::input::{NewTask, TaskChange};
use super::model::TASK;
use super::rules::TASK_TIME_ZONE_RULE;
use super::spellings::Spellings;
use crate::db::{DbError, DbErrorKind, Rejection};
use crate::input::{Failure, InvalidInput};
use crate::scope::{FieldText, StoreError};

pub(super) type FieldTexts<'a> = Vec<FieldText<'a>>;

impl NewTask {
    pub(super) fn field_texts(&self) -> FieldTexts<'_> {
        let fields = [
            ("title", Some(self.title.as_str())),
            ("description", self.description.as_deref()),
            ("completed", None),
            ("priority", self.priority),
            ("due_date", None),
            ("tags", None),
            ("category", self.category.as_deref()),
            ("recurrence", self.recurrence.as_deref()),
            ("time_zone", self.time_zone.as_deref()),
        ];
        fields.into_iter().map(|(column, text)| FieldText::new(column, text)).chain(self.extra.field_texts()).collect()
    }
}

impl TaskChange {
    pub(super) fn field_texts(&self) -> FieldTexts<'_> {
        let fields = [
            ("title", self.title.as_deref()),
            ("description", self.description.as_ref().and_then(Option::as_deref)),
            ("completed", None),
            ("priority", self.priority.flatten()),
            ("due_date", None),
            ("tags", None),
            ("category", self.category.as_ref().and_then(Option::as_deref)),
            ("recurrence", self.recurrence.as_ref().and_then(text)),
            ("time_zone", self.time_zone.as_ref().and_then(text)),
        ];
        fields.into_iter().map(|(column, text)| FieldText::new(column, text)).chain(self.extra.field_texts()).collect()
    }
}

/// The one that is stored, or may be.
fn text(spellings: &Spellings<Option<String>>) -> Option<&str> {
    spellings.value.as_deref().or(spellings.otherwise.as_deref())
}

/// The failure of a time zone that the server does not know, and which of the rows has it. Otherwise the error.
pub(super) fn unknown_time_zone<'a>(
    rows: &[impl AsRef<[FieldText<'a>]>],
    error: DbError,
) -> Result<(StoreError, usize), DbError> {
    let zone = |row: &[FieldText<'a>]| row.iter().find(|field| field.column == "time_zone")?.text;
    let zones: Vec<(usize, &str)> =
        rows.iter().enumerate().filter_map(|(index, row)| Some((index, zone(row.as_ref())?))).collect();
    let named = zones.iter().find(|(_, zone)| zones.len() == 1 || error.names(zone));
    match named {
        Some((index, _)) if error.kind() == DbErrorKind::Rejected(Rejection::Parameter) => {
            let failure = Failure { pointer: "/time_zone".to_owned(), detail: TASK_TIME_ZONE_RULE.to_owned() };
            Ok((StoreError::BrokenRule(&TASK, InvalidInput(vec![failure]), error), *index))
        }
        _ => Err(error),
    }
}
