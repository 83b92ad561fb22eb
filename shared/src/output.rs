//! What response bodies are made of.

use serde::Serialize;

use crate::config::JsonFormat;

/// A value that can be the body of a response.
pub trait Representation: Send {
    /// The value as JSON.
    fn to_json(&self, format: JsonFormat) -> String;

    /// What the entity tag of the response is made from.
    fn entity_tag(&self) -> EntityTag;

    /// The query string of the next page, if this is a page of a list and not the last.
    fn next_page(&self) -> Option<String> {
        None
    }

    /// The number of the transaction that made the value, if it was just written.
    fn transaction(&self) -> Option<&str> {
        None
    }

    /// Whether it is the answer to an earlier request, which the client repeats.
    fn is_replay(&self) -> bool {
        false
    }
}

/// A stored thing with an address of its own.
pub trait Resource: Representation {
    /// The last segment of its path.
    fn id(&self) -> String;
}

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// What the write returns.
    pub value: T,
    /// An earlier request with the same `Idempotency-Key` did it, and this is its answer.
    pub is_replay: bool,
}

impl<T> Written<T> {
    /// What this request has written.
    pub fn new(value: T) -> Self {
        Self { value, is_replay: false }
    }

    /// A part of the answer.
    pub fn map<R>(self, part: impl FnOnce(T) -> R) -> Written<R> {
        Written { value: part(self.value), is_replay: self.is_replay }
    }
}

impl<T: Representation> Representation for Written<T> {
    fn to_json(&self, format: JsonFormat) -> String {
        self.value.to_json(format)
    }

    fn entity_tag(&self) -> EntityTag {
        self.value.entity_tag()
    }

    fn transaction(&self) -> Option<&str> {
        self.value.transaction()
    }

    fn is_replay(&self) -> bool {
        self.is_replay
    }
}

impl<T: Resource> Resource for Written<T> {
    fn id(&self) -> String {
        self.value.id()
    }
}

/// What an entity tag is made from (RFC 9110, section 8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityTag {
    /// The response has none.
    None,
    /// The version of a row: a strong tag.
    Version(i64),
    /// A hash of the body: a weak tag.
    Body,
}

/// Serializes a value whose serialization cannot fail.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps with text keys, of texts, numbers and booleans")
}
