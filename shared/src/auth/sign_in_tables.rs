//! Whether Better Auth's tables are there and can be read, for the settings of a deployment.

use std::sync::Arc;

use super::error::AuthError;
use super::tables::BetterAuthTables;
use crate::config::{AuthConfig, JwksSource};
use crate::db::Database;

/// What was found in the tables of Better Auth that the settings need.
#[derive(Debug, Default)]
pub(crate) struct SignInTables {
    /// Why tokens will be refused.
    pub(crate) errors: Vec<AuthError>,
    /// The public keys are in the database, and there are none.
    pub(crate) lacks_keys: bool,
    /// The table of sessions, if it has none that has not expired.
    pub(crate) without_sessions: Option<String>,
}

/// Reads the tables as requests do.
pub(crate) async fn check_tables(config: &AuthConfig, database: Arc<Database>) -> SignInTables {
    let tables = BetterAuthTables::new(database);
    let mut check = SignInTables::default();
    if config.jwks.as_ref().is_some_and(|jwks| matches!(jwks.source, JwksSource::Database)) {
        match tables.keys().await {
            Ok(keys) => check.lacks_keys = keys.is_empty(),
            Err(error) => check.errors.push(error),
        }
    }
    if config.session.is_some() {
        // No session has this token: it is shorter than those of Better Auth.
        match tables.user_of_session("none").await {
            Ok(_) => {}
            Err(AuthError::NoSessions(table)) => check.without_sessions = Some(table),
            Err(error) => check.errors.push(error),
        }
    }
    check
}
