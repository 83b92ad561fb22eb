//! One verified user: the only maker of statements about a user's rows, and the door to the nouns (tasks, …).
//!
//! [`UserScope`] is made from a [`VerifiedUser`](crate::VerifiedUser) and by nothing else. It sends [`Read`], [`Write`],
//! [`Insert`] and [`Select`] statements, which compile only if they are confined to the rows of their user, and it fills in that
//! user itself. [`KeyedWrite`] and [`KeyedInsert`] also store what they answer, for a client that repeats its request. Each noun is a module that adds a method to `UserScope`: `scope.tasks()`.

mod allowed;
mod bulk;
mod delete_user;
mod error;
mod extra;
mod grouped_insert;
mod insert;
mod key_row;
mod keyed;
mod live_user;
mod owner;
mod rules;
mod select;
mod statement;
mod table_check;
mod tokens;
mod user_scope;
mod values;
mod versions;

pub use bulk::{BulkOutcome, OperationFailure, OperationOutcome, ShortForm};
pub(crate) use delete_user::delete_user;
pub use error::StoreError;
pub(crate) use extra::{ExtraMembers, IS_OVERDUE, TAG_COLORS, extra_column, last_members};
pub(crate) use grouped_insert::GroupedInsert;
pub(crate) use insert::{Insert, KeyedInsert};
pub(crate) use key_row::keyed_sql;
pub use keyed::IdempotencyKey;
#[cfg(test)]
pub(crate) use keyed::fingerprint;
pub(crate) use keyed::{KeyedOutcome, KeyedRequest, StoredAnswer};
pub(crate) use live_user::with_live_user;
pub(crate) use rules::FieldText;
pub(crate) use select::{Select, SelectStatement, SqlFragment};
pub use statement::StartStatement;
pub(crate) use statement::{KeyedWrite, Read, Write};
pub(crate) use table_check::{SIGN_IN_TABLE_CHECK, TABLE_CHECK, table_problems};
pub(crate) use user_scope::FENCE;
pub use user_scope::UserScope;
pub use versions::Versions;
