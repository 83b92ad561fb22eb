//! Tokens that choose their own algorithm.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::{ED25519, Key, P256, RSA, pem};
use crate::token::{
    SECRET, by_hmac, by_key, by_key_and, by_secret, claims, decode, encode, header, hmac, hs256, message,
    with_signature,
};

pub(crate) fn cases() -> Vec<Case> {
    [none(), not_a_name(), public_key_as_secret(), other_secrets(), other_algorithms(), other_families()]
        .into_iter()
        .flatten()
        .collect()
}

fn none() -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "none ", "none\0", "null"] {
        let name = format!("alg {alg:?}");
        for (setup, kid) in
            [(Setup::Secret, "x"), (Setup::Keys, "ed"), (Setup::OneKey, "only"), (Setup::Everything, "ed")]
        {
            let unsigned = format!("{}.", message(header(alg, kid), claims()));
            cases.push(Case::refused(setup, &format!("{name} without signature"), unsigned));
        }
        let signed = by_secret(header(alg, "ed"), claims());
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::refused(setup, &format!("{name} signed by HS256"), &signed)));
        let signed = by_key(&ED25519, header(alg, "ed"), claims());
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &format!("{name} signed by EdDSA"), &signed)));
    }
    cases
}

/// The signature is valid, so only the header can be the reason for a refusal.
fn not_a_name() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, secret, ed) in [
        ("no alg", json!({"typ": "JWT"}), json!({"kid": "ed"})),
        ("alg null", json!({"alg": null}), json!({"alg": null, "kid": "ed"})),
        ("alg a number", json!({"alg": 256}), json!({"alg": 0, "kid": "ed"})),
        ("alg true", json!({"alg": true}), json!({"alg": true, "kid": "ed"})),
        ("alg an array", json!({"alg": ["HS256"]}), json!({"alg": ["EdDSA"], "kid": "ed"})),
        ("alg an object", json!({"alg": {"HS256": null}}), json!({"alg": {"EdDSA": null}, "kid": "ed"})),
        ("Alg", json!({"Alg": "HS256"}), json!({"Alg": "EdDSA", "kid": "ed"})),
        ("alg in another spelling", json!({"alg": "hs256"}), json!({"alg": "eddsa", "kid": "ed"})),
        ("alg in a third spelling", json!({"alg": "HS256 "}), json!({"alg": "EDDSA", "kid": "ed"})),
        ("alg with a NUL", json!({"alg": "HS256\0"}), json!({"alg": "EdDSA\0", "kid": "ed"})),
    ] {
        cases.extend(
            Setup::WITH_SECRET
                .map(|setup| Case::refused(setup, &format!("{name}, signed by HS256"), by_secret(&secret, claims()))),
        );
        cases.extend(
            Setup::WITH_KEYS.map(|setup| {
                Case::refused(setup, &format!("{name}, signed by EdDSA"), by_key(&ED25519, &ed, claims()))
            }),
        );
    }
    cases
}

/// HMAC with the public key as the secret, in every format in which a library might store it.
fn public_key_as_secret() -> Vec<Case> {
    let mut secrets: Vec<(&str, &str, Vec<u8>)> = Vec::new();
    let keys: [(&str, &Key, &str); 3] = [("ed", &ED25519, "x"), ("ec", &P256, "x"), ("rs", &RSA, "n")];
    for (kid, key, coordinate) in keys {
        let spki = pem("PUBLIC KEY", &key.der());
        secrets.extend([
            (kid, "JWK", key.jwk.to_string().into_bytes()),
            (kid, "number as text", key.text(coordinate).as_bytes().to_vec()),
            (kid, "number as bytes", key.bytes(coordinate)),
            (kid, "DER", key.der()),
            (kid, "PEM without its last line break", spki.trim_end().as_bytes().to_vec()),
            (kid, "PEM", spki.into_bytes()),
        ]);
    }
    let point = [vec![4], P256.bytes("x"), P256.bytes("y")].concat();
    secrets.push(("ec", "point", point));
    secrets.push(("rs", "PKCS #1 DER", RSA.rsa_public_key()));
    secrets.push(("rs", "PKCS #1 PEM", pem("RSA PUBLIC KEY", &RSA.rsa_public_key()).into_bytes()));
    let mut cases = Vec::new();
    for (kid, form, secret) in secrets {
        for (alg, algorithm) in HMACS {
            let name = format!("{alg} with the {form} of the key {kid} as secret");
            let token = by_hmac(algorithm, &secret, header(alg, kid), claims());
            cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &name, &token)));
        }
        let name = format!("the header of the key {kid} and an HMAC with its {form}");
        let alg = if kid == "ed" {
            "EdDSA"
        } else if kid == "ec" {
            "ES256"
        } else {
            "RS256"
        };
        let token = by_hmac(Algorithm::HS256, &secret, header(alg, kid), claims());
        cases.push(Case::refused(Setup::Everything, &name, token));
    }
    cases
}

const HMACS: [(&str, Algorithm); 3] =
    [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)];

