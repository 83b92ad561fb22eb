//! What the documentation of a deployment is made from.

use super::auth::modes;
use super::error::StartError;
use super::settings::ApiConfig;

/// The settings that clients notice. None of them is secret.
#[derive(Debug, Clone)]
pub struct DocsConfig {
    /// What requests and responses look like.
    pub api: ApiConfig,
    /// `AUTH_MODE`, or what follows from other settings without it: `jwks`, `hs256`, `session`, `password`; at least one.
    pub auth_modes: Vec<String>,
}

impl DocsConfig {
    /// Reads the settings of this process. `DATABASE_URL` and the secrets are not among them.
    ///
    /// # Errors
    /// The first setting that is missing or invalid.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`. An empty value counts as absent.
    ///
    /// # Errors
    /// As [`DocsConfig::from_env`].
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, StartError> {
        let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let auth_modes = modes(&lookup)?;
        let has_accounts = auth_modes.iter().any(|mode| mode == "password");
        Ok(Self { api: ApiConfig { has_accounts, ..ApiConfig::from_lookup(&lookup)? }, auth_modes })
    }
}
