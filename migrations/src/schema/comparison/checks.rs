//! The check constraints of `tasks`. On a column that another back end created there must be none of ours: it may go on
//! writing what it has always written.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::{Origin, TasksTable, type_family};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::{CHECKS, ExpectedCheck};

pub(super) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut differences = Vec::new();
    for expected in &CHECKS {
        let difference = match owner(tasks, expected) {
            Owner::ThisProgram => missing(database, tasks, expected).await?,
            Owner::OtherBackEnd { has_our_check: true } => superfluous(tasks, expected),
            Owner::OtherBackEnd { has_our_check: false } => None,
        };
        differences.extend(difference);
    }
    Ok(differences)
}

/// Which program created a column.
enum Owner {
    ThisProgram,
    OtherBackEnd {
        /// Whether an earlier release added a check to it.
        has_our_check: bool,
    },
}

fn owner(tasks: &TasksTable, ExpectedCheck { name, column, .. }: &ExpectedCheck) -> Owner {
    let Origin::OtherBackEnd { changes } = &tasks.origin else { return Owner::ThisProgram };
    let was_made = |change: String| changes.contains(&change);
    if tasks.column(column).is_none() || was_made(format!("add the column {column}")) {
        return Owner::ThisProgram;
    }
    Owner::OtherBackEnd { has_our_check: was_made(format!("add the check {name}")) }
}

async fn missing(
    database: &mut PgConnection,
    tasks: &TasksTable,
    expected: &ExpectedCheck,
) -> Result<Option<Difference>, sqlx::Error> {
    let ExpectedCheck { name, column, condition } = expected;
    let validate = Change::standalone(
        format!("validate the check {name}"),
        format!("alter table tasks validate constraint {name};"),
    );
    // Whatever the owner of the database checks about this column instead, that is the rule.
    let existing = tasks.checks.iter().find(|check| check.columns.iter().any(|checked| checked == column));
    if let Some(check) = existing {
        return Ok((check.name == *name && !check.validated)
            .then(|| Difference::automatic(format!("the check {name} is not validated"), [validate])));
    }
    // A constraint that is not validated would still refuse the next change of a row that violates it.
    if is_violated(database, tasks, expected).await? {
        return Ok(None);
    }
    let add = Change::in_transaction(
        format!("add the check {name}"),
        format!("alter table tasks add constraint {name} check ({condition}) not valid;"),
    )
    .with_undo(format!("alter table tasks drop constraint {name};"));
    Ok(Some(Difference::automatic(format!("the check {name} is missing"), [add, validate])))
}

/// The undo restores the check, so that the undo of an earlier release finds it.
fn superfluous(tasks: &TasksTable, ExpectedCheck { name, condition, .. }: &ExpectedCheck) -> Option<Difference> {
    tasks.checks.iter().find(|check| check.name == *name)?;
    let drop =
        Change::in_transaction(format!("drop the check {name}"), format!("alter table tasks drop constraint {name};"))
            .with_undo(format!("alter table tasks add constraint {name} check ({condition}) not valid;"));
    Some(Difference::automatic(format!("the check {name} refuses what your back end may write"), [drop]))
}

async fn is_violated(
    database: &mut PgConnection,
    tasks: &TasksTable,
    ExpectedCheck { column, condition, .. }: &ExpectedCheck,
) -> Result<bool, sqlx::Error> {
    // A missing column has no values yet, and a column of another type is reported as such.
    if tasks.column(column).is_none_or(|column| type_family(&column.type_name) != "text") {
        return Ok(false);
    }
    let sql = format!("select exists (select from tasks where not ({condition}))");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}
