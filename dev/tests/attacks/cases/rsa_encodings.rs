//! RSA signatures, made with the right key, whose number or encoded hash is not as RFC 8017 and RFC 7518 require.

use openssl::hash::{MessageDigest, hash};
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use serde_json::json;

use crate::case::{Case, Setup};
use crate::keys::{RSA, hex};
use crate::token::{claims, claims_with, encode, header, message, with_signature};

/// The size of the modulus.
const BYTES: usize = 256;
/// `DigestInfo` of SHA-256 before the hash.
const SHA256_PREFIX: &str = "3031300d060960864801650304020105000420";

pub(crate) fn cases() -> Vec<Case> {
    [numbers(), pkcs1(), pss()].into_iter().flatten().collect()
}

/// Other representations of a valid signature's number.
fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (alg, kid) in [("RS256", "rs"), ("PS256", "ps")] {
        let (message, signature) = first_signed(alg, kid, |signature| signature[0] == 0);
        cases.push(Case::accepted(Setup::Keys, &format!("{alg} with a zero first"), token(&message, &signature)));
        let shorter = token(&message, &signature[1..]);
        cases.push(Case::refused(Setup::Keys, &format!("{alg} without the zero at its start"), shorter));
        // The modulus is greater than half of the largest number of its size.
        let (message, signature) = first_signed(alg, kid, |signature| plus_modulus(signature).is_some());
        let greater = plus_modulus(&signature).expect("a small number");
        cases.push(Case::refused(Setup::Keys, &format!("{alg} plus the modulus"), token(&message, &greater)));
    }
    cases
}

/// Blocks that are almost the padding of PKCS #1 v1.5 with the hash of the message.
fn pkcs1() -> Vec<Case> {
    let message = message(header("RS256", "rs"), claims());
    let hashed = |digest: MessageDigest| hash(digest, message.as_bytes()).expect("a hash").to_vec();
    let sha256 = hashed(MessageDigest::sha256());
    let info = [hex(SHA256_PREFIX), sha256.clone()].concat();
    let without_null = [hex("302f300b0609608648016503040201"), hex("0420"), sha256.clone()].concat();
    let sha1 = [hex("3021300906052b0e03021a05000414"), hashed(MessageDigest::sha1())].concat();
    let sha512 = [hex("3051300d060960864801650304020305000440"), hashed(MessageDigest::sha512())].concat();
    let padded = |kind: u8, filler: u8, info: &[u8]| {
        [&[0, kind], vec![filler; BYTES - 3 - info.len()].as_slice(), &[0], info].concat()
    };
    let mut with_a_hole = padded(1, 0xff, &info);
    with_a_hole[100] = 0xfe;
    let garbage_behind = [&[0, 1], [0xff; 8].as_slice(), &[0], &info, &vec![0x5a; BYTES - 11 - info.len()]].concat();
    let garbage_inside = {
        // The hash is where it belongs, and the parameters of the algorithm fill the rest.
        let filler = BYTES - 11 - sha256.len() - 25;
        let length = u8::try_from(filler).expect("a short filler");
        let parameters = [hex("0481"), vec![length], vec![0x5a; filler]].concat();
        let algorithm = [hex("0609608648016503040201"), parameters].concat();
        let algorithm = [hex("3081"), vec![u8::try_from(algorithm.len()).expect("a short text")], algorithm].concat();
        let info = [algorithm, hex("0420"), sha256.clone()].concat();
        let info = [hex("3081"), vec![u8::try_from(info.len()).expect("a short text")], info].concat();
        [vec![0, 1], vec![0xff; BYTES - 3 - info.len()], vec![0], info].concat()
    };
    let mut cases = Vec::new();
    let good = token(&message, &raw(&padded(1, 0xff, &info)));
    cases.push(Case::accepted(Setup::Keys, "RS256 of the right block", good));
    for (name, block) in [
        ("no padding", [vec![0; BYTES - info.len()], info.clone()].concat()),
        ("padding of type 0", padded(0, 0, &info)),
        ("padding of type 2", padded(2, 0xff, &info)),
        ("padding of other bytes", padded(1, 0xaa, &info)),
        ("padding with another byte", with_a_hole),
        ("padding with a byte before it", [&[1], &padded(1, 0xff, &info)[1..]].concat()),
        ("eight bytes of padding and garbage behind the hash", garbage_behind),
        ("garbage as the parameters of the hash", garbage_inside),
        ("the bare hash", padded(1, 0xff, &sha256)),
        ("no parameters of the hash", padded(1, 0xff, &without_null)),
        ("SHA-1", padded(1, 0xff, &sha1)),
        ("SHA-512", padded(1, 0xff, &sha512)),
        (
            "SHA-1 under the name of SHA-256",
            padded(1, 0xff, &[hex(SHA256_PREFIX), hashed(MessageDigest::sha1())].concat()),
        ),
        ("a byte behind the hash", padded(1, 0xff, &[info.as_slice(), &[0]].concat())),
    ] {
        assert_eq!(block.len(), BYTES, "{name}");
        cases.push(Case::refused(Setup::Keys, &format!("RS256 with {name}"), token(&message, &raw(&block))));
    }
    cases
}

