//! HS256 with the secret that the front end and this service share.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Deserializer};

use super::TokenError;
use super::claims::Claims;

/// The key, which accepts one algorithm, whatever a token says.
pub(super) struct Hs256(DecodingKey);

impl fmt::Debug for Hs256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hs256")
    }
}

/// What of a JOSE header can change how a token must be read. Unknown members are never followed: `jwk`, `jku`, `x5u`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "given")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

impl Hs256 {
    /// The key is the secret's UTF-8 bytes, as Better Auth and its users' own token routes use it.
    pub(super) fn new(secret: &str) -> Self {
        Self(DecodingKey::from_secret(secret.as_bytes()))
    }

    /// The claims of a token with a good signature; their content is not yet judged.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NotAJwt)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::NotAJwt)?;
        let header: Header = part(header).ok_or(TokenError::NotAJwt)?;
        let plain_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")) && !header.crit && !header.b64;
        if header.alg != "HS256" || !plain_jwt {
            return Err(TokenError::Header);
        }
        match crypto::verify(signature, message.as_bytes(), &self.0, Algorithm::HS256) {
            Ok(true) => part(payload).ok_or(TokenError::Claims),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// Base64url without padding, then JSON. A repeated member that we read is an error, not a choice.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A member that is there must have its type: null is not absence.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// True for a member that is there, with whatever value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}
