//! What all functions share.
//!
//! ```text
//! runtime    the Lambda runtime: serve, logs, metrics, shutdown
//!   http     events, requests, responses, problem documents
//!     tasks  a noun: its model, its input, its JSON and its SQL. The next noun is a module of the same shape
//!      tags  another noun
//!   accounts   sign-up, sign-in and passwords, where no Better Auth does that
//!       scope      one verified user: the only maker of statements about a user's rows
//!         auth     from an Authorization header to a verified user
//!         db       the one connection: the only module that names the driver
//!       input      readers of bodies and queries        output    what response bodies are made of
//!         config   the settings        time, tls, noun
//! ```
//!
//! Modules import from lower lines only; a test of the workspace checks this. `docs/architecture.md` has the picture.
//!
//! A function names its handler and calls [`serve`]. A handler gets one user's rows ([`UserScope`]) and the [`Request`].
//! The connection, the SQL and the token are private to this crate.
//!
//! # Why other users' rows cannot be reached
//!
//! Only the verification of a token makes a [`VerifiedUser`]. Only a `VerifiedUser` makes a [`UserScope`]. Only a
//! `UserScope` sends statements about a user's rows. Such a statement compiles only if it is confined to the rows of its
//! user, which the scope fills in. Each pair of examples differs in one line: the first one compiles, the second does not.
//!
//! ```
//! fn owner(user: &shared::VerifiedUser) -> &str { user.id() }
//! ```
//! ```compile_fail,E0451
//! fn owner() -> shared::VerifiedUser { shared::VerifiedUser { id: String::new(), token: None } }
//! ```
//! ```
//! async fn all(user: shared::UserScope, query: shared::ListQuery) { let _ = user.tasks().list(&query).await; }
//! ```
//! ```compile_fail,E0624
//! async fn all(user: shared::VerifiedUser) { let _ = shared::UserScope::new(user, todo!(), todo!()); }
//! ```
//! ```compile_fail,E0603
//! use shared::db::Database;
//! ```
//! ```compile_fail,E0603
//! use shared::scope::Read;
//! ```
//! ```compile_fail,E0277
//! fn from_json(body: &str) -> shared::VerifiedUser { serde_json::from_str(body).unwrap() }
//! ```

mod accounts;
mod auth;
mod config;
mod db;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;
mod input;
mod noun;
mod output;
#[cfg(feature = "proof")]
pub mod proof;
mod runtime;
mod scope;
mod tags;
mod tasks;
mod time;
mod tls;

pub use accounts::{
    Account, AccountError, Accounts, ClientAddress, Credentials, Done, NewAccount, OwnAccount, PasswordChange,
    PasswordConfirmation, SignedIn, StartAccountStatements,
};
pub use auth::{RevocableToken, VerifiedUser};
pub use config::{
    AddressBlock, ApiConfig, Config, DocsConfig, ExtraField, InputLimits, JsonFormat, PasswordConfig, PasswordScheme,
    Priorities, StartError, TagsForm, TaskField,
};
pub use db::{DbError, Readiness, RowId};
pub use http::{
    ApiError, Document, OperatorAction, RefusedOperation, Request, Response, bulk, problem_document, response, routes,
};
pub use input::{
    Failure, FromJson, FromPath, FromQuery, InvalidInput, InvalidQuery, ObjectReader, QueryReader, camel_case,
};
pub use noun::Noun;
pub use output::{EntityTag, Representation, Resource, Written};
pub use runtime::{serve, serve_accounts, serve_documents, serve_own_account, serve_public};
pub use scope::{BulkOutcome, OperationFailure, OperationOutcome, ShortForm};
pub use scope::{IdempotencyKey, StartStatement, StoreError, UserScope, Versions};
pub use tags::{NewTag, SavedTag, Tag, TagChange, TagList, TagName, UserTags};
pub use tasks::{
    AddedTags, Bulk, ChangePage, ChangesQuery, Completion, Deleted, DueDate, ListQuery, NewTask, StatsQuery, Task,
    TaskChange, TaskId, TaskPage, TaskStats, UserTasks,
};
pub use time::Timestamp;
