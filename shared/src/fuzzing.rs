//! Entry points for the fuzz targets: authentication without the rest of a request, and recurrence rules. No function
//! contains them.

use std::sync::Arc;

use database_url::DatabaseUrl;
use futures_util::FutureExt as _;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::db::Database;
use crate::tasks::Recurrence;

/// Authentication with settings that need no database.
pub struct Gate {
    authenticator: Authenticator,
}

impl Gate {
    /// `None` if the settings are invalid. `DATABASE_URL` is not read.
    pub fn new(lookup: impl Fn(&'static str) -> Option<String>) -> Option<Self> {
        const DATABASE_URL: &str = "postgres://nobody@localhost/nothing?sslmode=disable";
        let config = Config::from_lookup(|name| match name {
            "DATABASE_URL" => Some(DATABASE_URL.to_owned()),
            _ => lookup(name),
        });
        let database = Arc::new(Database::new(&DatabaseUrl::parse(DATABASE_URL).ok()?));
        Some(Self { authenticator: Authenticator::new(config.ok()?.auth, database).ok()? })
    }

    /// The id of the user that an `Authorization` header names.
    pub fn user(&self, authorization: &str) -> Option<String> {
        let authenticated = self.authenticator.authenticate(Some(authorization)).now_or_never();
        let user = authenticated.expect("nothing to wait for: neither sessions nor keys are in the database");
        user.ok().map(|user| user.id().to_owned())
    }
}

/// The canonical form of a recurrence rule. `None` if the text is no rule.
pub fn canonical_recurrence(text: &str) -> Option<String> {
    Recurrence::parse(text).ok().map(|rule| rule.to_string())
}
