//! A field that a request can give in more than one spelling.

/// A form that spreads a task and changes one of the spellings sends the others as they were: of two values, the one that
/// differs from the stored value is the edit. If both differ, `value` wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spellings<T> {
    /// The value to store.
    pub(crate) value: T,
    /// The value to store if `value` is stored already.
    pub(crate) otherwise: T,
}

impl<T: PartialEq> Spellings<T> {
    /// Whether it depends on what is stored which one counts.
    pub(super) fn differ(&self) -> bool {
        self.value != self.otherwise
    }
}

impl<T: Clone> Spellings<T> {
    /// From the values in their order. `None` if there are none.
    pub(super) fn new(values: &[T]) -> Option<Self> {
        Some(Self { value: values.first()?.clone(), otherwise: values.last()?.clone() })
    }
}
