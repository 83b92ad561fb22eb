//! PBKDF2 as passlib writes it: `$pbkdf2-sha256$29000$salt$hash`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::Sha256;

/// A stored hash may not cost more. The default of passlib is 29 000.
const ROUNDS_MAX: u32 = 10_000_000;
/// The length of the hash.
const BYTES: usize = 32;

/// A hash of passlib's `pbkdf2_sha256`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pbkdf2Hash {
    rounds: u32,
    salt: Vec<u8>,
    hash: [u8; BYTES],
}

impl Pbkdf2Hash {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$pbkdf2-sha256$")?.split('$');
        let (rounds, salt, hash) = (parts.next()?.parse().ok()?, decode(parts.next()?)?, decode(parts.next()?)?);
        let is_whole = parts.next().is_none() && (1..=ROUNDS_MAX).contains(&rounds);
        is_whole.then_some(())?;
        Some(Self { rounds, salt, hash: hash.try_into().ok()? })
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        let mut computed = [0; BYTES];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &self.salt, self.rounds, &mut computed);
        openssl::memcmp::eq(&computed, &self.hash)
    }
}

/// passlib's variant of base64 has `.` in place of `+`.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.replace('.', "+")).ok()
}
