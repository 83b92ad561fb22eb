//! Tokens without a user, or with a user in the wrong place. All signatures are valid.

use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::ED25519;
use crate::token::{ADA, EVE, by_key, by_secret, claims, claims_with, claims_without, cookie_cache, header, hs256};

pub(crate) fn cases() -> Vec<Case> {
    [subjects(), other_claims(), cookie_caches(), repeated_and_malformed()].into_iter().flatten().collect()
}

fn eddsa(claims: impl crate::token::Part) -> String {
    by_key(&ED25519, header("EdDSA", "ed"), claims)
}

fn subjects() -> Vec<Case> {
    let mut cases = Vec::new();
    let longest = "u".repeat(255);
    let longest_of_two_bytes = format!("{}é", "u".repeat(253));
    for user in [
        EVE,
        "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI",
        "5f8d0d55-b54c-4d6e-9d0a-1f2e3d4c5b6a",
        "42",
        "' or true --",
        "ada'; drop table tasks; --",
        "$1",
        "%",
        "Ada",
        "ada ",
        "null",
        "ädä \u{1f600}",
        &longest,
        &longest_of_two_bytes,
    ] {
        let name = match user.len() {
            ..100 => format!("sub: {user:?}"),
            length => format!("a sub of {} characters in {length} bytes", user.chars().count()),
        };
        let claims = claims_with(&json!({"sub": user}));
        cases.push(Case::accepted_as(user, Setup::Secret, &name, by_secret(hs256(), &claims)));
        cases.push(Case::accepted_as(user, Setup::Keys, &name, eddsa(&claims)));
    }
    for (name, sub) in [
        ("empty", json!("")),
        ("null", json!(null)),
        ("a number", json!(1)),
        ("zero", json!(0)),
        ("true", json!(true)),
        ("an array", json!([ADA])),
        ("an empty array", json!([])),
        ("an object", json!({"id": ADA})),
        ("256 bytes", json!("u".repeat(256))),
        ("255 characters in 256 bytes", json!(format!("{}é", "u".repeat(254)))),
        ("5000 bytes", json!("u".repeat(5000))),
        ("a NUL", json!("\0")),
        ("with a NUL at its end", json!("ada\0")),
        ("with a NUL inside", json!("ada\0eve")),
        ("with a line break", json!("ada\n")),
        ("with a carriage return", json!("ada\r\nx-user: eve")),
        ("with a tab", json!("\tada")),
        ("with an escape", json!("ada\u{1b}[2K")),
        ("with DEL", json!("ada\u{7f}")),
        ("with a C1 control character", json!("ada\u{85}")),
        ("with the last control character", json!("ada\u{9f}")),
    ] {
        let claims = claims_with(&json!({"sub": sub}));
        let name = format!("a sub that is {name}");
        cases.push(Case::refused(Setup::Secret, &name, by_secret(hs256(), &claims)));
        cases.push(Case::refused(Setup::Keys, &name, eddsa(&claims)));
    }
    let surrogate = r#"{"sub":"ada\ud800","exp":4102444800}"#;
    cases.push(Case::refused(Setup::Secret, "a sub with half a surrogate pair", by_secret(hs256(), surrogate)));
    let latin = b"{\"sub\":\"ad\xe4\",\"exp\":4102444800}".to_vec();
    cases.push(Case::refused(Setup::Secret, "a sub that is not UTF-8", by_secret(hs256(), latin)));
    cases
}

/// Better Auth signs the tokens of verification mails with the same secret. They must not authenticate a user.
fn other_claims() -> Vec<Case> {
    let mut cases = Vec::new();
    for more in [
        json!({}),
        json!({"userId": ADA}),
        json!({"id": ADA}),
        json!({"email": "ada@example.com"}),
        json!({"email": "ada@example.com", "userId": ADA, "id": ADA}),
        json!({"email": "ada@example.com", "updateTo": "eve@example.com", "requestType": "change-email-verification"}),
        json!({"user_id": ADA}),
        json!({"uid": ADA}),
        json!({"Sub": ADA}),
        json!({"SUB": ADA}),
        json!({"sub ": ADA}),
        json!({"subject": ADA}),
        json!({"azp": ADA, "client_id": ADA, "preferred_username": ADA}),
        json!({"user": ADA}),
        json!({"claims": {"sub": ADA}}),
    ] {
        let mut claims = claims_without("sub");
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let secret = format!("HS256 with no sub, but {more}");
        cases.extend(Setup::WITH_SECRET.map(|setup| Case::refused(setup, &secret, by_secret(hs256(), &claims))));
        let key = format!("EdDSA with no sub, but {more}");
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &key, eddsa(&claims))));
    }
    let both = claims_with(&json!({"userId": EVE, "id": EVE, "email": "eve@example.com"}));
    cases.push(Case::accepted(Setup::Secret, "a sub, and other claims that are ignored", by_secret(hs256(), both)));
    cases
}

