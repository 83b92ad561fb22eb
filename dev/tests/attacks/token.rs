//! Valid and invalid tokens, from parts that may be any text.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use dev::tokens;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::keys::Key;

/// The user of valid tokens.
pub(crate) const ADA: &str = "ada";
/// Another user.
pub(crate) const EVE: &str = "eve";
/// `BETTER_AUTH_URL`, which is also issuer and audience.
pub(crate) const ORIGIN: &str = "https://app.example.com";
/// `BETTER_AUTH_SECRET`
pub(crate) const SECRET: &str = "c2VjcmV0LW9mLXRoZS1hdHRhY2stdGVzdHM5OTk5";
/// `AUTH_TOKEN_SECRET`
pub(crate) const OWN_SECRET: &str = "b3duLXNlY3JldC1vZi10aGUtYXR0YWNrLXRlc3RzMQ";
/// The first second of the year 2100.
pub(crate) const FAR_FUTURE: u64 = 4_102_444_800;

/// A header or a payload: JSON, or anything in its place.
pub(crate) trait Part {
    /// The bytes that are encoded in base64url.
    fn into_bytes(self) -> Vec<u8>;
}

impl Part for Value {
    fn into_bytes(self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Part for &Value {
    fn into_bytes(self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Part for &str {
    fn into_bytes(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Part for String {
    fn into_bytes(self) -> Vec<u8> {
        self.into_bytes()
    }
}

impl Part for Vec<u8> {
    fn into_bytes(self) -> Vec<u8> {
        self
    }
}

/// The header of a token signed with the secret.
pub(crate) fn hs256() -> Value {
    json!({"alg": "HS256"})
}

/// The header of a token signed with a key.
pub(crate) fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid})
}

/// The claims of a valid token.
pub(crate) fn claims() -> Value {
    json!({"sub": ADA, "iss": ORIGIN, "aud": ORIGIN, "exp": FAR_FUTURE})
}

/// The claims of a token that this API has signed.
pub(crate) fn own_claims() -> Value {
    json!({"sub": ADA, "email": "ada@example.com", "exp": FAR_FUTURE, "jti": "j1", "ver": 0})
}

/// [`claims`] with these members set. Null is a value.
pub(crate) fn claims_with(members: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in members.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

/// [`claims`] without a member.
pub(crate) fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// The claims of Better Auth's cookie cache.
pub(crate) fn cookie_cache() -> Value {
    json!({
        "session": {"id": "s", "userId": ADA, "token": "t"},
        "user": {"id": ADA, "email": "ada@example.com"},
        "updatedAt": 1_700_000_000_000_u64,
        "exp": FAR_FUTURE,
    })
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Header and payload as they are signed: in base64url, with a dot between them.
pub(crate) fn message(header: impl Part, payload: impl Part) -> String {
    format!("{}.{}", encode(header.into_bytes()), encode(payload.into_bytes()))
}

/// A message with its signature.
pub(crate) fn with_signature(message: &str, signature: &str) -> String {
    format!("{message}.{signature}")
}

/// A token signed with [`SECRET`].
pub(crate) fn by_secret(header: impl Part, payload: impl Part) -> String {
    by_hmac(Algorithm::HS256, SECRET.as_bytes(), header, payload)
}

/// A token signed with a secret.
pub(crate) fn by_hmac(algorithm: Algorithm, secret: &[u8], header: impl Part, payload: impl Part) -> String {
    tokens::sign(algorithm, &EncodingKey::from_secret(secret), header.into_bytes(), payload.into_bytes())
}

/// A token signed with a private key.
pub(crate) fn by_key(key: &Key, header: impl Part, payload: impl Part) -> String {
    by_key_and(key, key.algorithm, header, payload)
}

/// A token signed with a private key, by another algorithm of the key's family.
pub(crate) fn by_key_and(key: &Key, algorithm: Algorithm, header: impl Part, payload: impl Part) -> String {
    tokens::sign(algorithm, &key.encoding, header.into_bytes(), payload.into_bytes())
}

/// The signature of a message in base64url.
pub(crate) fn hmac(algorithm: Algorithm, secret: &[u8], message: &str) -> String {
    crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), algorithm)
        .expect("HMAC takes keys of any length")
}

/// A session token as Better Auth signs it.
pub(crate) fn signed_session(token: &str, secret: &str) -> String {
    let signature = decode(&hmac(Algorithm::HS256, secret.as_bytes(), token));
    format!("{token}.{}", BASE64_STANDARD.encode(signature))
}
