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
            self.scheme.missing_work(stored.as_ref()).into_iter().for_each(|work| work.spend(&password));
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

    /// What makes the refusal of a password take as long as one for no account, or longer. `stored` was verified.
    ///
    /// A time that is the same for hashes of all formats is not possible: those of another format than the new ones take
    /// longer, which shows that there is an account.
    fn missing_work(self, stored: Option<&StoredHash>) -> Vec<Work> {
        match (self, stored) {
            // Each cost takes twice the time of the one before: 2ⁿ + 2ⁿ + 2ⁿ⁺¹ + … + 2¹¹ = 2¹².
            (Self::Bcrypt, Some(StoredHash::Bcrypt(hash))) => (hash.cost()..bcrypt::COST).map(Work::Bcrypt).collect(),
            // All others take less time, also Argon2id.
            (Self::Bcrypt, _) => vec![Work::Bcrypt(bcrypt::COST)],
            (Self::Argon2id, Some(StoredHash::Bcrypt(_) | StoredHash::Argon2id(_))) => Vec::new(),
            (Self::Argon2id, _) => vec![Work::Argon2id],
        }
    }
}

/// A verification whose result does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Of a hash of this cost.
    Bcrypt(u32),
    Argon2id,
}

impl Work {
    fn spend(self, password: &str) {
        match self {
            Self::Bcrypt(cost) => bcrypt::spend(cost, password),
            Self::Argon2id => argon2id::spend(password),
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

    #[test]
    fn no_account_costs_one_verification_of_a_new_hash() {
        assert_eq!(PasswordScheme::Bcrypt.missing_work(None), [Work::Bcrypt(12)]);
        assert_eq!(PasswordScheme::Argon2id.missing_work(None), [Work::Argon2id]);
    }

    #[test]
    fn no_stored_hash_costs_less_than_no_account() {
        let work = |scheme: PasswordScheme, text: &str| {
            let stored = StoredHash::parse(text, true).expect(text);
            scheme.missing_work(Some(&stored))
        };
        let bcrypt = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
        let argon2id = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let pbkdf2 = "$pbkdf2-sha256$29000$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(work(PasswordScheme::Bcrypt, bcrypt), []);
        let costs = [Work::Bcrypt(10), Work::Bcrypt(11)];
        assert_eq!(work(PasswordScheme::Bcrypt, &bcrypt.replace("$12$", "$10$")), costs);
        for cheaper in [argon2id, pbkdf2, sha256] {
            assert_eq!(work(PasswordScheme::Bcrypt, cheaper), [Work::Bcrypt(12)], "{cheaper}");
        }
        for dearer in [bcrypt, argon2id] {
            assert_eq!(work(PasswordScheme::Argon2id, dearer), [], "{dearer}");
        }
        for cheaper in [pbkdf2, sha256] {
            assert_eq!(work(PasswordScheme::Argon2id, cheaper), [Work::Argon2id], "{cheaper}");
        }
    }
}
