//! A JWT before anybody has verified it (RFC 7515, RFC 7519).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Deserializer};

use super::TokenError;
use super::claims::Claims;

/// The three parts of a compact JWS whose header asks for nothing that we do not do.
pub(super) struct Jwt<'a> {
    header: Header,
    /// Header and payload as they were signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// What of a JOSE header can change how a token must be read. Other members are never followed: `jwk`, `jku`, `x5u`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "given")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "given")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart. None of it is trusted yet.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NotAJwt)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::NotAJwt)?;
        let header: Header = part(header).ok_or(TokenError::NotAJwt)?;
        let typ_is_jwt = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if !typ_is_jwt || header.crit || header.b64 {
            return Err(TokenError::Header);
        }
        Ok(Self { header, message, payload, signature })
    }

    /// The algorithm that the token claims. It selects nothing: a key says what it is for.
    pub(super) fn alg(&self) -> &str {
        &self.header.alg
    }

    /// The name of the key that the token claims.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The claims, if `key` has signed them by `algorithm`; their content is not yet judged.
    pub(super) fn verify(&self, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, TokenError> {
        match crypto::verify(self.signature, self.message.as_bytes(), key, algorithm) {
            Ok(true) => part(self.payload).ok_or(TokenError::Claims),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// Base64url without padding, then a JSON object. A repeated member that we read is an error, not a choice; an array,
/// which serde would read as the members in their order, is none of it.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    let is_object = json.trim_ascii_start().starts_with(b"{");
    if is_object { serde_json::from_slice(&json).ok() } else { None }
}

/// A member that is there must have its type: null is not absence.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// True for a member that is there, with whatever value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}
