//! One difference between the database and what the functions need.

use crate::schema::change::Change;

/// One thing in which the database differs from what the functions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    description: String,
    resolution: Resolution,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Resolution {
    /// The program can make these changes.
    Automatic(Vec<Change>),
    /// The owner of the database has to choose; the text names the choices.
    Manual(String),
}

impl Difference {
    /// What differs, as a clause: `the column due_date is missing`.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The SQL that resolves the difference. Where the owner has to decide, the choices in words and SQL.
    #[must_use]
    pub fn fix(&self) -> String {
        match &self.resolution {
            Resolution::Automatic(changes) => {
                changes.iter().map(|change| &*change.sql).filter(|sql| !sql.is_empty()).collect::<Vec<_>>().join("\n")
            }
            Resolution::Manual(advice) => advice.clone(),
        }
    }

    /// The changes that resolve the difference. `None` when the owner has to decide.
    pub(crate) fn changes(&self) -> Option<&[Change]> {
        match &self.resolution {
            Resolution::Automatic(changes) => Some(changes),
            Resolution::Manual(_) => None,
        }
    }

    /// A difference that the program can resolve.
    pub(crate) fn automatic(description: impl Into<String>, changes: impl Into<Vec<Change>>) -> Self {
        Self { description: description.into(), resolution: Resolution::Automatic(changes.into()) }
    }

    /// A difference that the owner of the database has to resolve.
    pub(crate) fn manual(description: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { description: description.into(), resolution: Resolution::Manual(advice.into()) }
    }
}
