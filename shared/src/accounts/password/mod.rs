//! Passwords: which new ones are accepted, how they are hashed, and the hashes of other back ends that are verified.

mod argon2id;
mod bcrypt;
mod hasher;
mod pbkdf2;
mod policy;
mod stored;

pub(super) use hasher::{PasswordHasher, Verification};
pub(super) use policy::PasswordPolicy;
