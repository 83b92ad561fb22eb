//! Where the keys come from.

use lambda_http::http::Uri;

use super::key_set::KeySet;
use crate::config::{JwksSource, StartError};

/// A source of keys.
pub(in crate::auth) enum KeySource {
    /// Better Auth's table `jwks`.
    Database,
    /// A JWKS document: https, or http on this machine.
    Url(Uri),
    /// The keys of `JWKS_JSON`, which never change.
    Inline(KeySet),
}

impl KeySource {
    /// # Errors
    /// `JWKS_JSON` has no usable key.
    pub(in crate::auth) fn new(source: JwksSource) -> Result<Self, StartError> {
        match source {
            JwksSource::Database => Ok(Self::Database),
            JwksSource::Url(url) => Ok(Self::Url(url)),
            JwksSource::Inline(json) => {
                let problem = match KeySet::parse(json.as_bytes()) {
                    Some(keys) if !keys.is_empty() => return Ok(Self::Inline(keys)),
                    Some(_) => "has no key that can verify EdDSA, ES256, RS256 or PS256",
                    None => "is not a JSON object with an array of keys",
                };
                Err(StartError::invalid("JWKS_JSON", problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_keys_must_be_usable() {
        const KEY: &str =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let problem =
            |json: &str| KeySource::new(JwksSource::Inline(json.to_owned())).err().map(|error| error.to_string());
        assert_eq!(problem(KEY), None);
        assert_eq!(problem("[]").as_deref(), Some("JWKS_JSON is not a JSON object with an array of keys"));
        let sentence = "JWKS_JSON has no key that can verify EdDSA, ES256, RS256 or PS256";
        assert_eq!(problem("{\"keys\":[]}").as_deref(), Some(sentence));
    }
}