/// PSS with other parameters than those of PS256.
fn pss() -> Vec<Case> {
    let message = message(header("PS256", "ps"), claims());
    let (sha1, sha256, sha512) = (MessageDigest::sha1(), MessageDigest::sha256(), MessageDigest::sha512());
    let mut cases = Vec::new();
    let good = pss_signature(&message, sha256, sha256, 32);
    cases.push(Case::accepted(Setup::Keys, "PS256 with a salt of 32 bytes", token(&message, &good)));
    for (name, digest, mask, salt) in [
        ("no salt", sha256, sha256, 0),
        ("a salt of 20 bytes", sha256, sha256, 20),
        ("a salt of 31 bytes", sha256, sha256, 31),
        ("a salt of 33 bytes", sha256, sha256, 33),
        ("the longest salt", sha256, sha256, 222),
        ("a mask of SHA-1", sha256, sha1, 32),
        ("a mask of SHA-512", sha256, sha512, 32),
        ("SHA-1", sha1, sha1, 20),
        ("SHA-1 and a salt of 32 bytes", sha1, sha1, 32),
        ("SHA-512", sha512, sha512, 64),
    ] {
        let token = token(&message, &pss_signature(&message, digest, mask, salt));
        cases.push(Case::refused(Setup::Keys, &format!("PS256 with {name}"), token));
    }
    cases
}

fn token(message: &str, signature: &[u8]) -> String {
    with_signature(message, &encode(signature))
}

/// A message with a valid signature that has a property which few have.
fn first_signed(alg: &str, kid: &str, has: impl Fn(&[u8]) -> bool) -> (String, Vec<u8>) {
    (0..)
        .map(|number| {
            let message = message(header(alg, kid), claims_with(&json!({"number": number})));
            let signature = if alg == "PS256" {
                pss_signature(&message, MessageDigest::sha256(), MessageDigest::sha256(), 32)
            } else {
                signer(MessageDigest::sha256(), |_| ()).sign_oneshot_to_vec(message.as_bytes()).expect("a signature")
            };
            (message, signature)
        })
        .find(|(_, signature)| has(signature))
        .expect("a number")
}

fn pss_signature(message: &str, digest: MessageDigest, mask: MessageDigest, salt: i32) -> Vec<u8> {
    let mut signer = signer(digest, |signer| {
        signer.set_rsa_padding(Padding::PKCS1_PSS).expect("a padding");
        signer.set_rsa_mgf1_md(mask).expect("a mask");
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt)).expect("a length");
    });
    signer.sign_oneshot_to_vec(message.as_bytes()).expect("a signature")
}

fn signer(digest: MessageDigest, configure: impl FnOnce(&mut Signer<'_>)) -> Signer<'static> {
    let key = PKey::from_rsa(RSA.rsa_private_key()).expect("a key");
    let mut signer = Signer::new(digest, &key).expect("a signer");
    configure(&mut signer);
    signer
}

/// A block to the power of the private exponent.
fn raw(block: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; BYTES];
    RSA.rsa_private_key().private_encrypt(block, &mut signature, Padding::NONE).expect("a block below the modulus");
    signature
}

/// The sum of a big-endian number and the modulus, if it fits.
fn plus_modulus(number: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut digits: Vec<u8> = number
        .iter()
        .zip(RSA.bytes("n"))
        .rev()
        .map(|(left, right)| {
            let sum = u16::from(*left) + u16::from(right) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    digits.reverse();
    (carry == 0).then_some(digits)
}
