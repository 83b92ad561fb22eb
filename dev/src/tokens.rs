//! JWTs signed with HS256, like those that applications with Better Auth issue.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::random::letters_and_digits;
use crate::workspace::{WorkspaceError, local};

/// The default lifetime of a token, in seconds: 30 days.
pub const DEFAULT_LIFETIME: u64 = 30 * 24 * 60 * 60;

/// A valid token for a user, which expires after [`DEFAULT_LIFETIME`].
pub fn mint(secret: &str, user_id: &str) -> String {
    mint_claims(secret, &header(), &claims(user_id, DEFAULT_LIFETIME))
}

/// A token that the local stack accepts with these settings, which expires after `lifetime` seconds.
pub fn mint_for(environment: &Environment, secret: &str, user_id: &str, lifetime: u64) -> String {
    let mut claims = claims(user_id, lifetime);
    for (claim, setting) in [("iss", "JWT_ISSUER"), ("aud", "JWT_AUDIENCE")] {
        // The setting is a list of accepted values. The token needs one of them.
        let accepted = environment.get(setting).unwrap_or_default();
        if let Some(first) = accepted.split(',').map(str::trim).find(|item| !item.is_empty()) {
            claims[claim] = first.into();
        }
    }
    mint_claims(secret, &header(), &claims)
}

/// Whether the functions accept HS256 with these settings. If not, only Better Auth can issue tokens.
pub(crate) fn are_accepted(environment: &Environment) -> bool {
    match environment.get("AUTH_MODE") {
        Some(modes) => modes.split(',').any(|mode| mode.trim() == "hs256"),
        None => ["BETTER_AUTH_URL", "JWKS_URL", "JWKS_JSON"].iter().all(|name| environment.get(name).is_none()),
    }
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

fn claims(user_id: &str, lifetime: u64) -> Value {
    let now = now();
    json!({ "sub": user_id, "iat": now, "exp": now.saturating_add(lifetime) })
}

/// A token with any header and any claims, signed with HMAC-SHA-256.
pub fn mint_claims(secret: &str, header: &Value, claims: &Value) -> String {
    mint_raw(secret, &header.to_string(), &claims.to_string())
}

/// A token of any two texts, which need not be JSON, signed with HMAC-SHA-256.
pub fn mint_raw(secret: &str, header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(header), encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signature.expect("an HMAC takes keys of any length"))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// `BETTER_AUTH_SECRET`, or a secret that is made once for this workspace, so that tokens stay valid after a restart.
///
/// # Errors
/// `.local/secret` can be neither read nor written.
pub fn secret(environment: &Environment) -> Result<String, WorkspaceError> {
    match environment.get("BETTER_AUTH_SECRET") {
        Some(secret) => Ok(secret),
        None => kept_secret(&local()?.join("secret")),
    }
}

/// A new secret.
pub(crate) fn fresh_secret() -> String {
    letters_and_digits(48)
}

fn kept_secret(file: &Path) -> Result<String, WorkspaceError> {
    let read = || std::fs::read_to_string(file).map(|text| text.trim().to_owned()).map_err(WorkspaceError::at(file));
    if file.exists() {
        return read();
    }
    // Written to a temporary file and then renamed: two processes that start at the same time get the same secret.
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut unnamed = tempfile::NamedTempFile::new_in(folder).map_err(WorkspaceError::at(folder))?;
    unnamed.write_all(fresh_secret().as_bytes()).map_err(WorkspaceError::at(file))?;
    match unnamed.persist_noclobber(file) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(WorkspaceError::at(file)(error.error))
        }
        _ => read(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation};

    #[test]
    fn minted_token_is_valid() {
        let secret = fresh_secret();
        let token = mint(&secret, "ada");
        let key = DecodingKey::from_secret(secret.as_bytes());
        let read =
            jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::HS256)).expect("a good token");
        assert_eq!(read.claims["sub"], "ada");
        assert_eq!(
            read.claims["exp"].as_u64().expect("a time") - read.claims["iat"].as_u64().expect("a time"),
            DEFAULT_LIFETIME
        );
    }

    #[test]
    fn local_token_has_issuer_and_audience() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "JWT_ISSUER=one,two\nBETTER_AUTH_URL=http://a.test\n")
            .expect("a file");
        let environment = Environment::read(folder.path()).expect("settings");
        let token = mint_for(&environment, "secret", "ada", 60);
        let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok()).expect("claims");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("one"), &Value::Null));
        assert!(are_accepted(&Environment::default()) && !are_accepted(&environment));
    }

    #[test]
    fn secret_is_made_once_and_private() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        let secret = kept_secret(&file).expect("a secret");
        assert!(secret.len() >= 48 && kept_secret(&file).expect("a secret") == secret);
        assert_eq!(std::fs::metadata(&file).expect("a file").mode() & 0o777, 0o600);
    }
}
