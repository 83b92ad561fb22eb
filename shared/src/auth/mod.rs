//! Who is calling: from an `Authorization` header to a [`VerifiedUser`], or to 401.
//!
//! Four forms of token come from a Better Auth front end: JWTs that its own service signed (`jwks`), JWTs that the
//! application or the cookie cache signed with the shared secret, and session tokens, raw or signed (`session`).
//! The settings say which of them are accepted; what a token says of itself only says which it claims to be.

mod claims;
mod jwks;
mod jwt;
mod session;

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey};

use crate::config::{Identity, TokenRules};
use crate::error::ApiError;
use crate::store::SignIn;
use claims::Rules;
pub(crate) use jwks::KeySet;
use jwks::Keys;
use jwt::Jwt;
use session::Sessions;

/// The user whose token was verified. Nothing else makes one: the field is private, and there is no conversion,
/// no default, no clone and no deserialization.
#[derive(Debug)]
pub struct VerifiedUser {
    id: String,
}

/// The longest user id that any known user table holds.
const USER_ID_MAX_BYTES: usize = 255;

impl VerifiedUser {
    /// The user of a token that was verified; private to this module, whose business that is.
    fn new(id: String) -> Result<Self, TokenError> {
        let good = (1..=USER_ID_MAX_BYTES).contains(&id.len()) && !id.chars().any(char::is_control);
        if good { Ok(Self { id }) } else { Err(TokenError::NoUser) }
    }

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
    #[error("the form of the token is not among those that are accepted")]
    Form,
    #[error("the token names a key that does not exist")]
    UnknownKey,
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
    #[error("the token is not a session token")]
    NotASession,
    #[error("the session does not exist, or no longer")]
    NoSession,
}

impl From<TokenError> for ApiError {
    fn from(reason: TokenError) -> Self {
        Self::Unauthenticated(Some(reason.into()))
    }
}

/// A longer token is refused unread.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// Verifies tokens by the settings.
pub(crate) struct Authenticator {
    hs256: Option<(DecodingKey, Rules)>,
    jwks: Option<(Keys, Rules)>,
    sessions: Option<Sessions>,
}

impl Authenticator {
    pub(crate) fn new(identity: Identity) -> Self {
        let rules = |expected: TokenRules, may_be_cookie_cache| Rules { expected, may_be_cookie_cache };
        Self {
            hs256: identity
                .hs256
                .map(|(secret, expected)| (DecodingKey::from_secret(secret.as_bytes()), rules(expected, true))),
            jwks: identity.jwks.map(|jwks| (Keys::new(jwks.source), rules(jwks.rules, false))),
            sessions: identity.session.map(|secret| Sessions::new(secret.as_ref())),
        }
    }

    /// Fetches what verification will need, before the first request does.
    pub(crate) async fn warm_up(&self, sign_in: &SignIn) {
        if let Some((keys, _)) = &self.jwks {
            keys.warm_up(sign_in).await;
        }
    }

    /// Verifies what an `Authorization` header carries.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`] for anything but one good token; 503 when keys or sessions cannot be looked up.
    pub(crate) async fn authenticate(
        &self,
        authorization: Option<&str>,
        sign_in: &SignIn,
    ) -> Result<VerifiedUser, ApiError> {
        let token = bearer(authorization.ok_or(ApiError::Unauthenticated(None))?)?;
        let is_jwt = token.matches('.').count() == 2;
        let id = if is_jwt {
            self.user_of_jwt(&Jwt::parse(token)?, sign_in).await?
        } else {
            self.user_of_session(token, sign_in).await?
        };
        Ok(VerifiedUser::new(id)?)
    }

    async fn user_of_jwt(&self, jwt: &Jwt<'_>, sign_in: &SignIn) -> Result<String, ApiError> {
        let (claims, rules) = if jwt.alg() == "HS256" {
            let (key, rules) = self.hs256.as_ref().ok_or(TokenError::Form)?;
            (jwt.verify(key, Algorithm::HS256)?, rules)
        } else {
            let (keys, rules) = self.jwks.as_ref().ok_or(TokenError::Form)?;
            (keys.verify(jwt, sign_in).await?, rules)
        };
        Ok(rules.user_id(claims, now())?)
    }

    async fn user_of_session(&self, token: &str, sign_in: &SignIn) -> Result<String, ApiError> {
        let sessions = self.sessions.as_ref().ok_or(TokenError::Form)?;
        let user = sign_in.user_of_session(&sessions.stored_token(token)?).await?;
        Ok(user.ok_or(TokenError::NoSession)?)
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

    #[test]
    fn a_user_has_a_name_that_every_database_can_hold() {
        let id = |id: &str| VerifiedUser::new(id.to_owned()).map(|user| user.id);
        assert_eq!(id("D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI").as_deref(), Ok("D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI"));
        assert_eq!(id(&"a".repeat(255)), Ok("a".repeat(255)));
        for bad in ["", "a\0b", "a\nb", "\u{7f}", "\u{85}", &"a".repeat(256)] {
            assert_eq!(id(bad), Err(TokenError::NoUser), "{bad:?}");
        }
    }
}
