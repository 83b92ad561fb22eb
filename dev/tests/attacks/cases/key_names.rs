//! Tokens with an invalid key name, or with a key of their own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::{ATTACKER_ED25519, ATTACKER_P256, ATTACKER_RSA, ED25519, Key, pem};
use crate::token::{by_key, claims, header};
use crate::trap;

pub(crate) fn cases() -> Vec<Case> {
    [names(), missing_names(), brought_along()].into_iter().flatten().collect()
}

/// Tokens signed with the right key under another name.
fn names() -> Vec<Case> {
    let long = "k".repeat(5000);
    let kids: Vec<Value> = vec![
        json!("unknown"),
        json!(""),
        json!(" ed"),
        json!("ed "),
        json!("ED"),
        json!("ed\0"),
        json!("\0"),
        json!("ed,ed"),
        json!("' or '1'='1"),
        json!("ed'; drop table jwks; --"),
        json!("ed' union select 'ed', '{}' --"),
        json!("$1"),
        json!("%"),
        json!("../../../../etc/passwd"),
        json!("/dev/null"),
        json!("file:///proc/self/environ"),
        json!(trap::url("kid")),
        json!("{{7*7}}${7*7}"),
        json!("|sleep 10"),
        json!("\u{202e}de"),
        json!(long),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(null),
        json!(true),
        json!(["ed"]),
        json!([]),
        json!({"ed": "ed"}),
    ];
    let mut cases = Vec::new();
    for kid in kids {
        let token = by_key(&ED25519, json!({"alg": "EdDSA", "kid": kid}), claims());
        let name: String = format!("kid {kid}").chars().take(60).collect();
        let setups = [Setup::Keys, Setup::OneKey, Setup::Everything];
        cases.extend(setups.map(|setup| Case::refused(setup, &name, &token)));
    }
    cases
}

fn missing_names() -> Vec<Case> {
    let token = by_key(&ED25519, json!({"alg": "EdDSA"}), claims());
    vec![
        Case::accepted(Setup::OneKey, "no kid, and one key", &token),
        Case::refused(Setup::Keys, "no kid, and several keys", &token),
        Case::refused(Setup::Everything, "no kid, and several keys", &token),
        Case::refused(
            Setup::OneKey,
            "no kid, and the one key is not the signer's",
            by_key(&ATTACKER_ED25519, json!({"alg": "EdDSA"}), claims()),
        ),
    ]
}

/// Tokens signed by the attacker, whose key the header contains or references in every possible way.
fn brought_along() -> Vec<Case> {
    let mut cases = Vec::new();
    let attackers: [(&str, &str, &Key); 3] =
        [("EdDSA", "ed", &ATTACKER_ED25519), ("ES256", "ec", &ATTACKER_P256), ("RS256", "rs", &ATTACKER_RSA)];
    for (alg, kid, key) in attackers {
        let certificate = BASE64_STANDARD.encode(key.der());
        let offers = [
            ("jwk", json!(key.jwk_with(&json!({"kid": kid, "alg": alg})))),
            ("jku", json!(trap::url("jku"))),
            ("x5u", json!(trap::url("x5u"))),
            ("x5c", json!([certificate])),
            ("x5t", json!("dGh1bWJwcmludA")),
            ("x5t#S256", json!("dGh1bWJwcmludA")),
            ("key", json!(pem("PUBLIC KEY", &key.der()))),
            ("jwks_uri", json!(trap::url("jwks_uri"))),
        ];
        for (member, value) in &offers {
            for (whose, named) in [("no kid", None), ("our kid", Some(kid)), ("a kid of its own", Some("attacker"))] {
                let mut header = json!({"alg": alg, *member: value});
                if let Some(named) = named {
                    header["kid"] = named.into();
                }
                let token = by_key(key, header, claims());
                let name = format!("{alg} of an attacker with {member} and {whose}");
                let setups = [Setup::Keys, Setup::OneKey, Setup::Everything];
                cases.extend(setups.map(|setup| Case::refused(setup, &name, &token)));
            }
        }
    }
    // References have no effect on valid tokens.
    for (member, value) in [
        ("jwk", ATTACKER_ED25519.jwk.clone()),
        ("jku", json!(trap::url("jku"))),
        ("x5u", json!(trap::url("x5u"))),
        ("x5c", json!(["nonsense"])),
    ] {
        let mut header = header("EdDSA", "ed");
        header[member] = value;
        let name = format!("a good token with {member}");
        cases.push(Case::accepted(Setup::Keys, &name, by_key(&ED25519, header, claims())));
    }
    cases
}
