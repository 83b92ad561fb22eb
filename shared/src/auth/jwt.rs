//! A JWT that is not yet verified (RFC 7515, RFC 7519).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::claims::Claims;
use super::error::TokenError;
use super::jwt_crypto;
use super::members::{given, present};

/// The three parts of a compact JWS whose header has no critical extension.
pub(super) struct Jwt<'a> {
    header: Header,
    /// Header and payload as they were signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// The members of a JOSE header that change how a token must be read. Others (`jwk`, `jku`, `x5u`) are ignored.
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
    /// Splits a token into its parts. None of them is trusted yet.
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

    /// The algorithm that the token claims. It selects none: each key has its own.
    pub(super) fn alg(&self) -> &str {
        &self.header.alg
    }

    /// The id of the key that the token claims.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The claims, if `key` has signed them with `algorithm`. Their content is not yet checked.
    pub(super) fn verify(&self, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, TokenError> {
        if jwt_crypto::verify(self.signature, self.message.as_bytes(), key, algorithm) {
            part(self.payload).ok_or(TokenError::Claims)
        } else {
            Err(TokenError::Signature)
        }
    }
}

/// A JSON object in base64url without padding. A repeated known member is an error. So is an array, which serde would
/// accept as the members in their order.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    let is_object = json.trim_ascii_start().starts_with(b"{");
    if is_object { serde_json::from_slice(&json).ok() } else { None }
}
