//! Changes as messages to the server. PostgreSQL runs the statements of one message in one transaction.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::adoption::log;
use crate::lock_budget::LockBudget;
use crate::schema::change::{Change, Execution};
use crate::sql::brief_transaction;

/// The change and the record of its undo, each element to be sent as one message.
pub(crate) fn messages(change: &Change) -> Vec<String> {
    let record = log::insert_statement(change);
    match change.execution {
        // The record comes first: undoing a change that was not made does no harm, but one without a record would stay.
        Execution::Standalone => record.into_iter().chain([change.sql.clone()]).collect(),
        Execution::Transaction => {
            let statements = [Some(change.sql.clone()), record].into_iter().flatten().filter(|sql| !sql.is_empty());
            vec![brief_transaction(&statements.collect::<Vec<_>>().join("\n"))]
        }
    }
}

/// Sends one message. A message outside of a [`brief_transaction`] blocks no other session while it waits for a lock, and
/// may use the whole budget.
pub(super) async fn send(database: &mut PgConnection, message: &str, budget: &LockBudget) -> Result<(), sqlx::Error> {
    database.execute(AssertSqlSafe(format!("set lock_timeout = '{}'", budget.lock_timeout()))).await?;
    let sent = database.execute(AssertSqlSafe(message.to_owned())).await;
    if sent.is_err() {
        // The message may have begun a transaction. The error that counts is the first one.
        let _ = database.execute("rollback").await;
    }
    sent.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_and_undo_are_recorded_together() {
        let change = Change::in_transaction("name it 'x'", "alter table a;")
            .with_undo("alter table b;")
            .with_data_condition(Some("c = 'd'"));
        assert_eq!(
            messages(&change),
            ["begin;\nset local lock_timeout = '1200ms';\nalter table a;\n\
              insert into tasks_api.tasks_adoption (change, undo, undo_alone, holds, through)\n\
              values ('name it ''x''', 'alter table b;', false, 'c = ''d''', null);\ncommit;"]
        );
    }
}
