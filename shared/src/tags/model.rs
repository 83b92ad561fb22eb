//! Tags and their names.

use crate::input::FromPath;
use crate::noun::Noun;
use crate::time::Timestamp;

/// What a tag is called.
pub(super) static TAG: Noun =
    Noun { table: "tasks_api.task_tags", name: "tag", capitalized: "Tag", not_found_code: "tag_not_found" };

/// A tag of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// As it was first stored.
    pub name: String,
    /// What the client has made of it, such as `#ff8800`.
    pub color: Option<String>,
    /// How many tasks have it.
    pub task_count: i64,
    /// When it was made, or else when the first of its tasks was. `None` if that is not known.
    pub created_at: Option<Timestamp>,
    /// The number of the transaction that made the tag what it is. Only known to a write.
    pub transaction: Option<String>,
}

/// All tags of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagList(pub Vec<Tag>);

/// A tag that was written.
#[derive(Debug)]
pub(super) struct WrittenTag {
    pub(super) tag: Tag,
    /// Whether there was one of this name.
    pub(super) existed: bool,
}

/// What became of a tag that a client wanted to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedTag {
    /// There was none of this name.
    New(Tag),
    /// There was one.
    Existing(Tag),
}

/// The name of a tag in a path. Other back ends may have stored longer ones than this one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagName(String);

/// The longest name in a path, in bytes.
const NAME_MAX_BYTES: usize = 1000;

impl TagName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromPath for TagName {
    const NOUN: &'static Noun = &TAG;

    fn from_path(segment: &str) -> Option<Self> {
        let is_possible = (1..=NAME_MAX_BYTES).contains(&segment.len()) && !segment.contains('\0');
        is_possible.then(|| Self(segment.to_owned()))
    }
}
