//! Optimistic locking.

/// The versions of a row to which a change may be applied.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Versions(Option<Vec<i64>>);

impl Versions {
    /// Any version.
    pub(crate) const ANY: Self = Self(None);

    /// One of these versions. If there are none, no change is applied.
    pub(crate) fn one_of(versions: Vec<i64>) -> Self {
        Self(Some(versions))
    }

    /// The versions; `None` for any.
    pub(crate) fn as_slice(&self) -> Option<&[i64]> {
        self.0.as_deref()
    }
}
