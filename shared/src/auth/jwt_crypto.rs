//! What `jsonwebtoken` verifies signatures with: the implementations that each program contains anyway.
//!
//! The providers that come with it would be second implementations of the same algorithms.

use jsonwebtoken::crypto::{self, CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

use super::public_key::PublicKey;
use super::shared_secret::SharedSecret;

/// It only verifies. Keys are read from JWKs by `jwks`, so `jsonwebtoken` needs no help with them.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(SignatureVerifier::new(*algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Whether the key has signed the message with this algorithm. `signature` is in base64url without padding.
pub(super) fn verify(signature: &str, message: &[u8], key: &DecodingKey, algorithm: Algorithm) -> bool {
    // It fails if it was installed before.
    PROVIDER.install_default().ok();
    crypto::verify(signature, message, key, algorithm).unwrap_or(false)
}

struct SignatureVerifier {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Shared(SharedSecret),
    Public(PublicKey),
}

impl SignatureVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, Error> {
        let key = match (key.family(), key.kind()) {
            (AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
                Some(Key::Shared(SharedSecret::from_bytes(secret)))
            }
            _ => PublicKey::from_decoding_key(key).map(Key::Public),
        };
        Ok(Self { algorithm, key: key.ok_or(ErrorKind::InvalidKeyFormat)? })
    }
}

impl Verifier<Vec<u8>> for SignatureVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let is_signed = match &self.key {
            Key::Shared(secret) => self.algorithm == Algorithm::HS256 && secret.verify(message, signature),
            Key::Public(key) => key.verify(self.algorithm, message, signature),
        };
        if is_signed { Ok(()) } else { Err(signature::Error::new()) }
    }
}

impl JwtVerifier for SignatureVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
