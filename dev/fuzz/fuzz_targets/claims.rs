//! Any header and payload with a valid signature: an accepted token names a user id that every database can store.
//!
//! In the folder above: `cargo +nightly fuzz run claims -- -dict=fuzz/words.dict -max_total_time=60`

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;
use shared::fuzzing::Gate;

const SECRET: &str = "a secret that the fuzzer can sign with";

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let settings = |name: &str| match name {
        "AUTH_MODE" => Some("hs256".to_owned()),
        "BETTER_AUTH_SECRET" => Some(SECRET.to_owned()),
        _ => None,
    };
    Gate::new(settings).expect("good settings")
});

fuzz_target!(|parts: (&[u8], &[u8])| {
    let (header, payload) = parts;
    check(header, payload);
    check(br#"{"alg":"HS256"}"#, payload);
    check(header, br#"{"sub":"ada","exp":4102444800}"#);
});

fn check(header: &[u8], payload: &[u8]) {
    let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(header), encode(payload));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("HMAC takes any key");
    if let Some(user) = GATE.user(&format!("Bearer {message}.{signature}")) {
        assert!((1..=255).contains(&user.len()) && !user.chars().any(char::is_control), "{user:?}");
        assert!(is_object(header) && is_object(payload), "a JWT is made of two objects");
    }
}

fn is_object(json: &[u8]) -> bool {
    json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}
