//! A written tag as JSON, in the database: the answer to a write that a client may repeat.

use serde::Deserialize;

use super::model::{Tag, WrittenTag};
use crate::time::Timestamp;

/// The expression that [`written_tag`] reads: the name, the color, how many tasks have the tag, when it was made, when the first
/// of its tasks was, and whether there was a tag of this name.
macro_rules! answer {
    ($name:literal, $color:expr, $task_count:expr, $made_at:literal, $used_at:literal, $existed:expr) => {
        concat!(
            "jsonb_build_object('name', ",
            $name,
            ", 'color', ",
            $color,
            ", 'task_count', ",
            $task_count,
            ", 'created_at', coalesce(",
            $crate::db::microseconds!($made_at),
            ", ",
            $crate::db::microseconds!($used_at),
            "), 'transaction', pg_current_xact_id()::text, 'existed', ",
            $existed,
            ")"
        )
    };
}

pub(super) use answer;

/// The members of [`answer`].
#[derive(Debug, Deserialize)]
struct Answer {
    name: String,
    color: Option<String>,
    task_count: i64,
    created_at: Option<i64>,
    transaction: String,
    existed: bool,
}

/// The answer to a deletion.
#[derive(Debug, Deserialize)]
struct DeletionAnswer {
    transaction: String,
}

/// Reads [`answer`]. `None` if it is another JSON value.
pub(super) fn written_tag(json: &str) -> Option<WrittenTag> {
    let answer: Answer = serde_json::from_str(json).ok()?;
    let tag = Tag {
        name: answer.name,
        color: answer.color,
        task_count: answer.task_count,
        created_at: answer.created_at.map(Timestamp::from_microseconds),
        transaction: Some(answer.transaction),
    };
    Some(WrittenTag { tag, existed: answer.existed })
}

/// Reads the answer to a deletion, which has the member `transaction` alone, and returns that.
pub(super) fn transaction_of_deletion(json: &str) -> Option<String> {
    serde_json::from_str(json).ok().map(|DeletionAnswer { transaction }| transaction)
}
