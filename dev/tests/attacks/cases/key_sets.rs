//! Unusable keys among usable ones. Every token is signed with the key that it names.

use jsonwebtoken::Algorithm;

use crate::case::{Case, Setup};
use crate::keys::{ED25519, NEXT, odd_keys};
use crate::token::{by_hmac, by_key, claims, encode, header};
use crate::unusual_keys::unusual_keys;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for odd in odd_keys() {
        let case = if odd.accepted { Case::accepted } else { Case::refused };
        cases.push(case(Setup::Keys, &odd.name, odd.token));
    }
    for key in unusual_keys() {
        let case = if key.is_usable { Case::accepted } else { Case::refused };
        cases.push(case(Setup::Keys, key.name, key.token()));
    }
    for (name, key) in [("first", &ED25519), ("second", &NEXT)] {
        let token = by_key(key, header("EdDSA", "twice"), claims());
        cases.push(Case::refused(Setup::Keys, &format!("the {name} of two keys with one kid"), token));
    }
    let secret = encode([7; 32]);
    for secret in [secret.as_bytes(), &[7; 32]] {
        let token = by_hmac(Algorithm::HS256, secret, header("HS256", "oct"), claims());
        cases.push(Case::refused(Setup::Keys, &format!("a secret in the key set, of {} bytes", secret.len()), token));
    }
    cases.push(Case::refused(Setup::Keys, "a kid of no key", by_key(&ED25519, header("EdDSA", "nothing"), claims())));
    cases
}
