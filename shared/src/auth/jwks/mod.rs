//! The sign-in service's public keys: where they come from, and how long they are believed.

mod fetch;
mod key;

use std::time::Duration;

use tokio::sync::Mutex;

use super::TokenError;
use super::jwt::Jwt;
use crate::auth::claims::Claims;
use crate::clock::Moment;
use crate::config::KeySource;
use crate::error::ApiError;
use crate::store::SignIn;
use crate::tls::Trust;
pub(crate) use key::KeySet;

/// An unknown key name may be a new key, or a guess: no more than one look in this time.
const REFETCH_PAUSE: Duration = Duration::from_secs(30);
/// The same while there are no keys at all: Better Auth makes its first one when it is first asked for a token.
const FIRST_KEY_PAUSE: Duration = Duration::from_secs(1);
/// After this time the keys are asked for again, so that a key that was withdrawn ends.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The keys of one source, kept between requests.
pub(super) struct Keys {
    source: KeySource,
    /// Of the host of a URL.
    trust: Trust,
    /// Held while fetching: there is one fetch at a time.
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    /// The last set that could be had.
    keys: Option<KeySet>,
    /// When one was last asked for, with or without success.
    asked: Option<Moment>,
    /// When one was last asked for because a token named a key that the set did not have.
    asked_for_unknown: Option<Moment>,
}

impl Cache {
    fn has_keys(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.is_empty())
    }

    fn misses_key_of(&self, jwt: &Jwt<'_>) -> bool {
        self.keys.as_ref().is_none_or(|keys| !keys.knows(jwt))
    }

    /// Whether the source is worth a look for the sake of this token.
    fn is_due_for(&self, jwt: &Jwt<'_>) -> bool {
        let older_than = |asked: Option<Moment>, age| asked.is_none_or(|asked| asked.age() > age);
        let pause = if self.has_keys() { REFETCH_PAUSE } else { FIRST_KEY_PAUSE };
        older_than(self.asked, MAX_AGE) || (self.misses_key_of(jwt) && older_than(self.asked_for_unknown, pause))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("there have never been keys, and they were asked for a moment ago")]
struct NoKeys;

impl Keys {
    pub(super) fn new(source: KeySource) -> Self {
        Self { source, trust: Trust::new(|_| ()), cache: Mutex::default() }
    }

    /// Fetches the keys before the first request needs them. A failure is left to that request.
    pub(super) async fn warm_up(&self, sign_in: &SignIn) {
        if !matches!(self.source, KeySource::Inline(_)) {
            self.refresh(&mut *self.cache.lock().await, sign_in).await.ok();
        }
    }

    /// The claims of a token that one of the keys has signed.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`] for a token that does not hold; the failure of the source when there has never
    /// been a set of keys.
    pub(super) async fn verify(&self, jwt: &Jwt<'_>, sign_in: &SignIn) -> Result<Claims, ApiError> {
        if let KeySource::Inline(keys) = &self.source {
            return Ok(keys.verify(jwt)?);
        }
        if !KeySet::could_verify(jwt) {
            return Err(TokenError::Header.into());
        }
        let mut cache = self.cache.lock().await;
        if cache.is_due_for(jwt) {
            let had_keys = cache.has_keys();
            if cache.misses_key_of(jwt) {
                cache.asked_for_unknown = Some(Moment::now());
            }
            match self.refresh(&mut cache, sign_in).await {
                Err(error) if cache.keys.is_none() => return Err(error),
                // The long pause begins with the first key that is missing from a set, not with the set.
                Ok(()) if !had_keys && cache.has_keys() => cache.asked_for_unknown = None,
                Ok(()) | Err(_) => {}
            }
        }
        let keys = cache.keys.as_ref().ok_or_else(|| ApiError::SignInUnavailable(NoKeys.into()))?;
        Ok(keys.verify(jwt)?)
    }

    /// Replaces the set, or keeps the old one when a new one cannot be had.
    async fn refresh(&self, cache: &mut Cache, sign_in: &SignIn) -> Result<(), ApiError> {
        cache.asked = Some(Moment::now());
        let fetched = match &self.source {
            KeySource::Database => sign_in.keys().await.map(|jwks| KeySet::from_jwks(&jwks)),
            KeySource::Url(url) => fetch::keys(url, &self.trust).await,
            KeySource::Inline(_) => return Ok(()),
        };
        match fetched {
            Ok(keys) => {
                cache.keys = Some(keys);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, kept = cache.keys.is_some(), "the keys of the sign-in could not be fetched");
                Err(error)
            }
        }
    }
}
