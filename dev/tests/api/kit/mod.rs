//! What only the API tests need: stacks that share one database, and the check of every response against
//! `openapi.yaml`.
//!
//! ```text
//! let ada = api().new_user().await;                          a new user of the stack that all tests share
//! let path = ada.create_path(json!({"title": "Buy milk"})).await;
//! ada.get(&path).await.expect_status(200);
//! ```

mod contract;
pub(crate) mod database;
mod env;
mod routes;
pub(crate) mod schema;

pub(crate) use contract::Contract;
pub(crate) use env::{Api, api, api_with, proxied_database};
pub(crate) use routes::{is_document, is_public, methods_of, path, routes, routes_with_body, task_routes, valid_body};
