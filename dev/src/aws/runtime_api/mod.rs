//! The Lambda Runtime API, by which function processes ask for events and return responses.

pub(crate) mod protocol;
mod server;
mod session;

pub(crate) use server::RuntimeApi;
pub(crate) use session::{FunctionError, RuntimeSession};
