//! A hash as it is stored, in one of the formats that are verified.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::argon2id::Argon2idHash;
use super::bcrypt::{self, BcryptHash};
use super::pbkdf2::Pbkdf2Hash;

/// A stored hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoredHash {
    Bcrypt(BcryptHash),
    Argon2id(Box<Argon2idHash>),
    Pbkdf2(Pbkdf2Hash),
    /// Without a salt, in hexadecimal digits. Only with `PASSWORD_LEGACY=sha256`.
    Sha256(String),
}

impl StoredHash {
    /// `None` if it has no format that is accepted.
    pub(super) fn parse(text: &str, accepts_sha256: bool) -> Option<Self> {
        if let Some(hash) = BcryptHash::parse(text) {
            return Some(Self::Bcrypt(hash));
        }
        if let Some(hash) = Argon2idHash::parse(text) {
            return Some(Self::Argon2id(Box::new(hash)));
        }
        if let Some(hash) = Pbkdf2Hash::parse(text) {
            return Some(Self::Pbkdf2(hash));
        }
        let is_sha256 = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (accepts_sha256 && is_sha256).then(|| Self::Sha256(text.to_ascii_lowercase()))
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        match self {
            Self::Bcrypt(hash) => hash.verify(password),
            Self::Argon2id(hash) => hash.verify(password),
            Self::Pbkdf2(hash) => hash.verify(password),
            Self::Sha256(hash) => openssl::memcmp::eq(sha256_hex(password).as_bytes(), hash.as_bytes()),
        }
    }

    /// Whether it is replaced at the next sign-in, because it is cheaper to guess than a new one.
    pub(super) fn is_weak(&self) -> bool {
        match self {
            Self::Bcrypt(hash) => hash.cost() < bcrypt::COST,
            Self::Sha256(_) => true,
            Self::Argon2id(_) | Self::Pbkdf2(_) => false,
        }
    }
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text can be written to");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTED: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";

    #[test]
    fn other_texts_are_no_hashes() {
        for text in [
            "",
            "$2b$12$",
            "secret password",
            &SALTED.replace("$2b$", "$2x$"),
            &SALTED.replace("$12$", "$31$"),
            &SALTED.replace("$12$", "$03$"),
            &format!("{SALTED}a"),
            "$argon2id$",
            "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$X3dmRrbBqsw",
            "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$pbkdf2-sha256$0$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$pbkdf2-sha256$29000$c2FsdA$CTFh",
            "$pbkdf2-sha256$99000000$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "0123456789abcdef0123456789abcdef:00",
        ] {
            assert_eq!(StoredHash::parse(text, true), None, "{text}");
        }
    }

    #[test]
    fn sha256_is_accepted_only_if_the_settings_say_so() {
        // `printf secret | sha256sum`
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(StoredHash::parse(hash, false), None);
        for spelling in [hash.to_owned(), hash.to_uppercase()] {
            let stored = StoredHash::parse(&spelling, true).expect("a hash");
            assert_eq!((stored.verify("secret"), stored.verify("Secret"), stored.is_weak()), (true, false, true));
        }
    }

    #[test]
    fn a_bcrypt_hash_of_another_length_of_work_is_weak() {
        let is_weak = |text: &str| StoredHash::parse(text, false).map(|hash| hash.is_weak());
        assert_eq!(is_weak(SALTED), Some(false));
        assert_eq!(is_weak(&SALTED.replace("$12$", "$13$")), Some(false));
        assert_eq!(is_weak(&SALTED.replace("$12$", "$10$")), Some(true));
    }
}
