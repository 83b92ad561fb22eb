//! Hashes passwords, and verifies them in a time that does not tell why a password is refused.

use super::stored::StoredHash;
use super::{argon2id, bcrypt};
use crate::config::{PasswordConfig, PasswordScheme};

/// Hashes and verifies passwords as the settings say. Both take a fifth of a second of a processor, so they run on a thread
/// of their own.
#[derive(Debug, Clone, Copy)]
pub(in crate::accounts) struct PasswordHasher {
    scheme: PasswordScheme,
    accepts_sha256: bool,
}

/// Whether a password is that of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Verification {
    Refused,
    Accepted {
        /// The hash is cheaper to guess than a new one, which should replace it.
        is_weak: bool,
    },
}

impl PasswordHasher {
    pub(in crate::accounts) fn new(config: &PasswordConfig) -> Self {
        Self { scheme: config.scheme, accepts_sha256: config.accepts_sha256 }
    }

    /// A new hash of the password.
    pub(in crate::accounts) async fn hash(self, password: &str) -> String {
        let password = password.to_owned();
        run(move || self.scheme.hash(&password)).await
    }

    /// Whether `password` is the one of `stored`, and may be used. `None`: there is no such account.
    ///
    /// Every refusal takes as long as a verification of a new hash, at least.
    pub(in crate::accounts) async fn verify(
        self,
        password: &str,
        stored: Option<&str>,
        may_be_used: bool,
    ) -> Verification {
        let password = password.to_owned();
        let stored = stored.and_then(|text| StoredHash::parse(text, self.accepts_sha256));
        run(move || {
            if let Some(stored) = &stored
                && stored.verify(&password)
                && may_be_used
            {
                return Verification::Accepted { is_weak: stored.is_weak() };
            }
            self.scheme.complete(stored.as_ref(), &password);
            Verification::Refused
        })
        .await
    }
}

impl PasswordScheme {
    fn hash(self, password: &str) -> String {
        match self {
            Self::Bcrypt => bcrypt::hash(password),
            Self::Argon2id => argon2id::hash(password),
        }
    }

    /// Takes the time by which the verification of `stored` was shorter than that of a new hash.
    fn complete(self, stored: Option<&StoredHash>, password: &str) {
        match (stored, self) {
            // Each cost takes twice the time of the one before: 2ⁿ + 2ⁿ + 2ⁿ⁺¹ + … + 2¹¹ = 2¹².
            (Some(StoredHash::Bcrypt(hash)), Self::Bcrypt) => {
                (hash.cost()..bcrypt::COST).for_each(|cost| bcrypt::spend(cost, password));
            }
            (Some(StoredHash::Bcrypt(_) | StoredHash::Argon2id(_)), _) => {}
            (Some(StoredHash::Pbkdf2(_) | StoredHash::Sha256(_)) | None, Self::Bcrypt) => {
                bcrypt::spend(bcrypt::COST, password);
            }
            (Some(StoredHash::Pbkdf2(_) | StoredHash::Sha256(_)) | None, Self::Argon2id) => argon2id::spend(password),
        }
    }
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn own_hashes_are_verified_and_not_weak() {
        for (scheme, prefix) in
            [(PasswordScheme::Bcrypt, "$2b$12$"), (PasswordScheme::Argon2id, "$argon2id$v=19$m=19456,t=2,p=1$")]
        {
            let hasher = PasswordHasher { scheme, accepts_sha256: false };
            let hash = hasher.hash("correct horse").await;
            assert!(hash.starts_with(prefix), "{hash}");
            let verify = async |password, may| hasher.verify(password, Some(&hash), may).await;
            assert_eq!(verify("correct horse", true).await, Verification::Accepted { is_weak: false });
            assert_eq!(verify("correct horse", false).await, Verification::Refused);
            assert_eq!(verify("Correct horse", true).await, Verification::Refused);
            assert_eq!(hasher.verify("correct horse", None, true).await, Verification::Refused);
        }
    }
}
