//! What a function prepares while it starts.

use super::statements::Statements;

/// The statements that a function prepares before its first request, for the table of users that was found.
#[derive(Debug, Clone, Copy)]
pub struct StartAccountStatements(fn(&Statements) -> Vec<String>);

impl StartAccountStatements {
    pub(super) const fn new(choose: fn(&Statements) -> Vec<String>) -> Self {
        Self(choose)
    }

    pub(super) fn of(self, statements: &Statements) -> Vec<String> {
        (self.0)(statements)
    }
}
