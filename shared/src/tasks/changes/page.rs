//! A page of changes, and its JSON.

use super::token::{Pages, Position, Progress, SyncToken};
use crate::config::JsonFormat;
use crate::db::RowId;
use crate::output::{BODY_MAX_BYTES, EntityTag, JsonText, Representation, member, size_for_lambda, to_json};
use crate::tasks::json::write_task;
use crate::tasks::model::Task;

/// One page of what has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    pub(super) changes: Vec<Change>,
    /// The period in which the transaction numbers can be compared.
    pub(super) epoch: String,
    /// The pages to which it belongs.
    pub(super) pages: Pages,
    /// The token of a client that has got all changes of these pages. `None` if more of them follow.
    pub(super) last_token: Option<SyncToken>,
}

/// What a client has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Store a task. The number is that of the transaction that made it what it is, if that is known.
    Put(Option<u64>, Box<Task>),
    /// Forget a task that was deleted in this transaction.
    Delete(u64, RowId),
}

/// What remains of a body for the members after the changes.
const REST_MAX_BYTES: usize = 32 * 1024;

impl ChangePage {
    /// The token of a client that has got this many of the changes.
    pub(crate) fn next_token(&self, count: usize) -> Option<String> {
        let last_token = self.last_token.as_ref().filter(|_| count >= self.changes.len());
        last_token.map(SyncToken::encode).or_else(|| self.token_after(count.checked_sub(1)?))
    }

    /// The token of a client that has got the changes until the one at `index`.
    fn token_after(&self, index: usize) -> Option<String> {
        let position = match self.changes.get(index)? {
            Change::Delete(transaction, id) => Position::Deleted(*transaction, id.to_string()),
            Change::Put(Some(transaction), task) => Position::Stored(*transaction, task.id.to_string()),
            Change::Put(None, task) => Position::StoredEarlier(task.id.to_string()),
        };
        let progress = Progress::Within(self.pages.clone(), position);
        Some(SyncToken { epoch: self.epoch.clone(), progress }.encode())
    }
}

impl Representation for ChangePage {
    /// Leaves out the last changes if the body would exceed the limit of Lambda, but not the first one.
    fn to_json(&self, format: JsonFormat) -> String {
        let mut json = r#"{"changes":["#.to_owned();
        let mut size = REST_MAX_BYTES;
        let mut count = 0;
        for change in &self.changes {
            let change = change.to_json(format);
            size += size_for_lambda(&change) + 1;
            if count > 0 && size > BODY_MAX_BYTES {
                break;
            }
            json.push_str(if count > 0 { "," } else { "" });
            json.push_str(&change);
            count += 1;
        }
        let has_more = self.last_token.is_none() || count < self.changes.len();
        let next = self.next_token(count);
        json.push_str(&format!(r#"],"next":{},"has_more":{}}}"#, to_json(&next), has_more));
        json
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Body
    }
}

impl Change {
    fn to_json(&self, format: JsonFormat) -> String {
        let mut json = JsonText::default();
        match self {
            Self::Put(transaction, task) => {
                json.literal(r#"{"op":"put","txid":"#);
                json.value(&transaction.map(|transaction| transaction.to_string()));
                json.literal(r#","task":"#);
                write_task(&mut json, task, format);
            }
            Self::Delete(transaction, id) => {
                json.literal(r#"{"op":"delete","txid":"#);
                json.value(&transaction.to_string());
                member!(json, "id", id);
            }
        }
        json.literal("}");
        json.finish()
    }
}
