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
use crate::config::{AuthConfig, StartError};
use crate::db::{CatalogTable, Database, DbError, TableCheck};

/// Verifies tokens.
pub(crate) struct Authenticator {
    hs256: Option<(DecodingKey, ClaimRules)>,
    jwks: Option<(JwksCache, ClaimRules)>,
    sessions: Option<SessionTokens>,
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
        Ok(Self {
            hs256: config.hs256.map(|(secret, expected)| {
                // Better Auth's key is the UTF-8 of the secret, even if that looks like base64.
                let key = DecodingKey::from_secret(secret.expose().as_bytes());
                (key, ClaimRules { expected, allows_cookie_cache: true })
            }),
            jwks: jwks.transpose()?,
            sessions: config.session.map(|secret| SessionTokens::new(secret.as_ref())),
            tables: BetterAuthTables::new(database),
        })
    }

    /// The statement that a request needs to be authenticated, if it needs one.
    pub(crate) fn statement(&self) -> Option<&'static str> {
        self.sessions.as_ref().map(|_| self.tables.session_query())
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
    pub(crate) async fn check_tables(&self, others: &TableCheck) -> Result<Option<Vec<CatalogTable>>, DbError> {
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
        let id =
            if is_jwt { self.user_of_jwt(&Jwt::parse(token)?).await? } else { self.user_of_session(token).await? };
        Ok(VerifiedUser::new(id)?)
    }

    async fn user_of_jwt(&self, jwt: &Jwt<'_>) -> Result<String, AuthError> {
        let (claims, rules) = if jwt.alg() == "HS256" {
            let (key, rules) = self.hs256.as_ref().ok_or(TokenError::Hs256NotAccepted)?;
            (jwt.verify(key, Algorithm::HS256)?, rules)
        } else {
            let algorithm = KeySet::algorithm_of(jwt).ok_or(TokenError::Header)?;
            let (keys, rules) = self.jwks.as_ref().ok_or(TokenError::KeyPairNotAccepted(algorithm))?;
            (keys.verify(jwt, &self.tables).await?, rules)
        };
        Ok(rules.user_id(claims, now())?)
    }

    async fn user_of_session(&self, token: &str) -> Result<String, AuthError> {
        let sessions = self.sessions.as_ref().ok_or(TokenError::SessionNotAccepted)?;
        let user = self.tables.user_of_session(&sessions.stored_token(token)?).await?;
        Ok(user.ok_or(TokenError::NoSession)?)
    }
}

/// Seconds since the Unix epoch. A clock before the epoch would make every token valid, so it counts as the end of time.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(f64::MAX, |elapsed| elapsed.as_secs_f64())
}
