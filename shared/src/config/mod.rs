//! The settings, read once at start from the environment.
//!
//! They are checked here as far as that needs no other module: connection strings and key sets stay text, which their
//! own modules parse. An invalid setting stops the process with one sentence that names it and never repeats a secret.

mod accounts;
mod auth;
mod docs;
mod error;
mod extra_fields;
mod lookup;
mod priorities;
mod proxies;
mod settings;
mod task_fields;

pub use accounts::{PasswordConfig, PasswordScheme};
pub(crate) use auth::{AuthConfig, JwksSource, TokenRules};
pub use docs::DocsConfig;
pub use error::StartError;
pub use extra_fields::ExtraField;
pub(crate) use lookup::Secret;
pub use priorities::Priorities;
pub use proxies::AddressBlock;
pub use settings::{ApiConfig, Config, InputLimits, JsonFormat};
pub use task_fields::{TagsForm, TaskField};
