//! Any text as an `Authorization` header: no user is authenticated, and nothing panics.
//!
//! In the folder above: `cargo +nightly fuzz run token -- -dict=fuzz/words.dict -max_total_time=60`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shared::fuzzing::Gate;

/// All three kinds of key. Their private halves are unknown here, and the secret is not in the dictionary.
const KEYS: &str = r#"{"keys":[
    {"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kid":"b","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kid":"c","kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
]}"#;

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let settings = |name: &str| match name {
        "AUTH_MODE" => Some("jwks,hs256".to_owned()),
        "BETTER_AUTH_SECRET" => Some("a secret that the fuzzer cannot sign with".to_owned()),
        "BETTER_AUTH_URL" => Some("https://app.example.com".to_owned()),
        "JWKS_JSON" => Some(KEYS.to_owned()),
        _ => None,
    };
    Gate::new(settings).expect("good settings")
});

fuzz_target!(|authorization: &str| {
    assert_eq!(GATE.user(authorization), None);
    assert_eq!(GATE.user(&format!("Bearer {authorization}")), None);
});
