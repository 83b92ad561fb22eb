//! Which new passwords are accepted (NIST SP 800-63B, OWASP): neither too short nor among the most common ones. There are no
//! rules about kinds of characters, and no character is replaced.

use super::bcrypt;
use crate::config::{PasswordConfig, PasswordScheme};

/// The most common passwords of at least eight characters, in lower case: the first of the list of zxcvbn
/// (<https://github.com/dropbox/zxcvbn>, MIT licence).
const COMMON: &str = include_str!("common_passwords.txt");
/// Longer ones are refused, so that hashing them takes no longer.
const PASSWORD_MAX_BYTES: usize = 1024;

/// The rules for new passwords.
#[derive(Debug, Clone, Copy)]
pub(in crate::accounts) struct PasswordPolicy {
    min_length: usize,
    max_bytes: usize,
}

impl PasswordPolicy {
    pub(in crate::accounts) fn new(config: &PasswordConfig) -> Self {
        let max_bytes = match config.scheme {
            PasswordScheme::Bcrypt => bcrypt::PASSWORD_MAX_BYTES,
            PasswordScheme::Argon2id => PASSWORD_MAX_BYTES,
        };
        Self { min_length: config.min_length, max_bytes }
    }

    /// The rule that the password breaks, as a predicate: `must have at least 8 characters`.
    pub(in crate::accounts) fn broken_rule(self, password: &str) -> Option<String> {
        if password.chars().count() < self.min_length {
            return Some(format!("must have at least {} characters", self.min_length));
        }
        if password.len() > self.max_bytes {
            return Some(format!("must have at most {} bytes", self.max_bytes));
        }
        let lower_case = password.to_lowercase();
        COMMON.lines().any(|common| common == lower_case).then(|| "is among the most common passwords".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_rule(scheme: PasswordScheme, password: &str) -> Option<String> {
        PasswordPolicy::new(&PasswordConfig { scheme, ..PasswordConfig::default() }).broken_rule(password)
    }

    #[test]
    fn a_password_is_neither_short_nor_long_nor_common() {
        let rule = |password: &str| broken_rule(PasswordScheme::Bcrypt, password);
        for good in ["correct horse", "        ", "ÄÖÜäöüßé", &"a".repeat(72), "🐎🐎🐎🐎🐎🐎🐎🐎"]
        {
            assert_eq!(rule(good), None, "{good}");
        }
        for (bad, sentence) in [
            ("", "must have at least 8 characters"),
            ("1234567", "must have at least 8 characters"),
            ("🐎🐎", "must have at least 8 characters"),
            (&"a".repeat(73), "must have at most 72 bytes"),
            (&"ä".repeat(37), "must have at most 72 bytes"),
            ("password", "is among the most common passwords"),
            ("PassWord1", "is among the most common passwords"),
        ] {
            assert_eq!(rule(bad).as_deref(), Some(sentence), "{bad}");
        }
        assert_eq!(broken_rule(PasswordScheme::Argon2id, &"a".repeat(73)), None);
        assert!(broken_rule(PasswordScheme::Argon2id, &"a".repeat(1025)).is_some());
    }

    #[test]
    fn the_common_passwords_are_in_lower_case() {
        assert!(COMMON.lines().all(|common| common == common.to_lowercase() && common.chars().count() >= 8));
        assert_eq!(COMMON.lines().count(), 3000);
    }
}
