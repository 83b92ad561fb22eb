//! The columns that requests can change, with the texts that a statement stores: for the rules of the database, which may be
//! those of an earlier back end.

use super::input::{NewTask, TaskChange};

/// Columns with their texts. `None` is null, no change, or a value that is no text.
pub(super) type FieldTexts<'a> = [(&'static str, Option<&'a str>); 7];

impl NewTask {
    pub(super) fn field_texts(&self) -> FieldTexts<'_> {
        [
            ("title", Some(&self.title)),
            ("description", self.description.as_deref()),
            ("completed", None),
            ("priority", self.priority),
            ("due_date", None),
            ("tags", None),
            ("category", self.category.as_deref()),
        ]
    }
}

impl TaskChange {
    pub(super) fn field_texts(&self) -> FieldTexts<'_> {
        [
            ("title", self.title.as_deref()),
            ("description", self.description.as_ref().and_then(Option::as_deref)),
            ("completed", None),
            ("priority", self.priority.flatten()),
            ("due_date", None),
            ("tags", None),
            ("category", self.category.as_ref().and_then(Option::as_deref)),
        ]
    }
}
