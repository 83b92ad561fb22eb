//! bcrypt: what Python's `bcrypt` and passlib write, and the default for new hashes.

use std::str::FromStr as _;

use bcrypt::{HashParts, hash_with_salt};

/// The cost of new hashes. A lower one is raised at sign-in.
pub(super) const COST: u32 = 12;
/// Higher costs take longer than a request may.
const MAX_COST: u32 = 16;
/// The longest password that is not cut, in bytes.
pub(super) const PASSWORD_MAX_BYTES: usize = 72;

/// A hash that begins with `$2a$`, `$2b$` or `$2y$`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BcryptHash(HashParts);

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix));
        let parts = is_known.then(|| HashParts::from_str(text).ok()).flatten()?;
        (4..=MAX_COST).contains(&parts.get_cost()).then_some(Self(parts))
    }

    /// Whether it is the hash of this password, cut after 72 bytes as Python's `bcrypt` does before version 5.
    pub(super) fn verify(&self, password: &str) -> bool {
        let computed = hash_with_salt(password, self.cost(), self.0.get_salt_raw());
        computed.is_ok_and(|computed| is_same(&computed, &self.0))
    }

    pub(super) fn cost(&self) -> u32 {
        self.0.get_cost()
    }
}

/// A new hash, `$2b$12$…`.
pub(super) fn hash(password: &str) -> String {
    bcrypt::hash(password, COST).expect("the cost is valid, and the system has randomness")
}

/// Takes as long as a hash of this cost.
pub(super) fn spend(cost: u32, password: &str) {
    std::hint::black_box(hash_with_salt(password, cost, [0; 16]).ok());
}

/// Compares in constant time.
fn is_same(computed: &HashParts, stored: &HashParts) -> bool {
    let (computed, stored) = (computed.to_string(), stored.to_string());
    openssl::memcmp::eq(computed.as_bytes(), stored.as_bytes())
}
