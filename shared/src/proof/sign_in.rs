//! Whether users can sign in with the settings of a deployment.

use std::sync::Arc;

use database_url::DatabaseUrl;

use super::error::ProofError;
use crate::auth::check_tables;
use crate::config::{Config, StartError};
use crate::db::Database;

/// What is wrong with Better Auth's tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInCheck {
    /// Why tokens will be refused, each a sentence.
    pub problems: Vec<ProofError>,
    /// The public keys are in the database, and there are none.
    pub lacks_keys: bool,
    /// The table of sessions, if it has none that has not expired.
    pub without_sessions: Option<String>,
}

/// Reads Better Auth's tables as requests do. `None` if no setting of `lookup` says how users sign in.
///
/// # Errors
/// A setting is missing or invalid: the functions would not start.
pub async fn check_sign_in(
    database_url: &str,
    lookup: impl Fn(&'static str) -> Option<String>,
) -> Result<Option<SignInCheck>, StartError> {
    const SETTINGS: [&str; 5] = ["AUTH_MODE", "BETTER_AUTH_URL", "BETTER_AUTH_SECRET", "JWKS_URL", "JWKS_JSON"];
    let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
    if SETTINGS.iter().all(|name| lookup(name).is_none()) {
        return Ok(None);
    }
    let config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(database_url.to_owned()),
        _ => lookup(name),
    })?;
    let url =
        DatabaseUrl::parse(database_url.trim()).map_err(|problem| StartError::invalid("DATABASE_URL", problem))?;
    let database = Arc::new(Database::new(&url));
    let check = check_tables(&config.auth, Arc::clone(&database)).await;
    database.close().await;
    let problems = check.errors.iter().map(|error| ProofError::from_error("signing in", error)).collect();
    Ok(Some(SignInCheck { problems, lacks_keys: check.lacks_keys, without_sessions: check.without_sessions }))
}
