//! Makes the changes of an adoption.

use sqlx::PgConnection;

use crate::adoption::changes::required_changes;
use crate::adoption::messages::{messages, send};
use crate::error::MigrateError;
use crate::lock_budget::{LockBudget, RETRY_DELAY, is_lock_conflict};
use crate::migration::{self, Migration};
use crate::report::Report;
use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;

/// Adopts the table `tasks`. It is safe to call this again after a failure: it continues with the change that failed.
pub(crate) async fn adopt(
    database: &mut PgConnection,
    auth_user_table: Option<&str>,
    budget: &mut LockBudget,
) -> Result<Report, MigrateError> {
    let mut made = Vec::new();
    loop {
        // Read again for each attempt: meanwhile another session may have changed the table.
        let Some(tasks) = TasksTable::read(database).await? else {
            return Ok(Report::default());
        };
        let changes = required_changes(database, &tasks, auth_user_table).await?;
        match make(database, changes, budget, &mut made).await {
            Ok(()) => break,
            Err((_, error)) if is_lock_conflict(&error) && budget.wait_to_retry(RETRY_DELAY).await => {}
            Err((change, error)) if is_lock_conflict(&error) => {
                return Err(MigrateError::ChangeLockTimeout { change });
            }
            Err((change, source)) => return Err(MigrateError::ChangeFailed { change, source }),
        }
    }
    Ok(Report { migrations: migration::up_files().map(Migration::from).collect(), changes: made })
}

/// Makes changes of a table that is migrated or adopted, and returns their descriptions.
pub(crate) async fn make_changes(
    database: &mut PgConnection,
    changes: Vec<Change>,
    budget: &mut LockBudget,
) -> Result<Vec<String>, MigrateError> {
    let mut made = Vec::new();
    for change in changes {
        while let Err((change, source)) = make(database, vec![change.clone()], budget, &mut made).await {
            if !is_lock_conflict(&source) {
                return Err(MigrateError::ChangeFailed { change, source });
            }
            if !budget.wait_to_retry(RETRY_DELAY).await {
                return Err(MigrateError::ChangeLockTimeout { change });
            }
        }
    }
    Ok(made)
}

/// Makes the changes and adds the description of each to `made`. An error comes with the description of the change that
/// failed.
async fn make(
    database: &mut PgConnection,
    changes: Vec<Change>,
    budget: &mut LockBudget,
    made: &mut Vec<String>,
) -> Result<(), (String, sqlx::Error)> {
    for change in changes {
        for message in messages(&change) {
            if let Err(error) = send(database, &message, budget).await {
                return Err((change.description, error));
            }
        }
        budget.reset();
        made.push(change.description);
    }
    Ok(())
}
