//! Strict deserialization of members of a JOSE header or a claims set.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A member that is present must have its type: null does not count as absent.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// True for a member that is present, with any value.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
