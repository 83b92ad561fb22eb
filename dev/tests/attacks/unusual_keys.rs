//! Unusual keys of a key set, most of which are unusable.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::keys::{ED25519, Key, NEXT, P256, RSA, odd_keys};
use crate::token::{by_key, by_key_and, claims, encode, header};

/// A variation of a usable key.
pub(crate) struct UnusualKey {
    pub(crate) name: &'static str,
    jwk: Value,
    algorithm: Algorithm,
    /// Whether tokens of the key must be accepted.
    pub(crate) is_usable: bool,
}

/// Unusual keys, and values that are not keys.
pub(crate) fn unusual_jwks() -> Vec<Value> {
    let odd = odd_keys().into_iter().map(|odd| odd.jwk).filter(|jwk| !jwk.is_null());
    let keys = unusual_keys().into_iter().map(|key| key.jwk);
    let junk = [json!(null), json!(1), json!("key"), json!([]), json!({}), json!({"kid": "nothing"}), json!(true)];
    let repeated = [ED25519.jwk_with(&json!({"kid": "twice"})), NEXT.jwk_with(&json!({"kid": "twice"}))];
    odd.chain(keys).chain(junk).chain(repeated).chain([secret_key()]).collect()
}

/// A secret in the set of public keys.
fn secret_key() -> Value {
    json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": encode([7; 32])})
}

impl UnusualKey {
    /// A token that the key verifies.
    pub(crate) fn token(&self) -> String {
        let kid = self.jwk["kid"].as_str().expect("a name");
        match self.algorithm {
            Algorithm::EdDSA => by_key(&ED25519, header("EdDSA", kid), claims()),
            Algorithm::ES256 => by_key(&P256, header("ES256", kid), claims()),
            Algorithm::PS256 => by_key_and(&RSA, Algorithm::PS256, header("PS256", kid), claims()),
            _ => by_key(&RSA, header("RS256", kid), claims()),
        }
    }
}

