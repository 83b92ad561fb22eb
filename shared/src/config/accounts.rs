//! How users sign up and sign in here, with `AUTH_MODE=password`.

use super::error::StartError;
use super::lookup::{Lookup, is_second, number};

/// Which passwords are accepted, and how they are hashed.
#[derive(Debug, Clone, Copy)]
pub struct PasswordConfig {
    /// `PASSWORD_MIN_LENGTH` of new passwords, in Unicode code points.
    pub min_length: usize,
    /// `PASSWORD_HASH`
    pub scheme: PasswordScheme,
    /// `PASSWORD_LEGACY=sha256`: unsalted SHA-256 in hexadecimal digits is accepted, and replaced at the first sign-in.
    pub accepts_sha256: bool,
}

/// The algorithm for new hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PasswordScheme {
    /// `$2b$12$`, which back ends in Python can verify.
    #[default]
    Bcrypt,
    /// Argon2id with 19 MiB, two passes and one lane.
    Argon2id,
}

/// The shortest length that is allowed, which is also the default (NIST SP 800-63B).
const MIN_LENGTH: usize = 8;

impl Default for PasswordConfig {
    fn default() -> Self {
        Self { min_length: MIN_LENGTH, scheme: PasswordScheme::default(), accepts_sha256: false }
    }
}

impl PasswordConfig {
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<Self, StartError> {
        let is_argon2id = is_second(lookup, "PASSWORD_HASH", ["bcrypt", "argon2id"])?;
        Ok(Self {
            min_length: number(lookup, "PASSWORD_MIN_LENGTH", MIN_LENGTH, MIN_LENGTH..=64)?,
            scheme: if is_argon2id { PasswordScheme::Argon2id } else { PasswordScheme::Bcrypt },
            accepts_sha256: is_second(lookup, "PASSWORD_LEGACY", ["none", "sha256"])?,
        })
    }
}

/// `AUTH_USER_TABLE`: the table of users, where the database has several. `own` is the table `users`, which migrations made.
/// `none` is about foreign keys only.
pub(super) fn user_table(lookup: Lookup<'_>) -> Option<String> {
    let name = lookup("AUTH_USER_TABLE")?;
    match name.trim() {
        "none" => None,
        "own" => Some("users".to_owned()),
        name => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<PasswordConfig, String> {
        let lookup = |wanted: &'static str| Some(settings.iter().find(|(name, _)| *name == wanted)?.1.to_owned());
        PasswordConfig::from_lookup(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn passwords_have_eight_characters_and_bcrypt_by_default() {
        let rules = |settings: &[(&str, &str)]| {
            let PasswordConfig { min_length, scheme, accepts_sha256 } = read(settings).expect("good settings");
            (min_length, scheme, accepts_sha256)
        };
        assert_eq!(rules(&[]), (8, PasswordScheme::Bcrypt, false));
        let settings = [("PASSWORD_HASH", "argon2id"), ("PASSWORD_LEGACY", "sha256"), ("PASSWORD_MIN_LENGTH", "12")];
        assert_eq!(rules(&settings), (12, PasswordScheme::Argon2id, true));
    }

    #[test]
    fn an_invalid_setting_is_refused() {
        for (name, value, sentence) in [
            ("PASSWORD_MIN_LENGTH", "7", "PASSWORD_MIN_LENGTH must be a number from 8 to 64"),
            ("PASSWORD_HASH", "md5", "PASSWORD_HASH must be bcrypt or argon2id"),
            ("PASSWORD_LEGACY", "md5", "PASSWORD_LEGACY must be none or sha256"),
        ] {
            assert_eq!(read(&[(name, value)]).err().as_deref(), Some(sentence));
        }
    }

    #[test]
    fn the_user_table_can_be_named() {
        let table = |value: &'static str| user_table(&move |_| Some(value.to_owned()));
        assert_eq!(table("own").as_deref(), Some("users"));
        assert_eq!(table("members").as_deref(), Some("members"));
        assert_eq!(table("none"), None);
    }
}
