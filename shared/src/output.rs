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

/// The limit of a Lambda response is 6 MB; the rest is for headers.
pub(crate) const BODY_MAX_BYTES: usize = 6 * 1024 * 1024 - 32 * 1024;

/// The size of a body, or of a part of one, for Lambda. It receives bodies as JSON strings, in which quotes and backslashes
/// take two bytes.
pub(crate) fn size_for_lambda(body: &str) -> usize {
    body.len() + body.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// JSON that is written piece by piece.
///
/// The names of members are literals. serde_json would look for characters to escape in each name of each element of a list,
/// which takes longer than to write the values.
#[derive(Debug, Default)]
pub(crate) struct JsonText(Vec<u8>);

impl JsonText {
    /// What is JSON already.
    pub(crate) fn literal(&mut self, json: &'static str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// A value whose serialization cannot fail.
    pub(crate) fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        serde_json::to_writer(&mut self.0, value).expect(CANNOT_FAIL);
    }

    /// A text of digits, letters and signs that JSON does not escape.
    pub(crate) fn plain(&mut self, text: &str) {
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// A further member of an object, whose name is not a literal.
    pub(crate) fn member(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.push(b',');
        self.value(name);
        self.0.push(b':');
        self.value(value);
    }

    pub(crate) fn finish(self) -> String {
        String::from_utf8(self.0).expect("serde_json writes UTF-8")
    }
}

/// A further member of an object.
macro_rules! member {
    ($json:expr, $name:literal, $value:expr) => {
        $json.literal(concat!(",\"", $name, "\":"));
        $json.value($value);
    };
}
pub(crate) use member;

/// Why a serialization cannot fail.
const CANNOT_FAIL: &str = "maps with text keys, of texts, numbers and booleans";

/// Serializes a value whose serialization cannot fail.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect(CANNOT_FAIL)
}
