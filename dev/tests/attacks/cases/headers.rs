//! Headers with extensions, and headers that are malformed. All signatures are valid.

use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::ED25519;
use crate::token::{by_key, by_secret, claims};

pub(crate) fn cases() -> Vec<Case> {
    [extensions(), types(), repeated_members(), not_an_object()].into_iter().flatten().collect()
}

/// Adds a case with one more member in the header, for HS256 and for EdDSA.
fn with_member(cases: &mut Vec<Case>, member: &str, value: &Value, is_good: bool) {
    let name = format!("{member}: {value}");
    let secret = by_secret(json!({"alg": "HS256", member: value}), claims());
    let key = by_key(&ED25519, json!({"alg": "EdDSA", "kid": "ed", member: value}), claims());
    let case = if is_good { Case::accepted } else { Case::refused };
    cases.push(case(Setup::Secret, &name, secret));
    cases.push(case(Setup::Keys, &name, key));
}

fn extensions() -> Vec<Case> {
    let mut cases = Vec::new();
    for crit in [
        json!(["b64"]),
        json!(["exp"]),
        json!(["alg"]),
        json!(["http://example.com/extension"]),
        json!([]),
        json!([""]),
        json!([1]),
        json!([null]),
        json!("exp"),
        json!(""),
        json!({}),
        json!(null),
        json!(true),
        json!(false),
        json!(0),
    ] {
        with_member(&mut cases, "crit", &crit, false);
    }
    for b64 in [json!(false), json!(true), json!("false"), json!(null), json!(0)] {
        with_member(&mut cases, "b64", &b64, false);
    }
    let unencoded = json!({"alg": "HS256", "b64": false, "crit": ["b64"]});
    cases.push(Case::refused(Setup::Secret, "an unencoded payload by RFC 7797", by_secret(&unencoded, claims())));
    with_member(&mut cases, "unknown", &json!({"anything": [1, 2, 3]}), true);
    with_member(&mut cases, "iat", &json!("anything"), true);
    cases
}

fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for typ in ["JWT", "jwt", "Jwt"] {
        with_member(&mut cases, "typ", &json!(typ), true);
    }
    for typ in [
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/jwt"),
        json!("application/at+jwt"),
        json!("JOSE"),
        json!("JOSE+JSON"),
        json!("JWE"),
        json!("JWS"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!(" JWT"),
        json!("JWT "),
        json!("JWT\0"),
        json!(""),
        json!(null),
        json!(1),
        json!(true),
        json!(["JWT"]),
        json!({}),
    ] {
        with_member(&mut cases, "typ", &typ, false);
    }
    cases
}

/// Two parsers may read two different headers from one text.
fn repeated_members() -> Vec<Case> {
    let mut cases = Vec::new();
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"none","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","crit":["b64"],"crit":null}"#,
    ] {
        let token = by_secret(header, claims());
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::refused(setup, &format!("the header {header}"), &token)));
    }
    for header in [
        r#"{"alg":"EdDSA","kid":"ed","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"rs","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","kid":"rs"}"#,
        r#"{"alg":"EdDSA","kid":"rs","\u006bid":"ed"}"#,
        r#"{"alg":"HS256","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"EdDSA","alg":"HS256","kid":"ed"}"#,
    ] {
        let token = by_key(&ED25519, header, claims());
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &format!("the header {header}"), &token)));
    }
    cases
}

fn not_an_object() -> Vec<Case> {
    let mut cases = Vec::new();
    let headers: Vec<(&str, Vec<u8>)> = vec![
        ("an array of alg", br#"["HS256"]"#.to_vec()),
        ("an array of alg, kid and typ", br#"["HS256","kid","JWT"]"#.to_vec()),
        ("an array of an object", br#"[{"alg":"HS256"}]"#.to_vec()),
        ("a text", br#""HS256""#.to_vec()),
        ("a number", b"1".to_vec()),
        ("true", b"true".to_vec()),
        ("null", b"null".to_vec()),
        ("of no bytes", vec![]),
        ("an empty object", b"{}".to_vec()),
        ("not JSON", b"alg=HS256".to_vec()),
        ("in single quotes", b"{'alg':'HS256'}".to_vec()),
        ("without quotes", b"{alg:\"HS256\"}".to_vec()),
        ("with a comment", br#"{"alg":"HS256"/* */}"#.to_vec()),
        ("with a last comma", br#"{"alg":"HS256",}"#.to_vec()),
        ("with something behind", br#"{"alg":"HS256"} {"alg":"none"}"#.to_vec()),
        ("with a NUL behind", b"{\"alg\":\"HS256\"}\0".to_vec()),
        ("cut short", br#"{"alg":"HS256""#.to_vec()),
        ("with a byte order mark", "\u{feff}{\"alg\":\"HS256\"}".as_bytes().to_vec()),
        ("in UTF-16", r#"{"alg":"HS256"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("in UTF-16 with a mark", "\u{feff}{\"alg\":\"HS256\"}".encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("in UTF-32", r#"{"alg":"HS256"}"#.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect()),
        ("with a byte that is not UTF-8", b"{\"alg\":\"HS256\xff\"}".to_vec()),
        ("with an overlong character", b"{\"alg\":\"\xc1\x88S256\"}".to_vec()),
        ("with half a surrogate pair in alg", br#"{"alg":"HS256\ud800"}"#.to_vec()),
        ("that never ends", b"{\"alg\":\"HS256\",\"typ\":".repeat(200)),
        ("whose kid is deep", format!(r#"{{"alg":"HS256","kid":{}1{}}}"#, "[".repeat(1500), "]".repeat(1500)).into()),
        ("whose jwk is deep and never ends", format!(r#"{{"alg":"HS256","jwk":{}"#, "[".repeat(4500)).into()),
    ];
    for (name, header) in headers {
        let name = format!("a header: {name}");
        let token = by_secret(header, claims());
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::refused(setup, &name, &token)));
    }
    let spaced = "\n\t { \"alg\" : \"HS256\" } \r\n";
    cases.push(Case::accepted(Setup::Secret, "a header: with white space", by_secret(spaced, claims())));
    // Skipped values may have any depth: skipping them needs no stack.
    let deep = format!(r#"{{"alg":"HS256","jwk":{}1{}}}"#, "[".repeat(1500), "]".repeat(1500));
    cases.push(Case::accepted(Setup::Secret, "a header: whose jwk is deep", by_secret(deep, claims())));
    cases
}
