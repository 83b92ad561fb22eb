//! A way in for the fuzzer, which is in no function: authentication without the rest of a request.

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::db::Database;
use crate::store::SignIn;

/// Authentication by settings that need no database.
pub struct Gate {
    authenticator: Authenticator,
    sign_in: SignIn,
}

impl Gate {
    /// None if the settings are refused. `DATABASE_URL` is not asked for.
    pub fn new(lookup: impl Fn(&'static str) -> Option<String>) -> Option<Self> {
        let config = Config::from_lookup(|name| match name {
            "DATABASE_URL" => Some("postgres://nobody@localhost/nothing?sslmode=disable".to_owned()),
            _ => lookup(name),
        });
        let config = config.ok()?;
        let sign_in = SignIn::of(Arc::new(Database::new(&config.database)));
        Some(Self { authenticator: Authenticator::new(config.identity), sign_in })
    }

    /// The id of the user whom an `Authorization` header names.
    pub fn user(&self, authorization: &str) -> Option<String> {
        let authenticated = self.authenticator.authenticate(Some(authorization), &self.sign_in).now_or_never();
        let user = authenticated.expect("nothing to wait for: neither sessions nor keys are in the database");
        user.ok().map(|user| user.id().to_owned())
    }
}
