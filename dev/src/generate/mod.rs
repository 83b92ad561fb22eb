//! `make generate`: writes everything that lists routes or functions from `openapi.yaml`, their one source.
//!
//! | file | what is generated |
//! |---|---|
//! | `shared/src/http/route_table.rs` | the whole file: the routes, which distinguish 405 from 404 |
//! | `functions/smoke/src/functions.rs` | the whole file: the functions whose new versions are checked |
//! | `Cargo.toml` | the router of `cargo lambda watch` |
//! | `template.yaml` | the functions with their events, the versions and permissions of the check, the throttle alarms |
//!
//! In the last two the generated sections are between comments; what is outside of them is written by hand.
//!
//! ```text
//! openapi.yaml → api → route_table, watch_router, template ─┬→ files → disk
//!                      Cargo.toml, template.yaml → sections ┘
//! ```
//!
//! `make swagger-ui` writes files that follow from an npm package instead, in `swagger_ui`.

mod api;
mod error;
mod files;
mod route_table;
mod sections;
mod smoke;
mod swagger_ui;
mod template;
mod watch_router;

pub use api::{Api, Function, Route, Settings, Value};
pub use error::GenerateError;
pub use files::{GeneratedFile, generate, stale, write};
pub use swagger_ui::{SwaggerUiError, stale_swagger_ui, write_swagger_ui};
pub use template::render as template;