/// All of these keys.
pub(crate) fn unusual_keys() -> Vec<UnusualKey> {
    let mut keys = Vec::new();
    let mut add = |name: &'static str, algorithm: Algorithm, is_usable: bool, changes: Value| {
        let key: &Key = match algorithm {
            Algorithm::EdDSA => &ED25519,
            Algorithm::ES256 => &P256,
            _ => &RSA,
        };
        let mut jwk = key.jwk.clone();
        for (member, value) in changes.as_object().expect("an object") {
            jwk[member] = value.clone();
        }
        jwk["kid"] = name.into();
        keys.push(UnusualKey { name, jwk, algorithm, is_usable });
    };
    let (x, ed) = (ED25519.bytes("x"), Algorithm::EdDSA);
    add("Ed25519, x of 31 bytes", ed, false, json!({"x": encode(&x[..31])}));
    add("Ed25519, x of 33 bytes", ed, false, json!({"x": encode([x.as_slice(), &[0]].concat())}));
    add("Ed25519, x of 64 bytes", ed, false, json!({"x": encode(x.repeat(2))}));
    add("Ed25519, x of one byte", ed, false, json!({"x": "AA"}));
    add("Ed25519, x empty", ed, false, json!({"x": ""}));
    add("Ed25519, x null", ed, false, json!({"x": null}));
    add("Ed25519, x a number", ed, false, json!({"x": 1}));
    add("Ed25519, x in an array", ed, false, json!({"x": [encode(&x)]}));
    add("Ed25519, x not base64", ed, false, json!({"x": "!".repeat(43)}));
    add("Ed25519, x with padding", ed, false, json!({"x": BASE64_URL_SAFE.encode(&x)}));
    add("Ed25519, x not a point", ed, false, json!({"x": encode([2; 32])}));
    add("Ed25519, x the largest number", ed, false, json!({"x": encode([0xff; 32])}));
    add("Ed25519, x backwards", ed, false, json!({"x": encode(x.iter().rev().copied().collect::<Vec<_>>())}));
    add("Ed25519, kty EC", ed, false, json!({"kty": "EC"}));
    add("Ed25519, kty in lower case", ed, false, json!({"kty": "okp"}));
    add("Ed25519, kty null", ed, false, json!({"kty": null}));
    add("Ed25519, crv X25519", ed, false, json!({"crv": "X25519"}));
    add("Ed25519, crv Ed448", ed, false, json!({"crv": "Ed448"}));
    add("Ed25519, crv in lower case", ed, false, json!({"crv": "ed25519"}));
    add("Ed25519, crv null", ed, false, json!({"crv": null}));
    add("Ed25519, alg ES256", ed, false, json!({"alg": "ES256"}));
    add("Ed25519, alg RS256", ed, false, json!({"alg": "RS256"}));
    add("Ed25519, alg HS256", ed, false, json!({"alg": "HS256"}));
    add("Ed25519, alg none", ed, false, json!({"alg": "none"}));
    add("Ed25519, alg Ed448", ed, false, json!({"alg": "Ed448"}));
    add("Ed25519, alg empty", ed, false, json!({"alg": ""}));
    add("Ed25519, alg null", ed, false, json!({"alg": null}));
    add("Ed25519, alg in an array", ed, false, json!({"alg": ["EdDSA"]}));
    add("Ed25519, use enc", ed, false, json!({"use": "enc"}));
    add("Ed25519, use empty", ed, false, json!({"use": ""}));
    add("Ed25519, use null", ed, false, json!({"use": null}));
    add("Ed25519, key_ops sign", ed, false, json!({"key_ops": ["sign"]}));
    add("Ed25519, key_ops empty", ed, false, json!({"key_ops": []}));
    add("Ed25519, key_ops null", ed, false, json!({"key_ops": null}));
    add("Ed25519, key_ops a text", ed, false, json!({"key_ops": "verify"}));
    add("Ed25519, a private key", ed, false, json!({"d": encode([7; 32])}));
    add("Ed25519, a private key that is null", ed, false, json!({"d": null}));
    add("Ed25519, use sig and key_ops verify", ed, true, json!({"use": "sig", "key_ops": ["verify"]}));
    add("Ed25519, key_ops sign and verify", ed, true, json!({"key_ops": ["sign", "verify"]}));
    add("Ed25519, unknown members", ed, true, json!({"ext": true, "x5u": crate::trap::url("jwk"), "y": 1}));

    let (x, y, ec) = (P256.bytes("x"), P256.bytes("y"), Algorithm::ES256);
    let off = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[31] ^= 1;
        encode(bytes)
    };
    add("P-256, x of 31 bytes", ec, false, json!({"x": encode(&x[..31])}));
    add("P-256, x of 33 bytes", ec, false, json!({"x": encode([&[0], x.as_slice()].concat())}));
    add("P-256, y of 31 bytes", ec, false, json!({"y": encode(&y[..31])}));
    add("P-256, y of 33 bytes", ec, false, json!({"y": encode([&[0], y.as_slice()].concat())}));
    add(
        "P-256, y of 31 bytes and x of 33",
        ec,
        false,
        json!({"x": encode([x.as_slice(), &y[..1]].concat()), "y": encode(&y[1..])}),
    );
    add("P-256, no y", ec, false, json!({"y": null}));
    add("P-256, a point beside the curve, by x", ec, false, json!({"x": off(&x)}));
    add("P-256, a point beside the curve, by y", ec, false, json!({"y": off(&y)}));
    add("P-256, the point zero", ec, false, json!({"x": encode([0; 32]), "y": encode([0; 32])}));
    add("P-256, numbers greater than the prime", ec, false, json!({"x": encode([0xff; 32]), "y": encode([0xff; 32])}));
    add("P-256, x and y exchanged", ec, false, json!({"x": encode(&y), "y": encode(&x)}));
    add("P-256, crv P-384", ec, false, json!({"crv": "P-384"}));
    add("P-256, crv P-521", ec, false, json!({"crv": "P-521"}));
    add("P-256, crv secp256k1", ec, false, json!({"crv": "secp256k1"}));
    add("P-256, crv null", ec, false, json!({"crv": null}));
    add("P-256, kty OKP", ec, false, json!({"kty": "OKP"}));
    add("P-256, kty RSA", ec, false, json!({"kty": "RSA"}));
    add("P-256, alg ES384", ec, false, json!({"alg": "ES384"}));
    add("P-256, alg EdDSA", ec, false, json!({"alg": "EdDSA"}));
    add("P-256, alg ECDH-ES", ec, false, json!({"alg": "ECDH-ES"}));
    add("P-256, use enc", ec, false, json!({"use": "enc"}));
    add("P-256, a private key", ec, false, json!({"d": encode([7; 32])}));
    add("P-256, use sig and alg", ec, true, json!({"use": "sig", "alg": "ES256"}));

    let (n, rs) = (RSA.bytes("n"), Algorithm::RS256);
    add("RSA, n empty", rs, false, json!({"n": ""}));
    add("RSA, n zero", rs, false, json!({"n": "AA"}));
    add("RSA, n null", rs, false, json!({"n": null}));
    add("RSA, n of zeros", rs, false, json!({"n": encode([0; 256])}));
    add("RSA, n of ones", rs, false, json!({"n": encode([0xff; 256])}));
    add(
        "RSA, n in another alphabet",
        rs,
        false,
        json!({"n": BASE64_STANDARD_NO_PAD.encode([&n[..], &[0xfb]].concat())}),
    );
    add("RSA, n of 16384 bits", rs, false, json!({"n": encode([0xff; 2048])}));
    add("RSA, e empty", rs, false, json!({"e": ""}));
    add("RSA, e null", rs, false, json!({"e": null}));
    add("RSA, e zero", rs, false, json!({"e": "AA"}));
    add("RSA, e one", rs, false, json!({"e": "AQ"}));
    add("RSA, e one after zeros", rs, false, json!({"e": "AAAAAAE"}));
    add("RSA, e two", rs, false, json!({"e": "Ag"}));
    add("RSA, e of 2048 bits", rs, false, json!({"e": encode(&n)}));
    add("RSA, e another", rs, false, json!({"e": "Aw"}));
    add("RSA, alg RS512", rs, false, json!({"alg": "RS512"}));
    add("RSA, alg RSA-OAEP", rs, false, json!({"alg": "RSA-OAEP-256"}));
    add("RSA, alg PS256", rs, false, json!({"alg": "PS256"}));
    add("RSA, alg RS256, and the token is of PS256", Algorithm::PS256, false, json!({"alg": "RS256"}));
    add("RSA, alg HS256", rs, false, json!({"alg": "HS256"}));
    add("RSA, kty EC", rs, false, json!({"kty": "EC"}));
    add("RSA, use enc", rs, false, json!({"use": "enc"}));
    add("RSA, key_ops encrypt", rs, false, json!({"key_ops": ["encrypt", "wrapKey"]}));
    add("RSA, a private key", rs, false, json!({"d": encode([7; 256])}));
    // Some libraries add a zero byte so that the number is not negative.
    add("RSA, n with a zero before it", rs, true, json!({"n": encode([&[0], n.as_slice()].concat())}));
    add("RSA, use sig", rs, true, json!({"use": "sig", "key_ops": ["verify"]}));
    keys
}
