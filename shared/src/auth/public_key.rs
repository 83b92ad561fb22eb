//! Public keys that verify signatures (RFC 7518, RFC 8037).
//!
//! Each algorithm is computed by the fastest implementation that the program contains anyway, or needs: ECDSA and RSA
//! by OpenSSL, Ed25519 by `ed25519-dalek`. Only keys that are safe to verify with can be made.

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;
use openssl::sign::{RsaPssSaltlen, Verifier};

/// The size of a coordinate of P-256, of a point of Ed25519, and of each half of their signatures.
pub(super) const CURVE_BYTES: usize = 32;

/// Shorter keys are insecure; longer ones take longer to verify than a request is worth.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// Every usual public exponent fits into four bytes.
const RSA_EXPONENT_MAX_BYTES: usize = 4;

/// A public key that is safe to verify with.
pub(super) enum PublicKey {
    Ed25519(VerifyingKey),
    P256(EcKey<Public>),
    Rsa(PKey<Public>),
}

impl PublicKey {
    /// A point of Ed25519. `None` if it is not on the curve, or has a small order: such a key verifies forged signatures.
    fn from_ed25519(point: &[u8; CURVE_BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(point).ok()?;
        (!key.is_weak()).then_some(Self::Ed25519(key))
    }

    /// A point of P-256: the byte 4 and both coordinates. `None` if it is not on the curve.
    fn from_p256(point: &[u8]) -> Option<Self> {
        without_openssl_errors(|| {
            let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            // Checks that the point is on the curve. Each one has the order of the curve, which is a prime.
            let mut scratch = BigNumContext::new()?;
            let point = EcPoint::from_bytes(&curve, point, &mut scratch)?;
            EcKey::from_public_key(&curve, &point).map(Self::P256)
        })
    }

    /// Modulus and exponent, big-endian. `None` for numbers that cannot be those of a key, and for weak ones.
    fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        // With the exponent 1 every message would be its own signature.
        let is_safe_exponent = exponent.len() <= RSA_EXPONENT_MAX_BYTES && is_odd(exponent) && exponent != [1];
        if !RSA_BITS.contains(&bits) || !is_odd(modulus) || !is_safe_exponent {
            return None;
        }
        without_openssl_errors(|| {
            let key = Rsa::from_public_components(BigNum::from_slice(modulus)?, BigNum::from_slice(exponent)?)?;
            PKey::from_rsa(key).map(Self::Rsa)
        })
    }

    /// From the form in which `jsonwebtoken` keeps a key. `None` for a key that is not safe to verify with.
    pub(super) fn from_decoding_key(key: &DecodingKey) -> Option<Self> {
        match (key.family(), key.kind()) {
            (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) => {
                Self::from_ed25519(point.as_slice().try_into().ok()?)
            }
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => Self::from_p256(point),
            (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => Self::from_rsa(n, e),
            _ => None,
        }
    }

    /// Whether the key has signed the message with this algorithm.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Ed25519(key), Algorithm::EdDSA) => {
                Signature::from_slice(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            (Self::P256(key), Algorithm::ES256) => {
                without_openssl_errors(|| verify_ecdsa(key, message, signature)).unwrap_or(false)
            }
            (Self::Rsa(key), Algorithm::RS256) => {
                without_openssl_errors(|| verify_rsa(key, Padding::PKCS1, message, signature)).unwrap_or(false)
            }
            (Self::Rsa(key), Algorithm::PS256) => {
                without_openssl_errors(|| verify_rsa(key, Padding::PKCS1_PSS, message, signature)).unwrap_or(false)
            }
            _ => false,
        }
    }
}

/// The signature is r and s, each of the size of a coordinate, not DER as in other protocols.
fn verify_ecdsa(key: &EcKey<Public>, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    let (halves, []) = signature.as_chunks::<CURVE_BYTES>() else { return Ok(false) };
    let [r, s] = halves else { return Ok(false) };
    // Verifying refuses numbers that are not between zero and the order of the curve.
    let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    signature.verify(&sha256(message), key)
}

fn verify_rsa(key: &PKey<Public>, padding: Padding, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    // OpenSSL takes a shorter PSS signature for a number with zeros before it. It has to be as long as the modulus.
    if signature.len() != key.size() {
        return Ok(false);
    }
    let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
    verifier.set_rsa_padding(padding)?;
    if padding == Padding::PKCS1_PSS {
        // RFC 7518 allows no other length.
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    }
    verifier.verify_oneshot(signature, message)
}

/// The result of calls of OpenSSL, whose queue of errors is empty afterwards. The queue belongs to the thread: what a
/// refused signature leaves there would look like the failure of the next read from the database.
fn without_openssl_errors<T>(call: impl FnOnce() -> Result<T, ErrorStack>) -> Option<T> {
    let result = call();
    drop(ErrorStack::get());
    result.ok()
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point of P-256 whose x is 5: small enough to have a second representation in 32 bytes.
    const SMALL_X: [u8; CURVE_BYTES] =
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
    const Y: [u8; CURVE_BYTES] = [
        0x45, 0x92, 0x43, 0xb9, 0xaa, 0x58, 0x18, 0x06, 0xfe, 0x91, 0x3b, 0xce, 0x99, 0x81, 0x7a, 0xde, 0x11, 0xca,
        0x50, 0x3c, 0x64, 0xd9, 0xa3, 0xc5, 0x33, 0x41, 0x5c, 0x08, 0x32, 0x48, 0xfb, 0xcc,
    ];
    /// The prime of P-256 plus 5.
    const LARGE_X: [u8; CURVE_BYTES] =
        [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4];

    fn p256(x: &[u8; CURVE_BYTES], y: &[u8; CURVE_BYTES]) -> Option<PublicKey> {
        PublicKey::from_p256(&[[4].as_slice(), x, y].concat())
    }

    #[test]
    fn points_of_p256_have_one_representation() {
        assert!(p256(&SMALL_X, &Y).is_some());
        assert!(p256(&LARGE_X, &Y).is_none());
        assert!(p256(&SMALL_X, &SMALL_X).is_none());
        assert!(p256(&[0; CURVE_BYTES], &[0; CURVE_BYTES]).is_none());
    }

    #[test]
    fn a_key_verifies_only_with_its_own_algorithm() {
        let key = p256(&SMALL_X, &Y).expect("a point");
        for algorithm in [Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256] {
            assert!(!key.verify(algorithm, b"", &[1; 64]), "{algorithm:?}");
        }
    }

    #[test]
    fn failures_leave_no_error_in_the_queue() {
        let ec = p256(&SMALL_X, &Y).expect("a point");
        let rsa = PublicKey::from_rsa(&[0xff; 256], &[1, 0, 1]).expect("a modulus");
        let is_queue_empty = || ErrorStack::get().errors().is_empty();
        assert!(p256(&SMALL_X, &SMALL_X).is_none() && is_queue_empty());
        for (key, algorithm, size) in
            [(&ec, Algorithm::ES256, 64), (&rsa, Algorithm::RS256, 256), (&rsa, Algorithm::PS256, 256)]
        {
            for byte in [0, 1, 0xff] {
                assert!(!key.verify(algorithm, b"", &vec![byte; size]), "{algorithm:?}, {byte}");
                assert!(is_queue_empty(), "{algorithm:?}, {byte}");
            }
        }
    }
}
