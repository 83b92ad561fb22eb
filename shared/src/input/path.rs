//! Parameters of paths.

use crate::noun::Noun;

/// An id that can be read from a segment of a path.
pub trait FromPath: Sized {
    /// What the id identifies.
    const NOUN: &'static Noun;

    /// `None` if nothing can be stored under this id.
    fn from_path(segment: &str) -> Option<Self>;
}
