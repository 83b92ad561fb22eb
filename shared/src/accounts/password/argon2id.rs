//! Argon2id: what argon2-cffi writes, and the option `PASSWORD_HASH=argon2id` for new hashes.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

/// The parameters of new hashes (OWASP): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What a stored hash may cost. The default of argon2-cffi is 64 MiB and three passes.
const MEMORY_MAX_KIB: u32 = 512 * 1024;
const PASSES_MAX: u32 = 16;

/// A hash that begins with `$argon2id$`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argon2idHash(PasswordHash);

impl Argon2idHash {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("$argon2id$") {
            return None;
        }
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let is_affordable = params.m_cost() <= MEMORY_MAX_KIB && params.t_cost() <= PASSES_MAX;
        (is_affordable && hash.hash.is_some()).then_some(Self(hash))
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &self.0).is_ok()
    }
}

/// A new hash, `$argon2id$v=19$m=19456,t=2,p=1$…`.
pub(super) fn hash(password: &str) -> String {
    let hash = ours().hash_password(password.as_bytes());
    hash.expect("the parameters are valid, and the system has randomness").to_string()
}

/// Takes as long as a new hash.
pub(super) fn spend(password: &str) {
    let mut output = [0; 32];
    std::hint::black_box(ours().hash_password_into(password.as_bytes(), &[0; 16], &mut output).ok());
}

fn ours() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("valid parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}
