//! Invalid and modified signatures.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::case::{Case, Setup};
use crate::keys::{ATTACKER_ED25519, ATTACKER_P256, ATTACKER_RSA, ED25519, Key, NEXT, P256, RSA, hex};
use crate::token::{
    SECRET, by_key, by_key_and, by_secret, claims, claims_with, decode, encode, header, hs256, message, with_signature,
};

/// The order of P-256, big-endian.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The prime of P-256, big-endian.
const P256_PRIME: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
/// The order of Ed25519's base point, little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

pub(crate) fn cases() -> Vec<Case> {
    [altered(), others(), ed25519(), p256(), rsa()].into_iter().flatten().collect()
}

/// A token with these claims.
type Make<'a> = &'a dyn Fn(&Value) -> String;

/// Changes of the signature and of the signed message, for every algorithm.
fn altered() -> Vec<Case> {
    let mut cases = Vec::new();
    let ps256 = |claims: &Value| by_key_and(&RSA, Algorithm::PS256, header("PS256", "ps"), claims);
    let forms: [(&str, Setup, Make<'_>); 5] = [
        ("HS256", Setup::Secret, &|claims| by_secret(hs256(), claims)),
        ("EdDSA", Setup::Keys, &|claims| by_key(&ED25519, header("EdDSA", "ed"), claims)),
        ("ES256", Setup::Keys, &|claims| by_key(&P256, header("ES256", "ec"), claims)),
        ("RS256", Setup::Keys, &|claims| by_key(&RSA, header("RS256", "rs"), claims)),
        ("PS256", Setup::Keys, &ps256),
    ];
    for (alg, setup, make) in forms {
        let good = make(&claims());
        let other = make(&claims_with(&json!({"sub": "eve"})));
        let (message, text) = good.rsplit_once('.').expect("a signature");
        let (other_message, other_text) = other.rsplit_once('.').expect("a signature");
        let signature = decode(text);
        let length = signature.len();
        let changed = |index: usize, bit: u8| {
            let mut signature = signature.clone();
            signature[index] ^= bit;
            signature
        };
        let variants: Vec<(&str, Vec<u8>)> = vec![
            ("none", vec![]),
            ("one byte", vec![signature[0]]),
            ("its first half", signature[..length / 2].to_vec()),
            ("all but its last byte", signature[..length - 1].to_vec()),
            ("all but its first byte", signature[1..].to_vec()),
            ("one more byte", [signature.as_slice(), &[0]].concat()),
            ("one more byte before it", [&[0], signature.as_slice()].concat()),
            ("itself twice", signature.repeat(2)),
            ("its first bit changed", changed(0, 0x80)),
            ("its second bit changed", changed(0, 0x40)),
            ("a bit in the middle changed", changed(length / 2, 0x01)),
            ("its last bit changed", changed(length - 1, 0x01)),
            ("the top bit of its last byte changed", changed(length - 1, 0x80)),
            ("its bytes backwards", signature.iter().rev().copied().collect()),
            ("its halves exchanged", [&signature[length / 2..], &signature[..length / 2]].concat()),
            ("zeros", vec![0; length]),
            ("ones", vec![0xff; length]),
            ("the message", message.as_bytes().to_vec()),
            ("the secret", SECRET.as_bytes().to_vec()),
        ];
        for (name, signature) in variants {
            let token = with_signature(message, &encode(signature));
            cases.push(Case::refused(setup, &format!("{alg} with the signature {name}"), token));
        }
        let swapped = with_signature(message, other_text);
        cases.push(Case::refused(setup, &format!("{alg} with the signature of another token"), swapped));
        let swapped = with_signature(other_message, text);
        cases.push(Case::refused(setup, &format!("{alg} with the payload of another token"), swapped));
        let (head, _) = message.split_once('.').expect("a header");
        let (_, payload) = message.split_once('.').expect("a payload");
        let dull = encode(header(alg, "no").to_string());
        for (name, message) in [
            ("a changed letter in its payload", format!("{head}.{}", payload.replacen('J', "K", 1))),
            ("another header", format!("{dull}.{payload}")),
            ("a dot moved", format!("{head}{}.{}", &payload[..4], &payload[4..])),
        ] {
            cases.push(Case::refused(setup, &format!("{alg} with {name}"), with_signature(&message, text)));
        }
    }
    cases
}

/// Signatures of other keys of the set than the named one.
fn others() -> Vec<Case> {
    let mut cases = Vec::new();
    let signers: [(&str, &str, &str, &Key); 4] = [
        ("an attacker's Ed25519", "EdDSA", "ed", &ATTACKER_ED25519),
        ("the next Ed25519", "EdDSA", "ed", &NEXT),
        ("an attacker's P-256", "ES256", "ec", &ATTACKER_P256),
        ("an attacker's RSA", "RS256", "rs", &ATTACKER_RSA),
    ];
    for (whose, alg, kid, key) in signers {
        let token = by_key(key, header(alg, kid), claims());
        cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, &format!("{whose} key by our name"), &token)));
    }
    let token = by_key_and(&ATTACKER_RSA, Algorithm::PS256, header("PS256", "ps"), claims());
    cases.extend(Setup::WITH_KEYS.map(|setup| Case::refused(setup, "an attacker's RSA key with PSS", &token)));
    cases
}

/// A token with this signature for the key `ed`.
fn ed25519_token(signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = message(header("EdDSA", "ed"), claims());
    let good = decode(&ED25519.sign(&message));
    with_signature(&message, &encode(signature(&good)))
}

