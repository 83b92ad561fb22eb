//! Who is calling: from an `Authorization` header to a [`VerifiedUser`], or to 401.
//!
//! A form of token is a module with a `verify`; [`Authenticator`] decides which one may read the token at hand.
//! It decides by the settings, never by what the token says of itself.

mod claims;
mod hs256;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::Identity;
use crate::error::ApiError;
use hs256::Hs256;

/// The user whose token was verified. Nothing else makes one: the field is private, and there is no conversion,
/// no default, no clone and no deserialization.
#[derive(Debug)]
pub struct VerifiedUser {
    id: String,
}

impl VerifiedUser {
    /// The id that the sign-in gave the user: opaque text of 1 to 255 bytes without control characters.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Why a token does not hold. For the log: the client learns only that it does not.
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
    #[error("the signature is not ours")]
    Signature,
    #[error("a claim is missing or of the wrong type")]
    Claims,
    #[error("the token is expired or not yet valid")]
    Time,
    #[error("the token is from another issuer or for another audience")]
    Origin,
    #[error("the token names no user")]
    NoUser,
}

/// A longer token is refused unread.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// Verifies tokens by the settings.
#[derive(Debug)]
pub(crate) struct Authenticator {
    hs256: Hs256,
    rules: claims::Rules,
}

impl Authenticator {
    pub(crate) fn new(identity: &Identity) -> Self {
        Self { hs256: Hs256::new(&identity.secret), rules: claims::Rules::new(identity) }
    }

    /// Verifies what an `Authorization` header carries.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`] for anything but one good token.
    #[expect(
        clippy::unused_async,
        reason = "keys and sessions are looked up in the database, which takes a round trip"
    )]
    pub(crate) async fn authenticate(&self, authorization: Option<&str>) -> Result<VerifiedUser, ApiError> {
        let authorization = authorization.ok_or(ApiError::Unauthenticated(None))?;
        self.verify(authorization, now()).map_err(|reason| ApiError::Unauthenticated(Some(reason.into())))
    }

    fn verify(&self, authorization: &str, now: f64) -> Result<VerifiedUser, TokenError> {
        let claims = self.hs256.verify(bearer(authorization)?)?;
        Ok(VerifiedUser { id: self.rules.user(claims, now)? })
    }
}

/// The token of `Bearer <token>` (RFC 6750; the scheme's case does not matter).
fn bearer(authorization: &str) -> Result<&str, TokenError> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(TokenError::NotBearer)?;
    let token = token.trim_start_matches(' ');
    // A header sent twice arrives joined with a comma: two tokens are not one, even if the first is good.
    let foreign = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.bytes().any(foreign) {
        return Err(TokenError::NotBearer);
    }
    if token.len() > TOKEN_MAX_BYTES { Err(TokenError::TooLong) } else { Ok(token) }
}

/// Seconds since 1970. A clock before that lets every token look fresh, so it counts as the end of time instead.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(f64::MAX, |elapsed| elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        for (authorization, token) in [
            ("Bearer abc", Ok("abc")),
            ("bearer abc", Ok("abc")),
            ("BEARER  abc ", Ok("abc")),
            ("Bearer", Err(TokenError::NotBearer)),
            ("Bearer ", Err(TokenError::NotBearer)),
            ("abc", Err(TokenError::NotBearer)),
            ("Basic abc", Err(TokenError::NotBearer)),
            ("Bearer abc def", Err(TokenError::NotBearer)),
            ("Bearer abc,Bearer abc", Err(TokenError::NotBearer)),
            ("Bearer abc, Bearer abc", Err(TokenError::NotBearer)),
        ] {
            assert_eq!(bearer(authorization), token, "{authorization}");
        }
        assert_eq!(bearer(&format!("Bearer {}", "a".repeat(8 * 1024))).map(str::len), Ok(8 * 1024));
        assert_eq!(bearer(&format!("Bearer {}", "a".repeat(8 * 1024 + 1))), Err(TokenError::TooLong));
    }
}
