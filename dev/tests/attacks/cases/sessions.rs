//! Session tokens, which are valid if they are in the table.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use dev::testing::better_auth::cookie_value;
use jsonwebtoken::Algorithm;

use crate::case::{Case, EXPIRED_SESSION, SESSION, SESSION_OF_EVE, Setup};
use crate::keys::ED25519;
use crate::token::{EVE, SECRET, by_key, by_secret, claims, decode, encode, header, hmac, hs256, signed_session};

const SETUPS: [Setup; 2] = [Setup::Sessions, Setup::Everything];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let good = signed_session(SESSION, SECRET);
    let signature = good.trim_start_matches(SESSION).trim_start_matches('.');
    let other_signature = signed_session(SESSION_OF_EVE, SECRET);
    let other_signature = other_signature.trim_start_matches(SESSION_OF_EVE).trim_start_matches('.');
    let foreign = signed_session(SESSION, "another secret of more than 32 bytes, for once");
    let bytes = BASE64_STANDARD.decode(signature).expect("base64");
    for (name, token) in [
        ("of a session that has ended", EXPIRED_SESSION.to_owned()),
        ("of a session that has ended, signed", signed_session(EXPIRED_SESSION, SECRET)),
        ("of no session", "q".repeat(32)),
        ("of no session, signed", signed_session(&"q".repeat(32), SECRET)),
        ("of one letter", "u".to_owned()),
        ("in lower case", SESSION.to_lowercase()),
        ("in upper case", SESSION.to_uppercase()),
        ("cut short", SESSION[..31].to_owned()),
        ("with one more letter", format!("{SESSION}J")),
        ("with a star", format!("{}*", &SESSION[..31])),
        ("with a percent sign", format!("{}%", &SESSION[..31])),
        ("with an underscore", format!("{}_", &SESSION[..31])),
        ("that is a percent sign", "%25".to_owned()),
        ("with SQL behind it", format!("{SESSION}'--")),
        ("with SQL", "'or'1'='1".to_owned()),
        ("with encoded SQL", "x'%20or%20'1'='1".to_owned()),
        ("with more encoded SQL", "x';%20delete%20from%20session;%20--".to_owned()),
        ("with a dollar parameter", "$1".to_owned()),
        ("with an encoded NUL", format!("{SESSION}%00")),
        ("with an encoded space", format!("{SESSION}%20")),
        ("with an encoded line break", format!("{SESSION}%0A")),
        ("with a backslash", format!("{SESSION}\\")),
        ("with an encoded byte that is not UTF-8", format!("{SESSION}%FF")),
        ("with letters in full width", SESSION.replace('u', "\u{ff55}")),
        ("encoded", encode(SESSION)),
        ("as it is in the cookie's name", format!("better-auth.session_token={SESSION}")),
        ("signed with another secret", foreign.clone()),
        ("signed with another secret, encoded", cookie_value(&foreign)),
        ("with the signature of another", format!("{SESSION}.{other_signature}")),
        ("of another with its signature", format!("{SESSION_OF_EVE}.{signature}")),
        ("with an empty signature", format!("{SESSION}.")),
        ("with a signature of zeros", format!("{SESSION}.{}", BASE64_STANDARD.encode([0; 32]))),
        ("with a signature cut short", format!("{SESSION}.{}", BASE64_STANDARD.encode(&bytes[..31]))),
        ("with a longer signature", format!("{SESSION}.{}", BASE64_STANDARD.encode([bytes.as_slice(), &[0]].concat()))),
        ("with a signature without padding", format!("{SESSION}.{}", BASE64_STANDARD_NO_PAD.encode(&bytes))),
        ("with a signature in hexadecimal", {
            format!("{SESSION}.{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }),
        ("with a signature by SHA-512", {
            let signature = decode(&hmac(Algorithm::HS512, SECRET.as_bytes(), SESSION));
            format!("{SESSION}.{}", BASE64_STANDARD.encode(signature))
        }),
        ("with its signature before it", format!("{signature}.{SESSION}")),
        ("with nothing but a signature", format!(".{signature}")),
        ("with nothing but a dot", ".".to_owned()),
        ("with an encoded dot and nothing", format!("{SESSION}%2E")),
        ("encoded twice", cookie_value(&good).replace('%', "%25")),
        ("with its signature twice", format!("{good}%2E{signature}")),
        ("signed, with its signature signed again", signed_session(&good, SECRET).replacen('.', "%2E", 1)),
        ("that is a user's id", EVE.to_owned()),
        ("that is the session's id of another kind", "session".to_owned()),
    ] {
        let name = format!("a session token {name}");
        cases.extend(SETUPS.map(|setup| Case::refused(setup, &name, &token)));
    }
    for setup in [Setup::Sessions, Setup::Everything] {
        cases.push(Case::accepted_as(EVE, setup, "the session token of another user", SESSION_OF_EVE));
        let signed = cookie_value(&signed_session(SESSION_OF_EVE, SECRET));
        cases.push(Case::accepted_as(EVE, setup, "the signed session token of another user", signed));
    }
    for (name, token) in [
        ("HS256 with the secret of the sessions", by_secret(hs256(), claims())),
        ("EdDSA where no key is known", by_key(&ED25519, header("EdDSA", "ed"), claims())),
        ("a token whose payload is a session token", format!("e30.{SESSION}.{}", encode(&bytes))),
    ] {
        cases.extend([Setup::Sessions, Setup::RawSessions].map(|setup| Case::refused(setup, name, &token)));
    }
    cases
}
