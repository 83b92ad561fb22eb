//! What a proof has found.

use crate::schema::difference::Difference;

/// The findings, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Findings {
    /// What does not work.
    pub(crate) differences: Vec<Difference>,
    /// What the owner may want to know, each a sentence.
    pub(crate) notes: Vec<String>,
}

impl Findings {
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}
