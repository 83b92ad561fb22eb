//! Tokens in almost the right encoding.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::case::{Case, Setup};
use crate::keys::ED25519;
use crate::token::{
    SECRET, by_key, by_secret, claims, claims_with, encode, header, hmac, hs256, message, with_signature,
};

pub(crate) fn cases() -> Vec<Case> {
    [spellings(), parts(), lengths()].into_iter().flatten().collect()
}

/// Adds a case for every setup in which the text could be a token.
fn everywhere(cases: &mut Vec<Case>, name: &str, token: &str) {
    let setups = [Setup::Secret, Setup::Keys, Setup::Sessions, Setup::Everything];
    cases.extend(setups.map(|setup| Case::refused(setup, name, token)));
}

/// Base64 that a lenient decoder would accept.
fn spellings() -> Vec<Case> {
    let mut cases = Vec::new();
    let [head, payload, signature] = parts_of_good_token();
    let good = [head.as_str(), payload.as_str(), signature.as_str()];
    for (index, which) in ["header", "payload", "signature"].into_iter().enumerate() {
        let part = good[index];
        for (name, spelling) in [
            ("with trailing bits", with_trailing_bits(part)),
            ("with padding", padded(part)),
            ("with one =", format!("{part}=")),
            ("with two =", format!("{part}==")),
            ("with a space before it", format!(" {part}")),
            ("with a space behind it", format!("{part} ")),
            ("with a line break inside", inserted(part, "\n")),
            ("with CR LF inside", inserted(part, "\r\n")),
            ("with a tab inside", inserted(part, "\t")),
            ("with a NUL inside", inserted(part, "\0")),
            ("with a NUL behind it", format!("{part}\0")),
            ("with a zero-width space inside", inserted(part, "\u{200b}")),
            ("with a comma inside", inserted(part, ",")),
            ("with one more letter", format!("{part}A")),
            ("without its last letter", part[..part.len() - 1].to_owned()),
            ("without its first letter", part[1..].to_owned()),
            ("with its first letter percent-encoded", format!("%{:02X}{}", part.as_bytes()[0], &part[1..])),
            ("encoded twice", encode(part)),
            ("in hexadecimal", part.bytes().map(|byte| format!("{byte:02x}")).collect()),
            ("in full-width letters", full_width(part)),
            ("in quotes", format!("\"{part}\"")),
            ("empty", String::new()),
        ] {
            let name = format!("a {which} {name}");
            let mut parts = good;
            parts[index] = &spelling;
            // White space around the token belongs to the header.
            let token = parts.join(".");
            if token.trim() == token {
                everywhere(&mut cases, &name, &token);
            }
            if index < 2 {
                // The signature matches the modified text, so only the encoding is wrong.
                let message = format!("{}.{}", parts[0], parts[1]);
                let signature = hmac(Algorithm::HS256, SECRET.as_bytes(), &message);
                let token = with_signature(&message, &signature);
                let name = format!("{name}, and signed so");
                cases.push(Case::refused(Setup::Secret, &name, token));
            }
        }
    }
    // The standard base64 alphabet, in parts where it differs.
    let (token, plain_token) = with_the_last_letters();
    cases.push(Case::accepted(Setup::Secret, "a token that needs - and _", token));
    cases.push(Case::refused(Setup::Secret, "the same in the alphabet of plain base64", plain_token));
    cases
}

