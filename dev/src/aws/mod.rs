//! AWS on this machine: what stands between a client and a function, and between a function and Lambda.

pub mod cors;
pub(crate) mod event;
pub(crate) mod gateway;
pub(crate) mod instances;
mod response;
pub mod routes;
pub(crate) mod runtime_api;
pub mod template;
