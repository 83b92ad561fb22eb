//! Why a request is not authenticated.

use std::error::Error;

use crate::db::DbError;

/// What is likely if the table of sessions is missing, or has no session.
pub(super) const SECONDARY_STORAGE: &str = "if Better Auth keeps sessions in secondary storage such as Redis, set its option session.storeSessionInDatabase, or \
     use AUTH_MODE=jwks";

/// Why there is no verified user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("the request has no Authorization header")]
    MissingToken,
    #[error("the token is refused")]
    InvalidToken(#[from] TokenError),
    /// The token cannot be verified, because there are no keys.
    #[error("the public keys are not available")]
    NoKeys(#[source] Box<dyn Error + Send + Sync>),
    /// The token cannot be verified, because a table or a column of Better Auth does not exist or may not be read.
    #[error("Better Auth's tables are not as expected: {0}")]
    UnusableTable(String),
    /// The session is unknown, and so is every other session: the table, whose name this is, has none.
    #[error("the session does not exist, and {0} has no session that has not expired: {SECONDARY_STORAGE}")]
    NoSessions(String),
    /// The token cannot be verified, because Better Auth's tables cannot be read.
    #[error("Better Auth's tables cannot be read")]
    Database(#[from] DbError),
}

/// Why a token is refused. For the log: the client only learns that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the Authorization header is not one bearer token")]
    NotBearer,
    #[error("the token is longer than 8 KiB")]
    TooLong,
    #[error("the token is not a JWT")]
    NotAJwt,
    #[error("the token's header names an algorithm, type or extension that is not accepted")]
    Header,
    #[error("the token is signed with HS256, and AUTH_MODE does not contain hs256")]
    Hs256NotAccepted,
    #[error("the token is signed with {0}, and AUTH_MODE does not contain jwks")]
    KeyPairNotAccepted(&'static str),
    #[error("the token is not a JWT, and AUTH_MODE does not contain session")]
    SessionNotAccepted,
    #[error("the token names a key that does not exist")]
    UnknownKey,
    #[error("the signature is not valid")]
    Signature,
    #[error("a claim is missing or of the wrong type")]
    Claims,
    #[error("the token is expired or not yet valid")]
    Time,
    #[error(
        "the token is from another issuer or for another audience than BETTER_AUTH_URL, JWT_ISSUER or JWT_AUDIENCE says"
    )]
    Origin,
    #[error("the token names no user")]
    NoUser,
    #[error("the session token is signed, and BETTER_AUTH_SECRET is not set")]
    NoSecret,
    #[error("the token is not a session token")]
    NotASession,
    #[error("the session does not exist, or no longer")]
    NoSession,
}
