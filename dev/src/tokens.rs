//! JWTs signed with HS256, like those that applications with Better Auth issue, and those that the API signs itself.

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

/// A token as the API signs it at sign-in. It is valid until `token_id` is revoked, or the user gets another version.
pub fn mint_revocable(secret: &str, user_id: &str, token_id: &str, version: u32) -> String {
    let mut claims = claims(user_id, DEFAULT_LIFETIME);
    (claims["jti"], claims["ver"]) = (token_id.into(), version.into());
    mint_claims(secret, &header(), &claims)
}

/// A token that the local stack accepts with these settings, which expires after `lifetime` seconds.
pub fn mint_for(environment: &Environment, secret: &str, user_id: &str, lifetime: u64) -> String {
    let mut claims = claims(user_id, lifetime);
    if has_mode(environment, "password") {
        (claims["jti"], claims["ver"]) = (letters_and_digits(22).into(), 0.into());
    }
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
        Some(_) => ["hs256", "password"].iter().any(|mode| has_mode(environment, mode)),
        None => ["BETTER_AUTH_URL", "JWKS_URL", "JWKS_JSON"].iter().all(|name| environment.get(name).is_none()),
    }
}

/// Whether `AUTH_MODE` contains this mode.
pub(crate) fn has_mode(environment: &Environment, mode: &str) -> bool {
    environment.get("AUTH_MODE").is_some_and(|modes| modes.split(',').any(|listed| listed.trim() == mode))
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
    let key = EncodingKey::from_secret(secret.as_bytes());
    sign(Algorithm::HS256, &key, header.to_string(), claims.to_string())
}

/// A token of any two texts, which need not be JSON, signed with this key.
///
/// # Panics
/// The key cannot sign with this algorithm.
pub fn sign(algorithm: Algorithm, key: &EncodingKey, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
    format!("{message}.{}", signature.expect("a key of the algorithm"))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The secret of the settings that signs tokens: `AUTH_TOKEN_SECRET` if the functions sign them, else `BETTER_AUTH_SECRET`.
pub(crate) fn given_secret(environment: &Environment) -> Option<String> {
    let own = environment.get("AUTH_TOKEN_SECRET").filter(|_| has_mode(environment, "password"));
    own.or_else(|| environment.get("BETTER_AUTH_SECRET"))
}

/// The secret of the settings that signs tokens, or one that is made once for this workspace, so that tokens stay valid after a restart.
///
/// # Errors
/// `.local/secret` can be neither read nor written.
pub fn secret(environment: &Environment) -> Result<String, WorkspaceError> {
    match given_secret(environment) {
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
    fn local_token_can_be_revoked_in_mode_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = "AUTH_MODE=jwks,password\nBETTER_AUTH_SECRET=shared\nAUTH_TOKEN_SECRET=own\n";
        std::fs::write(folder.path().join(".env"), settings).expect("a file");
        let environment = Environment::read(folder.path()).expect("settings");
        assert!(are_accepted(&environment));
        assert_eq!(secret(&environment).expect("a secret"), "own");
        let token = mint_for(&environment, "own", "ada", 60);
        let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok()).expect("claims");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((claims["jti"].as_str().map(str::len), &claims["ver"]), (Some(22), &json!(0)));
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
