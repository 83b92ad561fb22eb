//! Verifies tokens as the settings say.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey};

use super::bearer::bearer;
use super::claims::ClaimRules;
use super::error::{AuthError, TokenError};
use super::jwks::{JwksCache, KeySet, KeySource};
use super::jwt::Jwt;
use super::session::SessionTokens;
use super::tables::{BetterAuthTables, StartState, TableUse};
use super::user::VerifiedUser;
use crate::config::{AuthConfig, Secret, StartError};
use crate::db::{CatalogTable, Database, DbError, TableCheck};

/// Verifies tokens.
pub(crate) struct Authenticator {
    hs256: Option<(DecodingKey, ClaimRules)>,
    jwks: Option<(JwksCache, ClaimRules)>,
    sessions: Option<SessionTokens>,
    password: Option<(DecodingKey, ClaimRules)>,
    tables: BetterAuthTables,
}

impl Authenticator {
    /// # Errors
    /// `JWKS_JSON` has no usable key.
    pub(crate) fn new(config: AuthConfig, database: Arc<Database>) -> Result<Self, StartError> {
        let jwks = config.jwks.map(|jwks| {
            let rules = ClaimRules { expected: jwks.rules, allows_cookie_cache: false };
            Ok((JwksCache::new(KeySource::new(jwks.source)?), rules))
        });
        // Better Auth's key is the UTF-8 of the secret, even if that looks like base64.
        let key = |secret: &Secret| DecodingKey::from_secret(secret.expose().as_bytes());
        Ok(Self {
            hs256: config
                .hs256
                .map(|(secret, expected)| (key(&secret), ClaimRules { expected, allows_cookie_cache: true })),
            jwks: jwks.transpose()?,
            sessions: config.session.map(|secret| SessionTokens::new(secret.as_ref())),
            password: config
                .password
                .map(|(secret, expected)| (key(&secret), ClaimRules { expected, allows_cookie_cache: false })),
            tables: BetterAuthTables::new(database),
        })
    }

    /// The statement that a request needs to be authenticated, if it needs one.
    pub(crate) fn statement(&self) -> Option<&'static str> {
        self.sessions.as_ref().map(|_| self.tables.session_query())
    }

    /// Whether this API signs tokens: `AUTH_MODE` contains `password`.
    pub(crate) fn signs_tokens(&self) -> bool {
        self.password.is_some()
    }

    /// Whether every token that is accepted can be revoked.
    pub(crate) fn all_tokens_are_revocable(&self) -> bool {
        self.signs_tokens() && self.hs256.is_none() && self.jwks.is_none() && self.sessions.is_none()
    }

    /// Fetches the public keys before the first request needs them, if they have a URL.
    pub(crate) async fn fetch_keys(&self) {
        if let Some((keys, _)) = &self.jwks {
            keys.warm_up_from_url().await;
        }
    }

    /// Reads, before the first request and in one round trip, the public keys if they are in the database, and whether
    /// Better Auth's tables and `others` are as usual. If not, returns what the catalog says about them. What Better
    /// Auth's tables lack is logged.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn check_tables(&self, others: &[TableCheck]) -> Result<Option<Vec<CatalogTable>>, DbError> {
        let keys = self.jwks.as_ref().map(|(keys, _)| keys).filter(|keys| keys.are_in_database());
        let uses = TableUse { keys: keys.is_some(), sessions: self.sessions.is_some() };
        let StartState { keys: read, tables } = self.tables.start(uses, others).await?;
        if let (Some(keys), Some(read)) = (keys, read) {
            keys.warm_up_with(read).await;
        }
        Ok(tables)
    }

    /// Verifies the value of an `Authorization` header.
    ///
    /// # Errors
    /// It is not exactly one valid token, or keys or sessions cannot be looked up.
    pub(crate) async fn authenticate(&self, authorization: Option<&str>) -> Result<VerifiedUser, AuthError> {
        let token = bearer(authorization.ok_or(AuthError::MissingToken)?)?;
        let is_jwt = token.matches('.').count() == 2;
        if is_jwt { self.user_of_jwt(&Jwt::parse(token)?).await } else { self.user_of_session(token).await }
    }

    async fn user_of_jwt(&self, jwt: &Jwt<'_>) -> Result<VerifiedUser, AuthError> {
        if jwt.alg() == "HS256" {
            return Ok(self.user_of_shared_secret(jwt)?);
        }
        let algorithm = KeySet::algorithm_of(jwt).ok_or(TokenError::Header)?;
        let (keys, rules) = self.jwks.as_ref().ok_or(TokenError::KeyPairNotAccepted(algorithm))?;
        let claims = keys.verify(jwt, &self.tables).await?;
        Ok(VerifiedUser::new(rules.user_id(claims, now())?)?)
    }

    /// A token with `ver` is one of this API. If it does not sign tokens, `ver` has no meaning.
    fn user_of_shared_secret(&self, jwt: &Jwt<'_>) -> Result<VerifiedUser, TokenError> {
        let mut refusal = TokenError::Hs256NotAccepted;
        if let Some((key, rules)) = &self.password {
            match jwt.verify(key, Algorithm::HS256) {
                Ok(claims) if claims.has_version() => return rules.user_of_revocable(claims, now()),
                Ok(_) => {}
                Err(error) => refusal = error,
            }
        }
        let (key, rules) = self.hs256.as_ref().ok_or(refusal)?;
        let claims = jwt.verify(key, Algorithm::HS256)?;
        if self.password.is_some() && claims.has_version() {
            // This API has signed it with a former secret. By the rules of HS256 it could not be revoked.
            return Err(TokenError::Signature);
        }
        VerifiedUser::new(rules.user_id(claims, now())?)
    }

    async fn user_of_session(&self, token: &str) -> Result<VerifiedUser, AuthError> {
        let sessions = self.sessions.as_ref().ok_or(TokenError::SessionNotAccepted)?;
        let user = self.tables.user_of_session(&sessions.stored_token(token)?).await?;
        Ok(VerifiedUser::new(user.ok_or(TokenError::NoSession)?)?)
    }
}

/// Seconds since the Unix epoch. A clock before the epoch would make every token valid, so it counts as the end of time.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(f64::MAX, |elapsed| elapsed.as_secs_f64())
}
