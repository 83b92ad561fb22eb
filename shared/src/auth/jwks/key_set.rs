//! A set of public keys (RFC 7517). Each key is used only as its own members allow.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::auth::claims::Claims;
use crate::auth::error::TokenError;
use crate::auth::jwt::Jwt;
use crate::auth::public_key::{CURVE_BYTES, PublicKey};

/// The usable keys of a JWKS.
#[derive(Debug)]
pub(in crate::auth) struct KeySet {
    keys: Vec<Key>,
}

struct Key {
    kid: Option<String>,
    /// The algorithms that the key's members allow, with the names that a token can have for them.
    algorithms: Vec<(&'static str, Algorithm)>,
    key: DecodingKey,
}

impl KeySet {
    /// Parses `{"keys": […]}` key by key, so that an invalid key does not affect the others. `None` if there is no array.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let mut document: Value = serde_json::from_slice(json).ok()?;
        let Value::Array(keys) = document.get_mut("keys")?.take() else { return None };
        Some(Self::from_jwks(&keys))
    }

    /// The usable keys among JWKs.
    pub(super) fn from_jwks(jwks: &[Value]) -> Self {
        // If two keys have the same id, neither is used.
        let is_unique = |jwk: &&Value| {
            let name = jwk.get("kid");
            name.is_none() || jwks.iter().filter(|other| other.get("kid") == name).count() == 1
        };
        let (unique, repeated): (Vec<_>, Vec<_>) = jwks.iter().partition(is_unique);
        let keys: Vec<Key> = unique.into_iter().filter_map(Key::from_jwk).collect();
        let unused = jwks.len() - keys.len();
        if unused > 0 {
            tracing::warn!(unused, repeated = repeated.len(), "keys of the sign-in cannot be used");
        }
        Self { keys }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The algorithm that the token claims, if a key of any set can verify it.
    pub(in crate::auth) fn algorithm_of(jwt: &Jwt<'_>) -> Option<&'static str> {
        ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"].into_iter().find(|algorithm| *algorithm == jwt.alg())
    }

    /// Whether the set has the key that the token names.
    pub(super) fn has_key_of(&self, jwt: &Jwt<'_>) -> bool {
        self.key_of(jwt).is_some()
    }

    /// The claims of a token that its key has signed with an algorithm of that key.
    pub(super) fn verify(&self, jwt: &Jwt<'_>) -> Result<Claims, TokenError> {
        let key = self.key_of(jwt).ok_or(TokenError::UnknownKey)?;
        let algorithm = key.algorithms.iter().find(|(name, _)| *name == jwt.alg());
        let (_, algorithm) = algorithm.ok_or(TokenError::Header)?;
        jwt.verify(&key.key, *algorithm)
    }

    /// The key with the token's `kid`; for a token without one, the only key of the set.
    fn key_of(&self, jwt: &Jwt<'_>) -> Option<&Key> {
        match (jwt.kid(), self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

impl Key {
    /// `None` for a key that cannot or must not verify signatures.
    fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        let is_private = jwk.get("d").is_some();
        let may_verify = jwk.get("use").is_none_or(|usage| usage == "sig")
            && jwk.get("key_ops").is_none_or(|operations| {
                operations.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
            });
        if is_private || !may_verify {
            return None;
        }
        let (possible, key): (&[_], _) = match (text("kty")?, text("crv")) {
            ("OKP", Some("Ed25519")) => {
                let both = &[("EdDSA", Algorithm::EdDSA), ("Ed25519", Algorithm::EdDSA)];
                (both, DecodingKey::from_ed_der(&coordinate(text("x")?)?))
            }
            ("EC", Some("P-256")) => {
                let point = [[4].as_slice(), &coordinate(text("x")?)?, &coordinate(text("y")?)?].concat();
                (&[("ES256", Algorithm::ES256)], DecodingKey::from_ec_der(&point))
            }
            ("RSA", _) => {
                let both = &[("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)];
                (both, DecodingKey::from_rsa_raw_components(&bytes(text("n")?)?, &bytes(text("e")?)?))
            }
            _ => return None,
        };
        PublicKey::from_decoding_key(&key)?;
        // The two names of Ed25519 are one algorithm (RFC 9864): a key with either verifies tokens with either.
        let declared = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(possible.iter().find(|(name, _)| alg == name)?.1),
        };
        let allowed = |(_, algorithm): &&(_, Algorithm)| declared.is_none_or(|declared| declared == *algorithm);
        Some(Self { kid, algorithms: possible.iter().filter(allowed).copied().collect(), key })
    }
}

/// Only the name: the key itself would fill the log.
impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The bytes of a member in base64url without padding.
fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A coordinate has all its bytes, even if the first are zero.
fn coordinate(text: &str) -> Option<[u8; CURVE_BYTES]> {
    bytes(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8037, appendix A.2.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ed25519(more: &Value) -> Value {
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k"});
        let members = jwk.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        jwk
    }

    fn rsa(bytes: usize, exponent: &[u8], alg: &Value) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let mut jwk = json!({"kty": "RSA", "n": modulus, "e": URL_SAFE_NO_PAD.encode(exponent), "kid": "k"});
        if !alg.is_null() {
            jwk["alg"] = alg.clone();
        }
        jwk
    }

    /// The values of `alg` that a token of this key can have; none for a key that is not used.
    fn names(jwk: &Value) -> Vec<&'static str> {
        Key::from_jwk(jwk).map_or(vec![], |key| key.algorithms.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn a_key_is_used_only_as_its_members_allow() {
        assert_eq!(names(&ed25519(&json!({}))), ["EdDSA", "Ed25519"]);
        for more in [json!({"alg": "Ed25519"}), json!({"use": "sig"}), json!({"key_ops": ["verify"], "alg": "EdDSA"})] {
            assert_eq!(names(&ed25519(&more)), ["EdDSA", "Ed25519"], "{more}");
        }
        for more in [
            json!({"alg": "ES256"}),
            json!({"alg": null}),
            json!({"crv": "X25519"}),
            json!({"use": "enc"}),
            json!({"key_ops": ["sign"]}),
            json!({"key_ops": "verify"}),
            json!({"kty": "EC"}),
            json!({"kty": "oct", "k": X}),
            json!({"d": X}),
            json!({"kid": 7}),
            json!({"x": &X[1..]}),
            json!({"x": format!("{X}AA")}),
            json!({"x": ""}),
            json!({"x": URL_SAFE_NO_PAD.encode([0; 32])}),
            json!({"x": null}),
        ] {
            assert_eq!(names(&ed25519(&more)), [""; 0], "{more}");
        }
    }

    #[test]
    fn weak_rsa_keys_are_not_used() {
        let alg = |alg: &str| rsa(256, &[1, 0, 1], &json!(alg));
        assert_eq!(names(&rsa(256, &[1, 0, 1], &Value::Null)), ["RS256", "PS256"]);
        assert_eq!((names(&alg("RS256")), names(&alg("PS256"))), (vec!["RS256"], vec!["PS256"]));
        for weak in [
            alg("RS512"),
            alg("none"),
            rsa(255, &[1, 0, 1], &Value::Null),
            rsa(513, &[1, 0, 1], &Value::Null),
            rsa(256, &[1], &Value::Null),
            rsa(256, &[2], &Value::Null),
            rsa(256, &[], &Value::Null),
            rsa(256, &[1, 0, 0, 0, 1], &Value::Null),
            json!({"kty": "RSA", "e": "AQAB"}),
        ] {
            assert_eq!(names(&weak), [""; 0], "{weak}");
        }
    }

    #[test]
    fn invalid_and_ambiguous_keys_are_left_out() {
        let kids = |jwks: &[Value]| -> Vec<Option<String>> {
            KeySet::from_jwks(jwks).keys.into_iter().map(|key| key.kid).collect()
        };
        let named = |kid: &str| ed25519(&json!({"kid": kid}));
        assert_eq!(
            kids(&[json!(null), named("a"), json!({"kid": "b"}), named("c")]),
            [Some("a".into()), Some("c".into())]
        );
        assert_eq!(kids(&[named("a"), named("b"), named("a")]), [Some("b".into())]);
        assert!(KeySet::parse(br#"{"keys":[]}"#).is_some_and(|set| set.is_empty()));
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
            assert!(KeySet::parse(document.as_bytes()).is_none(), "{document}");
        }
    }
}
