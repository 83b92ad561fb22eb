//! Any key set: it is read or refused, and accepts no signature that was made without a key.
//!
//! In the folder above: `cargo +nightly fuzz run jwks fuzz/corpus/jwks fuzz/seeds/jwks -- -dict=fuzz/words.dict -max_total_time=60`

#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use shared::fuzzing::Gate;

/// Algorithms, and the length of their signatures in bytes.
const FORMS: [(&str, usize); 5] = [("EdDSA", 64), ("Ed25519", 64), ("ES256", 64), ("RS256", 256), ("PS256", 256)];
const PAYLOAD: &str =
    r#"{"sub":"ada","exp":4102444800,"iss":"https://app.example.com","aud":"https://app.example.com"}"#;

fuzz_target!(|jwks: &str| {
    check(jwks);
    check(&format!(r#"{{"keys":[{jwks}]}}"#));
    check(&format!(r#"{{"keys":[{{{jwks}}}]}}"#));
});

fn check(jwks: &str) {
    let settings = |name: &str| match name {
        "BETTER_AUTH_URL" => Some("https://app.example.com".to_owned()),
        "JWKS_SOURCE" => Some("inline".to_owned()),
        "JWKS_JSON" => Some(jwks.to_owned()),
        _ => None,
    };
    let Some(gate) = Gate::new(settings) else { return };
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    for (alg, length) in FORMS {
        for kid in ["", r#","kid":"k""#] {
            let message = format!("{}.{}", encode(&format!(r#"{{"alg":"{alg}"{kid}}}"#)), encode(PAYLOAD));
            // Zero, one, and as many ones as fit: for a careless verifier each is the signature of everything.
            for (first, others) in [(0, 0), (1, 0), (0xff, 0xff)] {
                let mut signature = vec![others; length];
                signature[0] = first;
                let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
                assert_eq!(gate.user(&format!("Bearer {message}.{signature}")), None);
            }
        }
    }
}
