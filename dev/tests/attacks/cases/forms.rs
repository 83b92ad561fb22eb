//! Every kind of token, where it is accepted and where it is not.

use dev::testing::better_auth::cookie_value;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::case::{Case, SESSION, Setup};
use crate::keys::{ED25519, P256, RSA};
use crate::token::{SECRET, by_key, by_key_and, by_secret, claims, cookie_cache, header, hs256, signed_session};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for setup in Setup::ALL {
        cases.push(Case::accepted(setup, "the token that is sent after every attack", setup.good_token()));
    }
    for (name, token) in [
        ("HS256 without typ", by_secret(hs256(), claims())),
        ("HS256 with typ JWT", by_secret(json!({"alg": "HS256", "typ": "JWT"}), claims())),
        ("HS256 with typ jwt", by_secret(json!({"alg": "HS256", "typ": "jwt"}), claims())),
        ("HS256 with a kid", by_secret(json!({"alg": "HS256", "kid": "anything"}), claims())),
        ("HS256 with nothing but sub and exp", by_secret(hs256(), json!({"sub": "ada", "exp": 4_102_444_800_u64}))),
        ("HS256 in the shape of the cookie cache", by_secret(hs256(), cookie_cache())),
    ] {
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::accepted(setup, name, &token)));
        let others = [Setup::Keys, Setup::OneKey, Setup::Sessions, Setup::RawSessions];
        cases.extend(others.map(|setup| Case::refused(setup, name, &token)));
    }
    for (name, token) in [
        ("EdDSA", by_key(&ED25519, header("EdDSA", "ed"), claims())),
        ("EdDSA with typ", by_key(&ED25519, json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"}), claims())),
        ("EdDSA by its name in RFC 9864", by_key(&ED25519, header("Ed25519", "ed"), claims())),
        ("EdDSA, the key has no alg", by_key(&ED25519, header("EdDSA", "ed-without-alg"), claims())),
        ("Ed25519, the key has no alg", by_key(&ED25519, header("Ed25519", "ed-without-alg"), claims())),
        ("EdDSA, the key has the name of RFC 9864", by_key(&ED25519, header("EdDSA", "ed-rfc9864"), claims())),
        ("Ed25519, the key has the name of RFC 9864", by_key(&ED25519, header("Ed25519", "ed-rfc9864"), claims())),
        ("ES256", by_key(&P256, header("ES256", "ec"), claims())),
        ("RS256", by_key(&RSA, header("RS256", "rs"), claims())),
        ("RS256, the key has no alg", by_key(&RSA, header("RS256", "rsa-without-alg"), claims())),
        ("PS256", by_key_and(&RSA, Algorithm::PS256, header("PS256", "ps"), claims())),
        ("PS256, the key has no alg", by_key_and(&RSA, Algorithm::PS256, header("PS256", "rsa-without-alg"), claims())),
    ] {
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::accepted(setup, name, &token)));
        let others = [Setup::Secret, Setup::OneKey, Setup::Sessions];
        cases.extend(others.map(|setup| Case::refused(setup, name, &token)));
    }
    let signed = signed_session(SESSION, SECRET);
    for (name, token) in [
        ("a session token", SESSION),
        ("a signed session token", &signed),
        ("a signed session token as a cookie has it", &cookie_value(&signed)),
    ] {
        cases.extend([Setup::Sessions, Setup::Everything].map(|setup| Case::accepted(setup, name, token)));
        let others = [Setup::Secret, Setup::Keys, Setup::OneKey];
        cases.extend(others.map(|setup| Case::refused(setup, name, token)));
    }
    cases.push(Case::accepted(Setup::RawSessions, "a session token in its only form", SESSION));
    cases.push(Case::refused(Setup::RawSessions, "a signed session token that cannot be verified", &signed));
    cases
}