fn ed25519() -> Vec<Case> {
    let order = hex(ED25519_ORDER);
    let with_scalar = |scalar: Vec<u8>| move |good: &[u8]| [&good[..32], &scalar].concat();
    let neutral = [hex("01"), vec![0; 31]].concat();
    [
        (
            "S + L, which is the same number to a careless verifier",
            ed25519_token(|good| [&good[..32], &plus(&good[32..], &order)].concat()),
        ),
        ("S = L", ed25519_token(with_scalar(order.clone()))),
        ("S = 0", ed25519_token(with_scalar(vec![0; 32]))),
        ("the greatest S", ed25519_token(with_scalar(vec![0xff; 32]))),
        ("R the neutral element and S = 0", ed25519_token(|_| [neutral.as_slice(), &[0; 32]].concat())),
        ("R the neutral element", ed25519_token(|good| [neutral.as_slice(), &good[32..]].concat())),
        ("R the public key", ed25519_token(|good| [&ED25519.bytes("x"), &good[32..]].concat())),
        ("R not a point", ed25519_token(|good| [&[0xff; 32], &good[32..]].concat())),
        (
            "R in another sign",
            ed25519_token(|good| {
                let mut signature = good.to_vec();
                signature[31] ^= 0x80;
                signature
            }),
        ),
        (
            "a prehashed form's context",
            ed25519_token(|good| [b"SigEd25519 no Ed25519 collisions".as_slice(), good].concat()),
        ),
    ]
    .into_iter()
    .map(|(name, token)| Case::refused(Setup::Keys, &format!("EdDSA with {name}"), token))
    .collect()
}

/// A token with this signature for the key `ec`.
fn p256_token(signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = message(header("ES256", "ec"), claims());
    let good = decode(&P256.sign(&message));
    with_signature(&message, &encode(signature(&good)))
}

fn p256() -> Vec<Case> {
    let order = hex(P256_ORDER);
    let prime = hex(P256_PRIME);
    let zero = vec![0; 32];
    let one = [vec![0; 31], vec![1]].concat();
    let greatest = vec![0xff; 32];
    let edges =
        [("0", &zero), ("1", &one), ("the order", &order), ("the prime", &prime), ("the greatest number", &greatest)];
    let mut cases = Vec::new();
    for (r_name, r) in edges {
        for (s_name, s) in edges {
            let name = format!("ES256 with r = {r_name} and s = {s_name}");
            cases.push(Case::refused(Setup::Keys, &name, p256_token(|_| [r.as_slice(), s].concat())));
        }
    }
    for (name, token) in [
        ("r the order", p256_token(|good| [&order, &good[32..]].concat())),
        ("s the order", p256_token(|good| [&good[..32], &order].concat())),
        ("r = 0", p256_token(|good| [&zero, &good[32..]].concat())),
        ("s = 0", p256_token(|good| [&good[..32], &zero].concat())),
        ("r and s exchanged", p256_token(|good| [&good[32..], &good[..32]].concat())),
        ("the other r", p256_token(|good| [&minus(&order, &good[..32]), &good[32..]].concat())),
        ("a signature in DER", p256_token(|good| der(&good[..32], &good[32..]))),
        ("r and s of 33 bytes", p256_token(|good| [&[0], &good[..32], &[0], &good[32..]].concat())),
        ("a recovery byte", p256_token(|good| [good, &[27]].concat())),
    ] {
        cases.push(Case::refused(Setup::Keys, &format!("ES256 with {name}"), token));
    }
    // If (r, s) verifies, (r, n − s) does as well. RFC 7518 allows both. It is the same message of the same signer, so
    // that two forms of a token would matter only for a list of used tokens.
    for (name, is_high) in [("low", false), ("high", true)] {
        let token = p256_token(|good| {
            let other = minus(&order, &good[32..]);
            let s = if (other.as_slice() > &good[32..]) == is_high { other } else { good[32..].to_vec() };
            [&good[..32], &s].concat()
        });
        cases.push(Case::accepted(Setup::Keys, &format!("ES256 with the {name} s of two"), token));
    }
    cases
}

fn rsa() -> Vec<Case> {
    let message = message(header("RS256", "rs"), claims());
    let modulus = RSA.bytes("n");
    let good = decode(&RSA.sign(&message));
    let one = [vec![0; 255], vec![1]].concat();
    let padding =
        [vec![0, 1], vec![0xff; 202], vec![0], hex("3031300d060960864801650304020105000420"), vec![0; 32]].concat();
    [
        ("1", one.clone()),
        ("-1", minus(&modulus, &one)),
        ("the modulus", modulus.clone()),
        ("the negative of the good one", minus(&modulus, &good)),
        ("a padded hash that was never signed", padding),
        ("3 bytes", vec![1, 0, 1]),
        ("512 bytes", [vec![0; 256], good].concat()),
    ]
    .into_iter()
    .map(|(name, signature)| {
        let token = with_signature(&message, &encode(signature));
        Case::refused(Setup::Keys, &format!("RS256 with the signature {name}"), token)
    })
    .collect()
}

/// The sum of two little-endian numbers of 32 bytes, if it fits.
fn plus(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digits = left.iter().zip(right).map(|(left, right)| {
        let sum = u16::from(*left) + u16::from(*right) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    digits.collect()
}

/// The difference of two big-endian numbers of the same length.
fn minus(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let digits = left.iter().rev().zip(right.iter().rev()).map(|(left, right)| {
        let (first, under) = left.overflowing_sub(*right);
        let (digit, under_again) = first.overflowing_sub(u8::from(borrow));
        borrow = under || under_again;
        digit
    });
    let mut digits: Vec<u8> = digits.collect();
    digits.reverse();
    digits
}

/// `ECDSA-Sig-Value`, which other protocols than JOSE use.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
        let digits = if digits[0] > 0x7f { [vec![0], digits].concat() } else { digits };
        [vec![2, u8::try_from(digits.len()).expect("a short number")], digits].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(both.len()).expect("two short numbers")], both].concat()
}
