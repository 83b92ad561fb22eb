//! One change of a table that another back end created, as SQL, with the SQL that undoes it.

/// A change. It is made completely or not at all, and can be repeated after an interruption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// In the imperative: `add the column due_date`.
    pub(crate) description: String,
    pub(crate) sql: String,
    pub(crate) execution: Execution,
    pub(crate) undo: Option<Undo>,
}

/// How the SQL of a change is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Execution {
    /// In one short transaction. The statements block readers or writers of the table.
    Transaction,
    /// As one statement outside of a transaction, either because PostgreSQL demands it (`create index concurrently`) or
    /// because it takes long and blocks no other session (`validate constraint`).
    Standalone,
}

/// How to undo a [`Change`]. It is sent in the same way as the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undo {
    pub(crate) sql: String,
    /// A condition on the rows of `tasks` that would lose data.
    pub(crate) data_condition: Option<&'static str>,
    /// Set on the last change of an adoption: the newest of the migrations that the adoption stands for.
    pub(crate) adopted_through: Option<i64>,
}

impl Change {
    /// Statements for one short transaction: [`Execution::Transaction`].
    pub(crate) fn in_transaction(description: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { description: description.into(), sql: sql.into(), execution: Execution::Transaction, undo: None }
    }

    /// One statement outside of a transaction: [`Execution::Standalone`].
    pub(crate) fn standalone(description: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { description: description.into(), sql: sql.into(), execution: Execution::Standalone, undo: None }
    }

    /// Sets the SQL that undoes the change.
    pub(crate) fn with_undo(mut self, sql: impl Into<String>) -> Self {
        self.undo = Some(Undo { sql: sql.into(), data_condition: None, adopted_through: None });
        self
    }

    /// Says which rows lose data when the change is undone. Has no effect without [`Change::with_undo`].
    pub(crate) fn with_data_condition(mut self, condition: Option<&'static str>) -> Self {
        self.undo = self.undo.map(|undo| Undo { data_condition: condition, ..undo });
        self
    }

    /// Marks the last change of an adoption. Has no effect without [`Change::with_undo`].
    pub(crate) fn with_adopted_through(mut self, version: i64) -> Self {
        self.undo = self.undo.map(|undo| Undo { adopted_through: Some(version), ..undo });
        self
    }
}
