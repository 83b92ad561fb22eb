//! Signs the tokens of sign-up and sign-in.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::config::{Secret, TokenRules};

/// How long a token is valid, in seconds: seven days.
pub(super) const LIFETIME: u64 = 7 * 24 * 60 * 60;
/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Signs tokens with the secret of the API.
pub(super) struct TokenSigner {
    /// Has hashed the key already.
    keyed: Hmac<Sha256>,
    /// The claims that are the same in each token, because the settings demand them.
    origin: Map<String, Value>,
}

/// What a token says.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenClaims<'a> {
    pub(super) user_id: &'a str,
    pub(super) email: &'a str,
    /// How often the tokens of the user were revoked.
    pub(super) version: i32,
}

impl TokenSigner {
    pub(super) fn new(secret: &Secret, rules: &TokenRules) -> Self {
        let first = |name: &str, list: &[String]| Some((name.to_owned(), Value::from(list.first()?.as_str())));
        Self {
            keyed: Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length"),
            origin: [first("iss", &rules.issuers), first("aud", &rules.audiences)].into_iter().flatten().collect(),
        }
    }

    /// A new token, valid from now on.
    pub(super) fn sign(&self, claims: TokenClaims<'_>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        self.sign_at(claims, &random_id(), now)
    }

    fn sign_at(&self, claims: TokenClaims<'_>, id: &str, now: u64) -> String {
        let mut payload = self.origin.clone();
        payload.insert("sub".to_owned(), claims.user_id.into());
        payload.insert("email".to_owned(), claims.email.into());
        payload.insert("iat".to_owned(), now.into());
        payload.insert("exp".to_owned(), (now + LIFETIME).into());
        payload.insert("jti".to_owned(), id.into());
        payload.insert("ver".to_owned(), claims.version.into());
        let message = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(plain_json(&payload)));
        let signature = self.keyed.clone().chain_update(&message).finalize().into_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// JSON whose base64url has neither `-` nor `_`, which the browser's `atob` does not know: ASCII, without the characters
/// whose last six bits are 62 or 63. They occur in strings only, where they can be escaped.
fn plain_json(object: &Map<String, Value>) -> String {
    let json = Value::from(object.clone()).to_string();
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !matches!(character, '>' | '?' | '~' | '\u{7f}') {
            plain.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(plain, "\\u{unit:04x}").expect("a text can be written to");
            }
        }
    }
    plain
}

/// 128 random bits in hexadecimal digits.
fn random_id() -> String {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).expect("the system has randomness");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::Config;

    fn signer(settings: &[(&'static str, &str)]) -> TokenSigner {
        let settings: HashMap<&str, String> = [
            ("DATABASE_URL", "postgres://localhost/todo"),
            ("AUTH_MODE", "password"),
            ("AUTH_TOKEN_SECRET", "0123456789abcdef0123456789abcdef"),
        ]
        .iter()
        .chain(settings)
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
        let config = Config::from_lookup(|name| settings.get(name).cloned()).expect("good settings");
        let (secret, rules) = config.auth.password.expect("the mode is on");
        TokenSigner::new(&secret, &rules)
    }

    fn payload(token: &str) -> Value {
        let payload = token.split('.').nth(1).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
    }

    #[test]
    fn the_header_says_hs256_and_jwt() {
        assert_eq!(HEADER, URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#));
    }

    #[test]
    fn a_browser_decodes_the_payload() {
        let email = "??>>~~üñ🐎\u{7f}\"\\@example.com";
        for padding in ["", "a", "ab"] {
            let user_id = format!("{padding}???~~~>>>");
            let claims = TokenClaims { user_id: &user_id, email, version: 3 };
            let token = signer(&[]).sign(claims);
            let part = token.split('.').nth(1).expect("three parts");
            assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{part}");
            let payload = payload(&token);
            assert_eq!((&payload["sub"], &payload["email"]), (&Value::from(user_id.as_str()), &Value::from(email)));
        }
    }

    #[test]
    fn a_token_has_the_claims_that_its_verification_demands() {
        let signer = signer(&[("JWT_ISSUER", "https://api,https://old"), ("JWT_AUDIENCE", "web")]);
        let claims = TokenClaims { user_id: "7", email: "ada@example.com", version: 2 };
        let payload = payload(&signer.sign_at(claims, "id", 1_800_000_000));
        let expected = serde_json::json!({
            "iss": "https://api", "aud": "web", "sub": "7", "email": "ada@example.com", "iat": 1_800_000_000,
            "exp": 1_800_604_800, "jti": "id", "ver": 2
        });
        assert_eq!(payload, expected);
    }

    #[test]
    fn each_token_has_an_id_of_its_own() {
        let claims = TokenClaims { user_id: "7", email: "ada@example.com", version: 0 };
        let id = |token: String| payload(&token)["jti"].as_str().map(str::to_owned);
        let (first, second) = (id(signer(&[]).sign(claims)), id(signer(&[]).sign(claims)));
        assert_ne!(first, second);
        assert!(first.is_some_and(|id| id.len() == 32));
    }
}
