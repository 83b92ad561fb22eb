//! The check constraints of `tasks`.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::{TasksTable, type_family};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::{CHECKS, ExpectedCheck};

pub(super) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut differences = Vec::new();
    for expected in &CHECKS {
        let ExpectedCheck { name, column, condition } = expected;
        let validate = Change::standalone(
            format!("validate the check {name}"),
            format!("alter table tasks validate constraint {name};"),
        );
        // Whatever the other back end checks about this column, that is its rule.
        let existing = tasks.checks.iter().find(|check| check.columns.iter().any(|checked| checked == column));
        if let Some(check) = existing {
            if check.name == *name && !check.validated {
                differences.push(Difference::automatic(format!("the check {name} is not validated"), [validate]));
            }
            continue;
        }
        // A constraint that is not validated would still refuse the next change of a row that violates it.
        if is_violated(database, tasks, expected).await? {
            continue;
        }
        let add = Change::in_transaction(
            format!("add the check {name}"),
            format!("alter table tasks add constraint {name} check ({condition}) not valid;"),
        )
        .with_undo(format!("alter table tasks drop constraint {name};"));
        differences.push(Difference::automatic(format!("the check {name} is missing"), [add, validate]));
    }
    Ok(differences)
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
