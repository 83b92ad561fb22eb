//! Tokens of other issuers and for other audiences. All signatures are valid.

use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::ED25519;
use crate::token::{ORIGIN, by_key, by_secret, claims, claims_with, claims_without, header, hs256};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for member in ["iss", "aud"] {
        both(&mut cases, &format!("no {member}"), false, &claims_without(member));
        for value in others() {
            both(&mut cases, &format!("{member}: {value}"), false, &claims_with(&json!({member: value})));
        }
        let raw = claims().to_string();
        let twice = raw.replace("\"sub\"", &format!("\"{member}\":\"https://evil.example\",\"sub\""));
        cases.push(Case::refused(Setup::Keys, &format!("two {member}"), eddsa(twice)));
        let twice = raw.replace("\"sub\"", &format!("\"{member}\":\"{ORIGIN}\",\"sub\""));
        cases.push(Case::refused(Setup::Keys, &format!("two equal {member}"), eddsa(twice)));
    }
    both(&mut cases, "neither iss nor aud", false, &json!({"sub": "ada", "exp": 4_102_444_800_u64}));
    both(&mut cases, "iss in an array", false, &claims_with(&json!({"iss": [ORIGIN]})));
    for (aud, is_good) in [
        (json!([ORIGIN]), true),
        (json!(["https://other.example", ORIGIN]), true),
        (json!([ORIGIN, ""]), true),
        (json!([1, ORIGIN]), false),
        (json!([ORIGIN, null]), false),
        (json!([[ORIGIN]]), false),
        (json!([{"aud": ORIGIN}]), false),
        (json!({"0": ORIGIN}), false),
        (json!({ORIGIN: true}), false),
    ] {
        both(&mut cases, &format!("aud: {aud}"), is_good, &claims_with(&json!({"aud": aud})));
    }
    let old = by_secret(hs256(), claims_with(&json!({"iss": "https://old.example.com"})));
    cases.push(Case::accepted(Setup::SecretWithOrigin, "the other of two issuers", &old));
    let swapped = claims_with(&json!({"aud": "https://old.example.com"}));
    cases.push(Case::refused(Setup::SecretWithOrigin, "an issuer as audience", by_secret(hs256(), swapped)));
    // HS256 tokens need no issuer and audience unless the settings require them.
    let foreign = claims_with(&json!({"iss": "https://evil.example", "aud": ["https://evil.example"]}));
    for setup in Setup::WITH_SECRET {
        cases.push(Case::accepted(setup, "HS256 of an origin that is not required", by_secret(hs256(), &foreign)));
    }
    cases
}

fn eddsa(claims: String) -> String {
    by_key(&ED25519, header("EdDSA", "ed"), claims)
}

/// Adds a case for both setups that check issuer and audience.
fn both(cases: &mut Vec<Case>, name: &str, is_good: bool, claims: &Value) {
    let case = if is_good { Case::accepted } else { Case::refused };
    cases.push(case(Setup::Keys, name, eddsa(claims.to_string())));
    cases.push(case(Setup::SecretWithOrigin, name, by_secret(hs256(), claims)));
}

/// Values other than [`ORIGIN`].
fn others() -> Vec<Value> {
    vec![
        json!("https://evil.example"),
        json!(format!("{ORIGIN}/")),
        json!(format!("{ORIGIN}/api/auth")),
        json!(format!("{ORIGIN}:443")),
        json!(format!("{ORIGIN}.evil.example")),
        json!(format!("{ORIGIN}@evil.example")),
        json!(format!("{ORIGIN}?")),
        json!(format!("{ORIGIN}#")),
        json!(format!("{ORIGIN}\0")),
        json!(format!("{ORIGIN},https://evil.example")),
        json!(format!(" {ORIGIN}")),
        json!(format!("{ORIGIN} ")),
        json!(ORIGIN.to_uppercase()),
        json!("https://App.example.com"),
        json!("http://app.example.com"),
        json!("app.example.com"),
        json!("//app.example.com"),
        json!("https://example.com"),
        json!("https://\u{430}pp.example.com"),
        json!("*"),
        json!(""),
        json!(null),
        json!(0),
        json!(true),
        json!([]),
        json!([""]),
        json!(["https://evil.example"]),
        json!({}),
    ]
}
