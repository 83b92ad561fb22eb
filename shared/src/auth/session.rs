//! Opaque session tokens of Better Auth's `bearer()` plugin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::error::TokenError;
use super::shared_secret::SharedSecret;
use crate::config::Secret;

/// Reads session tokens. Only the database knows whether they are valid.
pub(super) struct SessionTokens {
    /// Verifies signed tokens.
    secret: Option<SharedSecret>,
}

impl SessionTokens {
    pub(super) fn new(secret: Option<&Secret>) -> Self {
        Self { secret: secret.map(|secret| SharedSecret::from_bytes(secret.expose().as_bytes())) }
    }

    /// The token as the session table stores it.
    ///
    /// Raw, or signed as `token.base64(HMAC-SHA256(secret, token))`, which may be percent-encoded.
    pub(super) fn stored_token(&self, sent: &str) -> Result<String, TokenError> {
        let sent = percent_decode_str(sent).decode_utf8().map_err(|_| TokenError::NotASession)?;
        let token = match sent.split_once('.') {
            None => &*sent,
            Some((token, signature)) => self.signed(token, signature)?,
        };
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let good = !token.is_empty() && token.bytes().all(well_formed);
        if good { Ok(token.to_owned()) } else { Err(TokenError::NotASession) }
    }

    fn signed<'a>(&self, token: &'a str, signature: &str) -> Result<&'a str, TokenError> {
        let secret = self.secret.as_ref().ok_or(TokenError::NoSecret)?;
        let signature = STANDARD.decode(signature).map_err(|_| TokenError::Signature)?;
        if secret.verify(token.as_bytes(), &signature) { Ok(token) } else { Err(TokenError::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::*;

    const TOKEN: &str = "uFqvhN4c4TtqYkq8bB4aS2kRkKq1vO3J";
    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    /// The signature as Better Auth writes it.
    fn signature(secret: &[u8]) -> String {
        let keyed = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        STANDARD.encode(keyed.chain_update(TOKEN).finalize().into_bytes())
    }

    #[test]
    fn raw_and_signed_tokens_are_the_same_session() {
        let sessions = SessionTokens { secret: Some(SharedSecret::from_bytes(SECRET)) };
        let signed = format!("{TOKEN}.{}", signature(SECRET));
        let encoded = signed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for sent in [TOKEN, &signed, &encoded] {
            assert_eq!(sessions.stored_token(sent).as_deref(), Ok(TOKEN), "{sent}");
        }
    }

    #[test]
    fn malformed_tokens_are_refused_without_a_query() {
        let sessions = SessionTokens { secret: Some(SharedSecret::from_bytes(SECRET)) };
        let foreign = format!("{TOKEN}.{}", signature(b"another secret of at least 32 bytes"));
        for (sent, reason) in [
            (foreign.as_str(), TokenError::Signature),
            (&format!("other.{}", signature(SECRET)), TokenError::Signature),
            (&format!("{TOKEN}."), TokenError::Signature),
            ("", TokenError::NotASession),
            ("' or true --", TokenError::NotASession),
            ("a%00b", TokenError::NotASession),
            ("%ff", TokenError::NotASession),
        ] {
            assert_eq!(sessions.stored_token(sent), Err(reason), "{sent}");
        }
        let without_secret = SessionTokens { secret: None };
        let signed = format!("{TOKEN}.{}", signature(SECRET));
        assert_eq!(without_secret.stored_token(&signed), Err(TokenError::NoSecret));
    }
}