fn cookie_caches() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, claims: &Value| {
        cases.push(Case::refused(Setup::Secret, name, by_secret(hs256(), claims)));
    };
    for (name, user, session) in [
        ("without a user", json!(null), json!({"userId": ADA})),
        ("without a session", json!({"id": ADA}), json!(null)),
        ("whose halves disagree", json!({"id": ADA}), json!({"userId": EVE})),
        ("whose halves differ in case", json!({"id": "ada"}), json!({"userId": "Ada"})),
        ("whose user has no id", json!({"email": "ada@example.com"}), json!({"userId": ADA})),
        ("whose session has no userId", json!({"id": ADA}), json!({"id": ADA, "token": "t"})),
        ("of numbers", json!({"id": 1}), json!({"userId": 1})),
        ("of nulls", json!({"id": null}), json!({"userId": null})),
        ("of arrays", json!([{"id": ADA}]), json!([{"userId": ADA}])),
        ("of lists of ids", json!({"id": [ADA]}), json!({"userId": [ADA]})),
        ("of texts", json!(ADA), json!(ADA)),
        ("of empty ids", json!({"id": ""}), json!({"userId": ""})),
        ("of ids with a NUL", json!({"id": "ada\0"}), json!({"userId": "ada\0"})),
        ("of ids of 256 bytes", json!({"id": "u".repeat(256)}), json!({"userId": "u".repeat(256)})),
        ("with user_id", json!({"id": ADA}), json!({"user_id": ADA})),
    ] {
        let name = format!("a cookie cache {name}");
        let mut claims = cookie_cache();
        for (half, value) in [("user", user), ("session", session)] {
            claims[half] = value;
        }
        add(&name, &claims);
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        add(&format!("{name}, with nothing instead of null"), &claims);
    }
    let mut expired = cookie_cache();
    expired["exp"] = 1.into();
    add("a cookie cache that is expired", &expired);
    expired.as_object_mut().expect("an object").remove("exp");
    add("a cookie cache without exp", &expired);
    add("a cookie cache one level deeper", &json!({"session": cookie_cache(), "exp": 4_102_444_800_u64}));
    let mut with_sub = cookie_cache();
    for sub in [json!(null), json!(""), json!(1)] {
        with_sub["sub"] = sub.clone();
        add(&format!("a cookie cache with sub: {sub}"), &with_sub);
    }
    with_sub["sub"] = EVE.into();
    cases.push(Case::accepted_as(
        EVE,
        Setup::Secret,
        "a cookie cache with the sub of another user",
        by_secret(hs256(), &with_sub),
    ));
    // Only the secret signs the cookie cache. The keys of Better Auth sign tokens with a sub.
    let mut claims = claims_without("sub");
    for half in ["user", "session"] {
        claims[half] = cookie_cache()[half].clone();
    }
    cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, "a cookie cache signed by EdDSA", eddsa(&claims))));
    cases
}

fn repeated_and_malformed() -> Vec<Case> {
    let good = claims().to_string();
    let again = |member: &str| good.replace("\"sub\"", &format!("{member},\"sub\"")).into_bytes();
    let deep = |open: &str, close: &str| {
        let more = format!("\"user\":{}{}", open.repeat(1000), close.repeat(1000));
        again(&more)
    };
    let claims: Vec<(&str, Vec<u8>)> = vec![
        ("two different sub", again(r#""sub":"eve""#)),
        ("two equal sub", again(r#""sub":"ada""#)),
        ("two sub, one escaped", again(r#""\u0073ub":"eve""#)),
        ("two sub, the first null", again(r#""sub":null"#)),
        ("two aud", again(r#""aud":"https://evil.example""#)),
        ("two user", again(r#""user":{"id":"eve"},"user":{"id":"eve"}"#)),
        (
            "an array of claims in their order",
            br#"["ada",4102444800,0,"https://app.example.com","https://app.example.com"]"#.to_vec(),
        ),
        ("an array of sub and exp", br#"["ada",4102444800]"#.to_vec()),
        ("an array of an object", format!("[{good}]").into_bytes()),
        ("a text of an object", json!(good).to_string().into_bytes()),
        ("a text", br#""ada""#.to_vec()),
        ("a number", b"4102444800".to_vec()),
        ("true", b"true".to_vec()),
        ("null", b"null".to_vec()),
        ("nothing", vec![]),
        ("an empty object", b"{}".to_vec()),
        ("no JSON", b"sub=ada&exp=4102444800".to_vec()),
        ("something behind", format!("{good}{good}").into_bytes()),
        ("a NUL behind", format!("{good}\0").into_bytes()),
        ("half an object", good.as_bytes()[..good.len() - 1].to_vec()),
        ("a byte order mark", format!("\u{feff}{good}").into_bytes()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16 with a mark", format!("\u{feff}{good}").encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("a token inside", by_secret(hs256(), good.as_str()).into_bytes()),
        ("a quoted token inside", json!(by_secret(hs256(), good.as_str())).to_string().into_bytes()),
        ("deep arrays in user", deep("[", "]")),
        ("deep arrays in user that never end", deep("[", "")),
        ("deep objects in user", again(&format!("\"user\":{}1{}", "{\"a\":".repeat(800), "}".repeat(800)))),
        ("deep arrays in sub", format!("{{\"sub\":{}{}}}", "[".repeat(2000), "]".repeat(2000)).into_bytes()),
        ("nothing but deep arrays", "[".repeat(5000).into_bytes()),
        ("nothing but deep objects", "{\"a\":".repeat(1000).into_bytes()),
    ];
    let mut cases = Vec::new();
    for (name, payload) in claims {
        let name = format!("a payload with {name}");
        cases.push(Case::refused(Setup::Secret, &name, by_secret(hs256(), payload.clone())));
        cases.push(Case::refused(Setup::Keys, &name, eddsa(payload)));
    }
    // Skipped values may have any depth: skipping them needs no stack.
    let unread = String::from_utf8(again(&format!("\"x\":{}{}", "[".repeat(1500), "]".repeat(1500))));
    let unread = unread.expect("JSON");
    cases.push(Case::accepted(
        Setup::Secret,
        "a payload with deep arrays that are skipped",
        by_secret(hs256(), unread),
    ));
    cases
}
