//! The secret that the application shares with Better Auth.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Verifies HMAC-SHA-256. The implementation is the one with which the driver signs in to PostgreSQL.
pub(super) struct SharedSecret {
    /// Has hashed the key already.
    keyed: Hmac<Sha256>,
}

impl SharedSecret {
    pub(super) fn from_bytes(secret: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") }
    }

    /// Whether the signature is that of the message. The comparison takes the same time for every signature.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.keyed.clone().chain_update(message).verify_slice(signature).is_ok()
    }
}
