//! Tokens, good and bad, from parts that may be any text.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::keys::Key;

/// Whom good tokens name.
pub(crate) const ADA: &str = "ada";
/// Whom an attacker would like to be, or not to be.
pub(crate) const EVE: &str = "eve";
/// The origin of `BETTER_AUTH_URL`: issuer and audience.
pub(crate) const ORIGIN: &str = "https://app.example.com";
/// `BETTER_AUTH_SECRET`
pub(crate) const SECRET: &str = "c2VjcmV0LW9mLXRoZS1hdHRhY2stdGVzdHM5OTk5";
/// The first second of the year 2100.
pub(crate) const FAR_FUTURE: u64 = 4_102_444_800;

/// A header or a payload: JSON, or what is sent in its place.
pub(crate) trait Part {
    /// As it is before base64url.
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

/// The header of a token that the application signs.
pub(crate) fn hs256() -> Value {
    json!({"alg": "HS256"})
}

/// The header of a token of Better Auth.
pub(crate) fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid})
}

/// The claims of a good token.
pub(crate) fn claims() -> Value {
    json!({"sub": ADA, "iss": ORIGIN, "aud": ORIGIN, "exp": FAR_FUTURE})
}

/// The same with these members set, also to null.
pub(crate) fn claims_with(members: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in members.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

/// The same without a member.
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

/// The opposite.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// What is signed.
pub(crate) fn message(header: impl Part, payload: impl Part) -> String {
    format!("{}.{}", encode(header.into_bytes()), encode(payload.into_bytes()))
}

/// A message with its signature.
pub(crate) fn with_signature(message: &str, signature: &str) -> String {
    format!("{message}.{signature}")
}

/// Signed with the secret.
pub(crate) fn by_secret(header: impl Part, payload: impl Part) -> String {
    by_hmac(Algorithm::HS256, SECRET.as_bytes(), header, payload)
}

/// Signed with any secret.
pub(crate) fn by_hmac(algorithm: Algorithm, secret: &[u8], header: impl Part, payload: impl Part) -> String {
    let message = message(header, payload);
    let signature = hmac(algorithm, secret, &message);
    with_signature(&message, &signature)
}

/// Signed with a private key.
pub(crate) fn by_key(key: &Key, header: impl Part, payload: impl Part) -> String {
    let message = message(header, payload);
    with_signature(&message, &key.sign(&message))
}

/// Signed with a private key by an algorithm that is not its own.
pub(crate) fn by_key_and(key: &Key, algorithm: Algorithm, header: impl Part, payload: impl Part) -> String {
    let message = message(header, payload);
    with_signature(&message, &key.sign_by(algorithm, &message))
}

/// The signature of a message in base64url.
pub(crate) fn hmac(algorithm: Algorithm, secret: &[u8], message: &str) -> String {
    crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), algorithm).expect("HMAC takes any key")
}

/// A session token as Better Auth signs it.
pub(crate) fn signed_session(token: &str, secret: &str) -> String {
    let signature = decode(&hmac(Algorithm::HS256, secret.as_bytes(), token));
    format!("{token}.{}", BASE64_STANDARD.encode(signature))
}

/// What a cookie does to the characters of base64.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
