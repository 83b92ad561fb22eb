//! HTTP: the event of API Gateway, the request of a handler, responses and problem documents.
//!
//! What the layers below report as domain errors is mapped to status and code in `error`, and nowhere else.

pub mod bulk;
mod conditional;
mod document;
mod error;
mod event;
mod idempotency;
mod problem;
mod request;
pub mod response;
mod route_table;
pub mod routes;
mod writer;

pub use document::Document;
pub use error::{ApiError, OperatorAction, RefusedOperation};
pub(crate) use event::Event;
pub use problem::problem_document;
pub use request::Request;
pub use response::Response;
pub(crate) use writer::ResponseWriter;
