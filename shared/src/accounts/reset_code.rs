//! Codes that stand for a forgotten password. An operator makes one, and stores its hash.

use sha2::{Digest as _, Sha256};

use super::throttle::bytes;
use crate::db::SqlParam;

/// The characters of a code.
const LENGTH: usize = 24;

/// The hash of the code that was entered in place of a password, as a parameter. Null if it does not look like a code.
pub(super) fn code_hash(password: &str) -> SqlParam<'static> {
    let code = password.trim().to_ascii_uppercase();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_code { bytes(&Sha256::digest(code)) } else { SqlParam::NULL }
}
