//! What every function is made of, in the order in which a request meets it.
//!
//! ```text
//! API Gateway event → serve → auth → (handler) → request → task → store → db
//!                       ↑                                            │
//!                       └──────────── response  ←────────────────────┘     any Err → error
//! ```
//!
//! A function names its handler and calls [`serve`]. What a handler can reach is what this page lists:
//! one user's tasks ([`UserTasks`]) and the request that asks for them ([`Request`]). The connection,
//! the SQL and the token are private to this crate.
//!
//! # Why another user's tasks cannot be reached
//!
//! [`VerifiedUser`] is made by the verification of a token and by nothing else, [`UserTasks`] is made from a
//! `VerifiedUser` and by nothing else, and only `UserTasks` sends statements about tasks, each of which names
//! its user. So a query without a user is not a mistake one can make. The twins below differ in one line each:
//! the first of a pair compiles, the second does not.
//!
//! ```
//! fn owner(user: &shared::VerifiedUser) -> &str { user.id() }
//! ```
//! ```compile_fail,E0451
//! fn owner() -> shared::VerifiedUser { shared::VerifiedUser { id: String::new() } }
//! ```
//! ```
//! async fn all(tasks: shared::UserTasks, query: shared::ListQuery) { let _ = tasks.list(&query).await; }
//! ```
//! ```compile_fail,E0624
//! async fn all(user: shared::VerifiedUser) { let _ = shared::UserTasks::of(user, todo!()); }
//! ```
//! ```compile_fail,E0603
//! use shared::db::Database;
//! ```
//! ```compile_fail,E0277
//! fn from_json(body: &str) -> shared::VerifiedUser { serde_json::from_str(body).unwrap() }
//! ```

mod auth;
mod clock;
mod config;
mod db;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod log;
mod metrics;
mod precondition;
mod request;
pub mod response;
pub mod routes;
mod serve;
mod shutdown;
mod store;
mod task;
mod tls;

pub use auth::VerifiedUser;
pub use config::{Config, StartError};
pub use error::{ApiError, Failure, Remedy};
pub use precondition::IfMatch;
pub use request::Request;
pub use response::Response;
pub use serve::{serve, serve_open};
pub use store::{Readiness, UserTasks};
pub use task::{Completion, Fields, FromJson, ListQuery, NewTask, Task, TaskChange, TaskId, TaskPage, Timestamp};
