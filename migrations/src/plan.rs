//! What [`crate::up`] would do, as SQL for a person to read, and to run.

use std::fmt;

use sqlx::PgConnection;
use sqlx::migrate::MigrationType;

use crate::catalogue::Tasks;
use crate::change::{brief_transaction, quoted};
use crate::steps::{self, MAKE_RECORD};
use crate::{MigrateError, Options, adoption, user_table};

/// The changes in their order. Displays as a script for `psql`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Empty when there is nothing to do.
    pub changes: Vec<PlannedChange>,
}

/// One change of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange {
    /// In the imperative: `add the column due_date`.
    pub what: String,
    /// The SQL in parts, each to be sent by itself: PostgreSQL would run several in one transaction.
    pub statements: Vec<String>,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(formatter, "-- There is nothing to do.");
        }
        writeln!(formatter, "-- What `migrate up` would do. To do it by hand: psql --set ON_ERROR_STOP=1 --file …")?;
        for change in &self.changes {
            write!(formatter, "\n-- {}\n{}\n", change.what, change.statements.join("\n"))?;
        }
        Ok(())
    }
}

pub(crate) async fn plan(database: &mut PgConnection, options: &Options) -> Result<Plan, MigrateError> {
    let setting = options.auth_user_table.as_deref();
    let applied = steps::applied(database).await?;
    steps::refuse_edited(&applied)?;
    let settings = |more: String| PlannedChange {
        what: "Settings of this session: let nobody wait long".to_owned(),
        statements: vec![format!("set statement_timeout = 0;\nset lock_timeout = '60s';{more}")],
    };
    if applied.is_empty()
        && let Some(tasks) = Tasks::read(database).await?
    {
        let changes = adoption::changes(database, &tasks, setting).await?;
        let changes = changes
            .into_iter()
            .map(|change| PlannedChange { statements: change.messages(), what: sentence(&change.what) });
        return Ok(Plan { changes: [settings(String::new())].into_iter().chain(changes).collect() });
    }

    let pending: Vec<_> =
        steps::files(MigrationType::ReversibleUp).filter(|step| !applied.contains_key(&step.version)).collect();
    if pending.is_empty() {
        return Ok(Plan::default());
    }
    let mut first = settings(String::new());
    if applied.is_empty() {
        let users = user_table::choose(database, setting).await?;
        let name = users.map_or(user_table::NONE.to_owned(), |users| users.name);
        first = settings(format!("\nselect set_config('{}', {}, false);", crate::USER_TABLE_SETTING, quoted(&name)));
    }
    let record =
        PlannedChange { what: "Make the record of the steps".to_owned(), statements: vec![MAKE_RECORD.to_owned()] };
    let steps = pending.into_iter().map(|migration| {
        let sql = migration.sql.as_str().trim_end();
        let record = steps::record(migration);
        PlannedChange {
            what: format!("Step {:04}: {}", migration.version, migration.description),
            statements: if migration.no_tx {
                vec![sql.to_owned(), record]
            } else {
                vec![brief_transaction(&format!("{sql}\n{record}"))]
            },
        }
    });
    Ok(Plan { changes: [first, record].into_iter().chain(steps).collect() })
}

/// Begins with a capital letter.
fn sentence(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