fn parts() -> Vec<Case> {
    let mut cases = Vec::new();
    let [head, payload, signature] = parts_of_good_token();
    let good = format!("{head}.{payload}.{signature}");
    let object = json!({"payload": payload, "protected": head, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": head, "signature": signature}]});
    for (name, token) in [
        ("one part, the header", head.clone()),
        ("one part, the payload", payload.clone()),
        ("two parts", format!("{head}.{payload}")),
        ("two parts, header and signature", format!("{head}.{signature}")),
        ("four parts", format!("{good}.{signature}")),
        ("four parts, the last empty", format!("{good}.")),
        ("four parts, the first empty", format!(".{good}")),
        ("five parts, as a JWE has", format!("{head}.{payload}.{signature}.{signature}.{signature}")),
        ("five parts with a header of a JWE", {
            let header = encode(json!({"alg": "dir", "enc": "A256GCM"}).to_string());
            format!("{header}..{payload}.{payload}.{signature}")
        }),
        ("a hundred parts", [good.as_str(); 33].join(".")),
        ("two dots", "..".to_owned()),
        ("one dot", ".".to_owned()),
        ("three dots", "...".to_owned()),
        ("eight thousand dots", ".".repeat(8000)),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{head}..{signature}")),
        ("only a signature", format!("..{signature}")),
        ("only a payload", format!(".{payload}.")),
        ("only a header", format!("{head}..")),
        ("header and payload exchanged", format!("{payload}.{head}.{signature}")),
        ("payload and signature exchanged", format!("{head}.{signature}.{payload}")),
        ("a header twice", format!("{head}.{head}.{signature}")),
        ("percent-encoded dots", good.replace('.', "%2E")),
        ("twice percent-encoded dots", good.replace('.', "%252E")),
        ("full-width dots", good.replace('.', "\u{ff0e}")),
        ("colons instead of dots", good.replace('.', ":")),
        ("a JWS in JSON", object.to_string()),
        ("a JWS in JSON with several signatures", general.to_string()),
        ("a JWS in JSON, encoded", encode(object.to_string())),
        ("a good token, encoded", encode(&good)),
        ("a good token in plain base64", BASE64_STANDARD.encode(&good)),
        ("a good token in quotes", format!("\"{good}\"")),
        ("a good token in brackets", format!("<{good}>")),
        ("a good token behind a byte order mark", format!("\u{feff}{good}")),
        ("a good token in full-width letters", full_width(&good)),
        ("a good token in upper case", good.to_uppercase()),
        ("a good token backwards", good.chars().rev().collect()),
        ("letters that are not ASCII", "ключ.ключ.ключ".to_owned()),
        ("a NUL", "\0".to_owned()),
        ("percent signs", "%%%".to_owned()),
        ("a percent-encoded NUL", "a%00".to_owned()),
        ("percent-encoded bytes that are not UTF-8", "%ff%fe".to_owned()),
        ("half a percent-encoded byte", "abc%4".to_owned()),
        ("undefined", "undefined".to_owned()),
        ("null", "null".to_owned()),
        ("[object Object]", "[object Object]".to_owned()),
        ("JSON", r#"{"sub":"ada"}"#.to_owned()),
    ] {
        everywhere(&mut cases, name, &token);
    }
    // Nested tokens are not supported.
    let nested = by_secret(json!({"alg": "HS256", "cty": "JWT"}), good);
    everywhere(&mut cases, "a token in a token", &nested);
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = vec![
        Case::accepted(Setup::Secret, "a token of 8 KiB", of_length(8192)),
        Case::refused(Setup::Secret, "a token of 8 KiB and a byte", of_length(8193)),
        Case::accepted(Setup::Secret, "a token of 8 KiB but a byte", of_length(8191)),
    ];
    let long = claims_with(&json!({"x": "x".repeat(75_000)}));
    everywhere(&mut cases, "a token of 100 KB", &by_secret(hs256(), &long));
    everywhere(&mut cases, "a token of EdDSA of 100 KB", &by_key(&ED25519, header("EdDSA", "ed"), &long));
    everywhere(&mut cases, "a session token of 100 KB", &"s".repeat(100_000));
    everywhere(&mut cases, "a session token of 8 KiB", &"s".repeat(8192));
    everywhere(&mut cases, "a signature of 8 KB", &with_signature(&message(hs256(), claims()), &"A".repeat(8000)));
    everywhere(&mut cases, "a megabyte of dots", &".".repeat(1_000_000));
    cases
}

fn parts_of_good_token() -> [String; 3] {
    // Lengths that are not multiples of three, so that each part ends with unused bits.
    let payload = claims_with(&json!({"a": "bc"}));
    let token = by_secret(json!({"alg": "HS256", "a": "bcd"}), payload);
    let parts: Vec<&str> = token.split('.').collect();
    assert!(parts.iter().all(|part| part.len() % 4 != 0), "no part needs padding");
    [parts[0].to_owned(), parts[1].to_owned(), parts[2].to_owned()]
}

/// The same text with another last letter, which decodes to the same bytes.
fn with_trailing_bits(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = part.split_at(part.len() - 1);
    let next = ALPHABET.find(last).expect("base64url") + 1;
    format!("{rest}{}", &ALPHABET[next..=next])
}

fn padded(part: &str) -> String {
    BASE64_URL_SAFE.encode(crate::token::decode(part))
}

fn inserted(part: &str, text: &str) -> String {
    let (first, second) = part.split_at(part.len() / 2);
    format!("{first}{text}{second}")
}

fn full_width(text: &str) -> String {
    let wide = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter);
    text.chars().map(wide).collect()
}

/// A token with `-` or `_` in every part, and the same token in the standard alphabet, with a matching signature.
fn with_the_last_letters() -> (String, String) {
    let plain = |part: &str| BASE64_STANDARD_NO_PAD.encode(crate::token::decode(part));
    (0..)
        .map(|number| {
            let payload = claims_with(&json!({"x": "???>>>~~~", "number": number}));
            let message = message(json!({"alg": "HS256", "x": "???>>>~~~"}), payload);
            let plain_message = message.split('.').map(plain).collect::<Vec<_>>().join(".");
            let sign = |message: &str| hmac(Algorithm::HS256, SECRET.as_bytes(), message);
            let plain_signature = plain(&sign(&plain_message));
            let token = with_signature(&message, &sign(&message));
            (token, with_signature(&plain_message, &plain_signature))
        })
        .find(|(token, plain)| {
            let needs = |part: &str, letters: [char; 2]| part.contains(letters);
            token.split('.').all(|part| needs(part, ['-', '_'])) && plain.split('.').all(|part| needs(part, ['+', '/']))
        })
        .expect("a number")
}

/// A valid token with exactly this number of characters.
fn of_length(length: usize) -> String {
    // The length of unpadded base64 is never one more than a multiple of four, so two parts are adjusted.
    let with = |header: usize, payload: usize| {
        let header = json!({"alg": "HS256", "x": "x".repeat(header)});
        by_secret(header, claims_with(&json!({"x": "x".repeat(payload)})))
    };
    let start = with(0, 0).len();
    (0..4)
        .flat_map(|header| (0..8).map(move |less| (header, (length - start) * 3 / 4 - less)))
        .map(|(header, payload)| with(header, payload))
        .find(|token| token.len() == length)
        .expect("a token of this length")
}
