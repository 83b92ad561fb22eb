//! Tokens before, at and after their time. All signatures are valid.

use serde_json::json;

use crate::case::{Case, Setup};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, by_key, by_secret, claims_with, claims_without, header, hs256};

pub(crate) fn cases() -> Vec<Case> {
    [now(), leeway(), written()].into_iter().flatten().collect()
}

/// Times relative to the time of sending, with margins for slow machines.
fn now() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, is_good, exp, nbf) in [
        ("exp in an hour", true, 3600, None),
        ("exp in a minute", true, 60, None),
        // The function reads the clock in this second or later, and this is the first second in which the token is
        // expired.
        ("exp now", false, 0, None),
        ("exp a second ago", false, -1, None),
        ("exp a minute ago", false, -60, None),
        ("exp a year ago", false, -31_536_000, None),
        ("nbf now", true, 3600, Some(0)),
        ("nbf a second ago", true, 3600, Some(-1)),
        ("nbf in a minute", false, 3600, Some(60)),
        ("nbf in a day", false, 3600, Some(86_400)),
        ("nbf after exp", false, 3600, Some(7200)),
        ("nbf long ago and exp a minute ago", false, -60, Some(-3600)),
    ] {
        for setup in [Setup::Secret, Setup::Keys] {
            cases.push(Case::timed(setup, name, is_good, move |now| {
                let mut claims =
                    json!({"sub": ADA, "iss": ORIGIN, "aud": ORIGIN, "exp": now.saturating_add_signed(exp)});
                if let Some(nbf) = nbf {
                    claims["nbf"] = now.saturating_add_signed(nbf).into();
                }
                match setup {
                    Setup::Keys => by_key(&ED25519, header("EdDSA", "ed"), claims),
                    _ => by_secret(hs256(), claims),
                }
            }));
        }
    }
    cases
}

/// With 60 seconds of leeway.
fn leeway() -> Vec<Case> {
    let setup = Setup::SecretWithLeeway;
    let exp =
        |seconds| move |now: u64| by_secret(hs256(), json!({"sub": ADA, "exp": now.saturating_add_signed(seconds)}));
    let nbf = |seconds| {
        move |now: u64| {
            by_secret(hs256(), json!({"sub": ADA, "exp": now + 3600, "nbf": now.saturating_add_signed(seconds)}))
        }
    };
    vec![
        Case::timed(setup, "exp 50 s ago", true, exp(-50)),
        Case::timed(setup, "exp 60 s ago", false, exp(-60)),
        Case::timed(setup, "exp 61 s ago", false, exp(-61)),
        Case::timed(setup, "nbf in 59 s", true, nbf(59)),
        Case::timed(setup, "nbf in 60 s", true, nbf(60)),
        Case::timed(setup, "nbf in 75 s", false, nbf(75)),
        Case::timed(setup, "exp 0", false, |_| by_secret(hs256(), json!({"sub": ADA, "exp": 0}))),
        Case::timed(setup, "exp -60", false, |_| by_secret(hs256(), json!({"sub": ADA, "exp": -60}))),
    ]
}

/// Times as numbers and as other types.
fn written() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, is_good: bool, claims: &str| {
        let case = if is_good { Case::accepted } else { Case::refused };
        cases.push(case(Setup::Secret, name, by_secret(hs256(), claims)));
        cases.push(case(Setup::Keys, name, by_key(&ED25519, header("EdDSA", "ed"), claims)));
    };
    let with = |member: &str, value: &str| {
        // As text, because not all of these are valid JSON numbers.
        let rest = if member == "exp" { "" } else { r#","exp":4102444800"# };
        format!(r#"{{"sub":"{ADA}","iss":"{ORIGIN}","aud":"{ORIGIN}"{rest},"{member}":{value}}}"#)
    };
    add("no exp", false, &claims_without("exp").to_string());
    for (value, is_good) in [
        ("4102444800", true),
        ("4102444800.5", true),
        ("4.1024448e9", true),
        ("1e300", true),
        ("9223372036854775807", true),
        ("18446744073709551615", true),
        ("18446744073709551616", true),
        ("99999999999999999999999999999999", true),
        ("1e400", false),
        ("-1e300", false),
        ("-1e400", false),
        ("-1", false),
        ("-9223372036854775808", false),
        ("-4102444800", false),
        ("0", false),
        ("-0", false),
        ("0.0", false),
        ("1e-300", false),
        ("4294967295e-9", false),
        ("NaN", false),
        ("Infinity", false),
        ("+4102444800", false),
        ("04102444800", false),
        ("0x7fffffff", false),
        ("4102444800.", false),
        ("4_102_444_800", false),
        ("\"4102444800\"", false),
        ("\"2099-12-31T00:00:00Z\"", false),
        ("\"\"", false),
        ("null", false),
        ("true", false),
        ("false", false),
        ("[4102444800]", false),
        ("[]", false),
        ("{}", false),
        ("{\"$date\":4102444800}", false),
    ] {
        add(&format!("exp: {value}"), is_good, &with("exp", value));
    }
    for (value, is_good) in [
        ("0", true),
        ("-1", true),
        ("1.5", true),
        ("-1e300", true),
        ("4102444800", false),
        ("1e300", false),
        ("1e400", false),
        ("18446744073709551616", false),
        ("\"0\"", false),
        ("\"\"", false),
        ("null", false),
        ("true", false),
        ("[0]", false),
        ("{}", false),
    ] {
        add(&format!("nbf: {value}"), is_good, &with("nbf", value));
    }
    // The time of issue is not checked.
    add("iat in the future", true, &claims_with(&json!({"iat": 4_102_444_700_u64})).to_string());
    add("two exp, the first good", false, &with("exp", "4102444800,\"exp\":1"));
    add("two exp, the last good", false, &with("exp", "1,\"exp\":4102444800"));
    add("two exp, both good", false, &with("exp", "4102444800,\"exp\":4102444800"));
    add("two exp, one escaped", false, &with("exp", "1,\"\\u0065xp\":4102444800"));
    add("two nbf", false, &with("nbf", "4102444700,\"nbf\":0"));
    add("EXP", false, &with("exp", "1").replace("\"exp\":1", "\"EXP\":4102444800"));
    cases
}
