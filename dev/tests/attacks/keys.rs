//! Keys that are used in these tests only.
//!
//! `keys/signing.json` contains private keys (PKCS #8, and PKCS #1 for RSA) and their public keys as another library
//! wrote them. They are fixed because generating an RSA key takes seconds. `keys/odd.json` contains public keys that
//! most libraries refuse to generate, each with a token for [`ADA`](crate::token::ADA) that is valid until the year
//! 2100. The signature of each token matches the key, so that a refusal can only be about the key itself.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use serde::Deserialize;
use serde_json::Value;

/// A private key with its public half.
pub(crate) struct Key {
    pub(crate) encoding: EncodingKey,
    pub(crate) algorithm: Algorithm,
    /// The public key, without `kid`, `alg` and `use`.
    pub(crate) jwk: Value,
}

pub(crate) static ED25519: LazyLock<Key> = LazyLock::new(|| Key::read("ed25519", Algorithm::EdDSA));
pub(crate) static P256: LazyLock<Key> = LazyLock::new(|| Key::read("p256", Algorithm::ES256));
pub(crate) static RSA: LazyLock<Key> = LazyLock::new(|| Key::read("rsa", Algorithm::RS256));
/// The key after a rotation of [`ED25519`].
pub(crate) static NEXT: LazyLock<Key> = LazyLock::new(|| Key::read("ed25519_next", Algorithm::EdDSA));
/// Keys of an attacker.
pub(crate) static ATTACKER_ED25519: LazyLock<Key> = LazyLock::new(|| Key::read("ed25519_attacker", Algorithm::EdDSA));
pub(crate) static ATTACKER_P256: LazyLock<Key> = LazyLock::new(|| Key::read("p256_attacker", Algorithm::ES256));
pub(crate) static ATTACKER_RSA: LazyLock<Key> = LazyLock::new(|| Key::read("rsa_attacker", Algorithm::RS256));

/// An unusual public key and a token that it verifies.
#[derive(Clone, Deserialize)]
pub(crate) struct OddKey {
    pub(crate) name: String,
    /// Whether the token must be accepted.
    pub(crate) accepted: bool,
    /// Null for a second token of an earlier key in the list.
    pub(crate) jwk: Value,
    pub(crate) token: String,
}

/// The keys of `keys/odd.json`.
pub(crate) fn odd_keys() -> Vec<OddKey> {
    serde_json::from_str(include_str!("keys/odd.json")).expect("a list of keys and tokens")
}

impl Key {
    fn read(name: &str, algorithm: Algorithm) -> Self {
        let keys: Value = serde_json::from_str(include_str!("keys/signing.json")).expect("a map of keys");
        let der = BASE64_STANDARD.decode(keys[name]["der"].as_str().expect("a key")).expect("base64");
        let encoding = match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
            Algorithm::ES256 => EncodingKey::from_ec_der(&der),
            _ => EncodingKey::from_rsa_der(&der),
        };
        Self { encoding, algorithm, jwk: keys[name]["jwk"].clone() }
    }

    /// The signature of a message, in base64url.
    pub(crate) fn sign(&self, message: &str) -> String {
        self.sign_by(self.algorithm, message)
    }

    /// [`Key::sign`] by another algorithm of the key's family.
    pub(crate) fn sign_by(&self, algorithm: Algorithm, message: &str) -> String {
        crypto::sign(message.as_bytes(), &self.encoding, algorithm).expect("an algorithm of the key")
    }

    /// The public key with these members set. Null removes a member.
    pub(crate) fn jwk_with(&self, members: &Value) -> Value {
        let mut jwk = self.jwk.clone();
        for (name, value) in members.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        jwk
    }

    /// A string member of the public key.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.jwk[member].as_str().expect("a text")
    }

    /// A member of the public key, decoded from base64url.
    pub(crate) fn bytes(&self, member: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(self.text(member)).expect("base64url")
    }

    /// The public key as SubjectPublicKeyInfo.
    pub(crate) fn der(&self) -> Vec<u8> {
        match self.algorithm {
            Algorithm::EdDSA => [hex("302a300506032b6570032100"), self.bytes("x")].concat(),
            Algorithm::ES256 => {
                let prefix = hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
                [prefix, self.bytes("x"), self.bytes("y")].concat()
            }
            _ => [hex("30820122300d06092a864886f70d01010105000382010f00"), self.rsa_public_key()].concat(),
        }
    }

    /// The private key, for signatures that other libraries do not make.
    pub(crate) fn rsa_private_key(&self) -> Rsa<Private> {
        Rsa::private_key_from_der(self.encoding.as_bytes()).expect("a key of PKCS #1")
    }

    /// `RSAPublicKey` of PKCS #1, for 2048 bits and the usual exponent.
    pub(crate) fn rsa_public_key(&self) -> Vec<u8> {
        [hex("3082010a0282010100"), self.bytes("n"), hex("0203010001")].concat()
    }
}

/// Bytes from their hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).expect("a digit")).expect("less than 16");
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A block of PEM, with a line break at its end.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
