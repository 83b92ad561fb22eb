//! AWS on this machine: API Gateway between a client and a function, and Lambda around the function.

mod conditions;
pub mod cors;
pub(crate) mod event;
pub(crate) mod gateway;
pub(crate) mod identity;
pub(crate) mod instance;
pub(crate) mod pool;
mod response;
pub mod routes;
pub(crate) mod runtime_api;
pub mod template;
