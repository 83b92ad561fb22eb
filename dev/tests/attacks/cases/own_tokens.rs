//! Tokens that this API has signed, where it does so and elsewhere.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::case::{Case, SESSION, Setup};
use crate::keys::ED25519;
use crate::token::{
    ADA, EVE, FAR_FUTURE, OWN_SECRET, Part, SECRET, by_hmac, by_key, by_secret, claims, claims_with, cookie_cache,
    header, hs256, own_claims, signed_session,
};

/// The setups in which the API signs tokens.
const SETUPS: [Setup; 2] = [Setup::Password, Setup::AllModes];

fn own(claims: impl Part) -> String {
    by_hmac(Algorithm::HS256, OWN_SECRET.as_bytes(), hs256(), claims)
}

fn own_with(name: &str, value: &Value) -> String {
    let mut claims = own_claims();
    claims[name] = value.clone();
    own(claims)
}

fn own_without(name: &str) -> String {
    let mut claims = own_claims();
    claims.as_object_mut().expect("an object").remove(name);
    own(claims)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for setup in SETUPS {
        cases.push(Case::accepted(setup, "an own token", own(own_claims())));
        cases.push(Case::accepted_as(EVE, setup, "an own token of another user", own_with("sub", &json!(EVE))));
        for jti in ["a", "'); drop table tasks; --", "$1", "{}", &"j".repeat(64)] {
            let jti = jti.replace(' ', "/");
            cases.push(Case::accepted(setup, &format!("jti {jti}"), own_with("jti", &json!(jti))));
        }
        cases.extend(impossible_claims().map(|(name, token)| Case::refused(setup, &name, token)));
    }
    for (name, token) in [
        ("an own token with the secret of Better Auth", by_secret(hs256(), own_claims())),
        (
            "an own token with another algorithm",
            by_hmac(Algorithm::HS512, OWN_SECRET.as_bytes(), hs256(), own_claims()),
        ),
        ("an own token that says HS512", {
            by_hmac(Algorithm::HS512, OWN_SECRET.as_bytes(), json!({"alg": "HS512"}), own_claims())
        }),
        ("the cookie cache with the own secret", own(cookie_cache())),
        ("a link in an e-mail with the own secret", {
            own(json!({"userId": ADA, "email": "ada@example.com", "exp": FAR_FUTURE, "jti": "j", "ver": 0}))
        }),
    ] {
        cases.extend(SETUPS.map(|setup| Case::refused(setup, name, &token)));
    }
    // Each kind of token only where its mode is on.
    let by_ed = by_key(&ED25519, header("EdDSA", "ed"), claims_with(&json!({"jti": "j", "ver": 7})));
    for (name, token) in [
        ("a token of a key pair", by_ed.as_str()),
        ("a token of the front end", &by_secret(hs256(), claims())),
        ("a session token", SESSION),
        ("a signed session token", &signed_session(SESSION, SECRET)),
    ] {
        cases.push(Case::refused(Setup::Password, name, token));
        cases.push(Case::accepted(Setup::AllModes, name, token));
    }
    for setup in [Setup::Keys, Setup::OneKey, Setup::Sessions, Setup::RawSessions] {
        cases.push(Case::refused(setup, "an own token", own(own_claims())));
        cases.push(Case::refused(
            setup,
            "an own token with the secret of Better Auth",
            by_secret(hs256(), own_claims()),
        ));
    }
    cases.push(Case::refused(Setup::Secret, "an own token", own(own_claims())));
    // Without the mode the two claims have no meaning.
    cases.push(Case::accepted(Setup::Secret, "a token with jti and ver", by_secret(hs256(), own_claims())));
    cases
}

/// Tokens with the own secret whose claims this API does not make.
fn impossible_claims() -> impl Iterator<Item = (String, String)> {
    let without = ["sub", "exp", "jti", "ver"].map(|name| (format!("without {name}"), own_without(name)));
    let jti = [
        json!(null),
        json!(""),
        json!(7),
        json!(true),
        json!(["j"]),
        json!({"j": 1}),
        json!("j 0 eve"),
        json!("j\t"),
        json!("j\u{0}"),
        json!("\u{e9}"),
        json!("j".repeat(65)),
        json!("j".repeat(5000)),
    ];
    let ver = [
        json!(null),
        json!("0"),
        json!(-1),
        json!(0.0),
        json!(0.5),
        json!(1),
        json!(1e300),
        json!(1_u64 << 31),
        json!(u64::MAX),
        json!([0]),
        json!({}),
        json!(true),
    ];
    let sub = [json!(null), json!(1), json!(""), json!([ADA])];
    let exp = [json!(null), json!("4102444800"), json!(1), json!(-1)];
    let wrong = [("jti", jti.to_vec()), ("ver", ver.to_vec()), ("sub", sub.to_vec()), ("exp", exp.to_vec())];
    let wrong = wrong.into_iter().flat_map(|(name, values)| {
        values.into_iter().map(move |value| {
            let text = value.to_string();
            (format!("{name} {text:.40}, {} bytes", text.len()), own_with(name, &value))
        })
    });
    let twice = ["jti", "ver"].map(|name| {
        let claims = own_claims().to_string().replacen('{', &format!("{{\"{name}\":0,"), 1);
        (format!("{name} twice"), own(claims))
    });
    without.into_iter().chain(wrong).chain(twice)
}
