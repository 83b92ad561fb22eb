//! One difference between the database and what the functions need.

use std::fmt;

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
    /// The owner of the database has to choose one of these.
    Choices(Vec<Choice>),
}

/// One way to resolve a difference, which the owner of the database may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    condition: String,
    action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Sql(String),
    Words(String),
}

impl Choice {
    /// `condition` says when to choose it: `if it is the title`.
    pub(crate) fn sql_if(condition: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { condition: condition.into(), action: Action::Sql(sql.into()) }
    }

    /// A choice that is not SQL, such as a setting.
    pub(crate) fn words_if(condition: impl Into<String>, words: impl Into<String>) -> Self {
        Self { condition: condition.into(), action: Action::Words(words.into()) }
    }

    /// When to choose it, as a clause.
    #[must_use]
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// The statements of the choice, which can be sent together. `None` when it is not SQL.
    #[must_use]
    pub fn sql(&self) -> Option<&str> {
        match &self.action {
            Action::Sql(sql) => Some(sql),
            Action::Words(_) => None,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Action::Sql(text) | Action::Words(text)) = &self.action;
        write!(formatter, "{}: {text}", self.condition)
    }
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
            Resolution::Choices(choices) => choices.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    /// The ways among which the owner has to choose.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        match &self.resolution {
            Resolution::Choices(choices) => choices,
            Resolution::Automatic(_) | Resolution::Manual(_) => &[],
        }
    }

    /// The changes that resolve the difference. `None` when the owner has to decide.
    pub(crate) fn changes(&self) -> Option<&[Change]> {
        match &self.resolution {
            Resolution::Automatic(changes) => Some(changes),
            Resolution::Manual(_) | Resolution::Choices(_) => None,
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

    /// A difference that the owner of the database has to resolve in one of several ways.
    pub(crate) fn choice(description: impl Into<String>, choices: impl Into<Vec<Choice>>) -> Self {
        Self { description: description.into(), resolution: Resolution::Choices(choices.into()) }
    }
}
