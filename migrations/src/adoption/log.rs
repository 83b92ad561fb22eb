//! The table [`ADOPTION_LOG`], which records the changes of an adoption and how to undo each of them.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::bookkeeping::{ADOPTION_LOG, Bookkeeping, DROP_SCHEMA};
use crate::error::MigrateError;
use crate::schema::change::{Change, Execution};
use crate::sql::string_literal;

/// Creates the table. Its columns are fixed: databases that were adopted have it.
pub(crate) const CREATE_LOG: &str = "create table tasks_api.tasks_adoption (
    position integer generated always as identity primary key,
    change text not null,
    -- The SQL that undoes the change.
    undo text not null,
    -- Whether that is one statement outside of a transaction.
    undo_alone boolean not null,
    -- A condition on the rows of tasks that would lose data.
    holds text,
    -- In the last row: the newest of the migrations that the adoption stands for.
    through bigint
);";

/// The statement that records how to undo a change. `None` when there is nothing to undo.
pub(crate) fn insert_statement(change: &Change) -> Option<String> {
    let undo = change.undo.as_ref()?;
    Some(format!(
        "insert into {ADOPTION_LOG} (change, undo, undo_alone, holds, through)\nvalues ({}, {}, {}, {}, {});",
        string_literal(&change.description),
        string_literal(&undo.sql),
        change.execution == Execution::Standalone,
        undo.data_condition.map_or("null".to_owned(), string_literal),
        undo.adopted_through.map_or("null".to_owned(), |version| version.to_string()),
    ))
}

/// What an adoption has recorded.
pub(crate) struct AdoptionLog {
    /// The table, quoted for SQL.
    pub(crate) table: String,
    /// The newest first.
    pub(crate) entries: Vec<LogEntry>,
    /// The newest of the migrations that the adoption stands for. `None` when it was interrupted.
    pub(crate) adopted_through: Option<i64>,
}

/// One change that was made, or was about to be made when the adoption was interrupted.
#[derive(FromRow)]
pub(crate) struct LogEntry {
    pub(crate) position: i32,
    /// In the imperative: `add the column due_date`.
    pub(crate) change: String,
    pub(crate) undo: String,
    /// Whether `undo` is one statement outside of a transaction.
    pub(crate) undo_is_standalone: bool,
    /// A condition on the rows of `tasks` that would lose data.
    pub(crate) data_condition: Option<String>,
    pub(crate) adopted_through: Option<i64>,
}

impl AdoptionLog {
    /// Reads the table. `None` when it does not exist, because the migrations created `tasks` or no table was adopted yet.
    pub(crate) async fn read(
        database: &mut PgConnection,
        bookkeeping: &Bookkeeping,
    ) -> Result<Option<Self>, MigrateError> {
        let Some(table) = bookkeeping.adoption_log.clone() else {
            return Ok(None);
        };
        let entries: Vec<LogEntry> = sqlx::query_as(AssertSqlSafe(format!(
            "select
                position,
                change,
                undo,
                undo_alone as undo_is_standalone,
                holds as data_condition,
                through as adopted_through
            from {table}
            order by position desc"
        )))
        .fetch_all(database)
        .await?;
        let adopted_through = entries.iter().find_map(|entry| entry.adopted_through);
        Ok(Some(Self { table, entries, adopted_through }))
    }
}

impl AdoptionLog {
    /// The statement that deletes the row of this change.
    pub(crate) fn delete_statement(&self, entry: &LogEntry) -> String {
        format!("delete from {} where position = {};", self.table, entry.position)
    }

    /// The statements that drop the table, and the schema of our own if the table was there.
    pub(crate) fn drop_statements(&self) -> String {
        let drop_schema = if self.table == ADOPTION_LOG { DROP_SCHEMA } else { "" };
        format!("drop table {};\n{drop_schema}", self.table)
    }
}