fn other_secrets() -> Vec<Case> {
    let wrong: [(&str, Vec<u8>); 9] = [
        ("empty", vec![]),
        ("of one NUL", vec![0]),
        ("of one byte, 64 times", vec![1; 64]),
        ("that is Better Auth's published default", b"better-auth-secret-12345678901234567890".to_vec()),
        ("that everybody tries", b"secret".to_vec()),
        ("cut short", SECRET.as_bytes()[..SECRET.len() - 1].to_vec()),
        ("with a line break", format!("{SECRET}\n").into_bytes()),
        ("in lower case", SECRET.to_lowercase().into_bytes()),
        // The secret looks like base64, but it is used as it is.
        ("decoded", decode(SECRET)),
    ];
    let mut cases = Vec::new();
    for (name, secret) in wrong {
        let token = by_hmac(Algorithm::HS256, &secret, hs256(), claims());
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::refused(setup, &format!("a secret {name}"), &token)));
    }
    // HMAC pads its key with zeros, so both are the same key according to RFC 2104.
    let padded = by_hmac(Algorithm::HS256, format!("{SECRET}\0").as_bytes(), hs256(), claims());
    cases.push(Case::accepted(Setup::Secret, "a secret padded as HMAC pads it", padded));
    cases
}

fn other_algorithms() -> Vec<Case> {
    let mut cases = Vec::new();
    for (alg, algorithm) in &HMACS[1..] {
        let right = by_hmac(*algorithm, SECRET.as_bytes(), json!({"alg": alg}), claims());
        let named = by_hmac(*algorithm, SECRET.as_bytes(), hs256(), claims());
        let naming = by_secret(json!({"alg": alg}), claims());
        for setup in Setup::WITH_SECRET {
            cases.push(Case::refused(setup, &format!("{alg} with the right secret"), &right));
            cases.push(Case::refused(setup, &format!("{alg} that calls itself HS256"), &named));
            cases.push(Case::refused(setup, &format!("HS256 that calls itself {alg}"), &naming));
        }
    }
    let rsa = [
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
    ];
    for (alg, algorithm) in rsa {
        for kid in ["rs", "ps", "rsa-without-alg"] {
            let token = by_key_and(&RSA, algorithm, header(alg, kid), claims());
            cases
                .extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &format!("{alg} by the key {kid}"), &token)));
        }
        let token = by_key_and(&RSA, algorithm, header("RS256", "rs"), claims());
        cases.push(Case::refused(Setup::Keys, &format!("{alg} that calls itself RS256"), token));
    }
    for (name, kid, algorithm, alg) in [
        ("PS256 by a key for RS256", "rs", Algorithm::PS256, "PS256"),
        ("RS256 by a key for PS256", "ps", Algorithm::RS256, "RS256"),
        ("PS256 that calls itself RS256", "rs", Algorithm::PS256, "RS256"),
        ("RS256 that calls itself PS256", "ps", Algorithm::RS256, "PS256"),
        ("RS256 that calls itself PS256, by a key for both", "rsa-without-alg", Algorithm::RS256, "PS256"),
        ("PS256 that calls itself RS256, by a key for both", "rsa-without-alg", Algorithm::PS256, "RS256"),
    ] {
        let token = by_key_and(&RSA, algorithm, header(alg, kid), claims());
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, name, &token)));
    }
    let names: [(&str, &Key, &[&str]); 3] = [
        ("ec", &P256, &["ES384", "ES512", "ES256K", "ESB256", "ECDSA", "ECDH-ES"]),
        ("ed", &ED25519, &["Ed448", "ED25519", "ed25519", "Ed25519ph", "EdDSA25519"]),
        ("rs", &RSA, &["RSA", "RSA-OAEP", "RSA1_5", "RS1", "RS256,PS256", "dir", "A256GCM"]),
    ];
    for (kid, key, algs) in names {
        for alg in algs {
            let token = by_key(key, header(alg, kid), claims());
            let name = format!("a signature of the key {kid} that calls itself {alg}");
            cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &name, &token)));
        }
    }
    cases
}

/// The signature of a message.
type Sign<'a> = &'a dyn Fn(&str) -> String;

/// A signature of one key in a token that names the key or the algorithm of another, or both.
fn other_families() -> Vec<Case> {
    let signers: [(&str, &str, Sign<'_>); 5] = [
        ("EdDSA", "ed", &|message| ED25519.sign(message)),
        ("ES256", "ec", &|message| P256.sign(message)),
        ("RS256", "rs", &|message| RSA.sign(message)),
        ("PS256", "ps", &|message| RSA.sign_by(Algorithm::PS256, message)),
        ("HS256", "secret", &|message| hmac(Algorithm::HS256, SECRET.as_bytes(), message)),
    ];
    let mut cases = Vec::new();
    for (own, own_kid, sign) in signers {
        for (other, other_kid, _) in signers.into_iter().filter(|(other, ..)| *other != own) {
            let mut add = |name: &str, header: Value| {
                let message = message(header, claims());
                let token = with_signature(&message, &sign(&message));
                let name = format!("{own}, but {name} of {other}");
                cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &name, &token)));
            };
            add("alg and kid", header(other, other_kid));
            add("alg", header(other, own_kid));
            // A token signed with the secret needs no kid, so any kid is ignored.
            if own != "HS256" {
                add("kid", header(own, other_kid));
            }
        }
    }
    let hybrid = format!("{}.{}", message(header("EdDSA", "ec"), claims()), encode([0; 64]));
    cases.push(Case::refused(Setup::Keys, "two families and no signature", hybrid));
    cases
}
