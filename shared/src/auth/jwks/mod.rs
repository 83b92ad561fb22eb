//! The public keys of the auth service (RFC 7517): where they come from, and how long they are used.

mod cache;
mod fetch;
mod key_set;
mod source;

pub(super) use cache::JwksCache;
pub(super) use key_set::KeySet;
pub(super) use source::KeySource;
