//! The tables of sign-up and sign-in at this API, and the function that refuses revoked tokens.

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::sign_in::{DOWN_FILE, UP_FILE};

/// One difference for all of them.
pub(super) fn difference(tasks: &TasksTable) -> Option<Difference> {
    let missing = tasks.sign_in.missing();
    let sql = tasks.sign_in.repair()?;
    let description = if sql == UP_FILE {
        "the tables of sign-in in tasks_api are missing".to_owned()
    } else {
        format!("objects of sign-in in tasks_api are missing, or are other ones: {}", missing.join(", "))
    };
    let add = Change::in_transaction("add the tables of sign-in to tasks_api", sql).with_undo(DOWN_FILE);
    Some(Difference::automatic(description, [add]))
}
