//! The keys, kept between requests.

use std::time::Duration;

use lambda_http::http::Uri;
use serde_json::Value;
use tokio::sync::Mutex;

use super::fetch;
use super::key_set::KeySet;
use super::source::KeySource;
use crate::auth::claims::Claims;
use crate::auth::error::AuthError;
use crate::auth::jwt::Jwt;
use crate::auth::tables::BetterAuthTables;
use crate::db::cause_chain;
use crate::time::FreezeAwareInstant;
use crate::tls::TlsRoots;

/// An unknown key id can be a new key or a guess: the keys are fetched for it at most once in this interval.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);
/// The same while there are no keys at all: Better Auth creates its first key when it issues its first token.
const FIRST_KEY_INTERVAL: Duration = Duration::from_secs(1);
/// Older keys are fetched again, so that a withdrawn key expires.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The keys of one source.
pub(in crate::auth) struct JwksCache {
    source: KeySource,
    /// For a source that is a URL.
    roots: TlsRoots,
    /// Locked while fetching, so that there is one fetch at a time.
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    /// The last set that was fetched.
    keys: Option<KeySet>,
    /// The last attempt to fetch.
    fetched: Option<FreezeAwareInstant>,
    /// The last attempt to fetch for a token with an unknown key.
    fetched_for_unknown: Option<FreezeAwareInstant>,
}

impl CacheState {
    fn has_keys(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.is_empty())
    }

    fn lacks_key_of(&self, jwt: &Jwt<'_>) -> bool {
        self.keys.as_ref().is_none_or(|keys| !keys.has_key_of(jwt))
    }

    /// Whether the keys have to be fetched before this token can be verified.
    fn is_stale_for(&self, jwt: &Jwt<'_>) -> bool {
        let older_than = |last: Option<FreezeAwareInstant>, age| last.is_none_or(|last| last.elapsed() > age);
        let interval = if self.has_keys() { UNKNOWN_KEY_INTERVAL } else { FIRST_KEY_INTERVAL };
        older_than(self.fetched, MAX_AGE) || (self.lacks_key_of(jwt) && older_than(self.fetched_for_unknown, interval))
    }

    /// Replaces the keys, or keeps the old ones if they could not be fetched.
    fn replace(&mut self, fetched: Result<KeySet, AuthError>) -> Result<(), AuthError> {
        self.fetched = Some(FreezeAwareInstant::now());
        match fetched {
            Ok(keys) => {
                self.keys = Some(keys);
                Ok(())
            }
            Err(error) => {
                let (kept, cause) = (self.keys.is_some(), cause_chain(&error));
                tracing::warn!(%error, cause, kept, "the keys of the sign-in could not be fetched");
                Err(error)
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("there have never been keys, and the last attempt to fetch them was a moment ago")]
struct NeverFetched;

impl JwksCache {
    pub(in crate::auth) fn new(source: KeySource) -> Self {
        Self { source, roots: TlsRoots::new(|_| ()), state: Mutex::default() }
    }

    /// Whether Better Auth's table has the keys.
    pub(in crate::auth) fn are_in_database(&self) -> bool {
        matches!(self.source, KeySource::Database)
    }

    /// Fetches the keys before the first request needs them, if they have a URL. A failure is not reported: the first
    /// request tries again.
    pub(in crate::auth) async fn warm_up_from_url(&self) {
        if let KeySource::Url(url) = &self.source {
            let mut state = self.state.lock().await;
            state.replace(self.fetch(url).await).ok();
        }
    }

    /// Takes the keys that were read from the database before the first request. A failure is not reported, as above.
    pub(in crate::auth) async fn warm_up_with(&self, jwks: Result<Vec<Value>, AuthError>) {
        self.state.lock().await.replace(jwks.map(|jwks| KeySet::from_jwks(&jwks))).ok();
    }

    /// The claims of a token that one of the keys has signed.
    ///
    /// # Errors
    /// The token is invalid, or there have never been keys and they cannot be fetched.
    pub(in crate::auth) async fn verify(&self, jwt: &Jwt<'_>, tables: &BetterAuthTables) -> Result<Claims, AuthError> {
        if let KeySource::Inline(keys) = &self.source {
            return Ok(keys.verify(jwt)?);
        }
        let mut state = self.state.lock().await;
        if state.is_stale_for(jwt) {
            let had_keys = state.has_keys();
            if state.lacks_key_of(jwt) {
                state.fetched_for_unknown = Some(FreezeAwareInstant::now());
            }
            match self.refresh(&mut state, tables).await {
                Err(error) if state.keys.is_none() => return Err(error),
                // The first keys have arrived. The next unknown key is fetched at once, and starts the long interval.
                Ok(()) if !had_keys && state.has_keys() => state.fetched_for_unknown = None,
                Ok(()) | Err(_) => {}
            }
        }
        let keys = state.keys.as_ref().ok_or_else(|| AuthError::NoKeys(NeverFetched.into()))?;
        Ok(keys.verify(jwt)?)
    }

    async fn refresh(&self, state: &mut CacheState, tables: &BetterAuthTables) -> Result<(), AuthError> {
        let fetched = match &self.source {
            KeySource::Database => tables.keys().await.map(|jwks| KeySet::from_jwks(&jwks)),
            KeySource::Url(url) => self.fetch(url).await,
            KeySource::Inline(_) => return Ok(()),
        };
        state.replace(fetched)
    }

    async fn fetch(&self, url: &Uri) -> Result<KeySet, AuthError> {
        fetch::keys(url, &self.roots).await.map_err(|error| AuthError::NoKeys(error.into()))
    }
}
