//! `plan`: what `up` would do, as SQL for a person to read and to run.

use std::fmt;

use sqlx::{Connection, PgConnection, migrate};

use crate::adoption;
use crate::bookkeeping::Bookkeeping;
use crate::connection::connect_read_only;
use crate::error::MigrateError;
use crate::history;
use crate::migration;
use crate::options::Options;
use crate::own_users::{self, OwnUsers};
use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::extra_fields;
use crate::schema::field_columns;
use crate::schema::priority_check;
use crate::sql::{brief_transaction, string_literal};
use crate::task_table;
use crate::user_table::{self, SESSION_SETTING};

/// The changes in their order. Displays as a script for `psql`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Empty when there is nothing to do.
    pub changes: Vec<PlannedChange>,
    /// What the owner of the database may want to know, each a sentence.
    pub notes: Vec<String>,
}

/// One change of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange {
    /// One line, which begins with a capital letter: `Add the column due_date`.
    pub description: String,
    /// The SQL. Each element must be sent as a message of its own: PostgreSQL runs one message in one transaction.
    pub statements: Vec<String>,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            writeln!(formatter, "-- There is nothing to do.")?;
        } else {
            writeln!(
                formatter,
                "-- What `migrate up` would do. To do it by hand: psql --set ON_ERROR_STOP=1 --file …"
            )?;
        }
        for note in &self.notes {
            writeln!(formatter, "-- Note: {note}")?;
        }
        for change in &self.changes {
            write!(formatter, "\n-- {}\n{}\n", change.description, change.statements.join("\n"))?;
        }
        Ok(())
    }
}

/// What [`up`](crate::up) would do. Changes nothing.
///
/// # Errors
/// As [`up`](crate::up), as far as the failure can be foreseen.
pub async fn plan(database_url: &str, options: &Options) -> Result<Plan, MigrateError> {
    let mut database = connect_read_only(database_url).await?;
    let plan = run(&mut database, options).await;
    let _ = database.close().await;
    plan
}

async fn run(database: &mut PgConnection, options: &Options) -> Result<Plan, MigrateError> {
    let auth_user_table = options.auth_user_table.as_deref();
    let bookkeeping = Bookkeeping::read(database).await?;
    let applied = history::applied(database, &bookkeeping).await?;
    history::verify_checksums(&applied)?;

    let tasks = TasksTable::read(database).await?;
    let mut notes = tasks.as_ref().map(field_columns::notes).unwrap_or_default();
    notes.extend(extra_fields::notes(tasks.as_ref(), options.task_extra_fields.as_deref()));
    let creation = own_users::creation(database, options).await?.filter(|_| applied.is_empty() && tasks.is_none());
    let mut later_changes = Vec::new();
    if options.has_own_users() && creation.is_some() {
        later_changes.push(own_users::change_of_new_table());
    } else if options.has_own_users() {
        let users = OwnUsers::read(database, options).await?;
        notes.extend(users.notes(database).await?);
        later_changes = users.changes(database).await?;
    }
    if applied.is_empty() {
        task_table::require(database, tasks.as_ref(), options.task_table.as_deref()).await?;
        if let Some(tasks) = &tasks {
            let changes = adoption::required_changes(database, tasks, auth_user_table).await?;
            let changes = changes.iter().chain(&later_changes).map(planned_change);
            return Ok(Plan { changes: [session_settings("")].into_iter().chain(changes).collect(), notes });
        }
    }

    if tasks.is_none() && !applied.is_empty() {
        return Err(MigrateError::MissingTasks);
    }
    let priorities = options.task_priorities.as_deref();
    let priority_check = match tasks {
        Some(_) => priority_check::changes(database, priorities).await?,
        None => priority_check::changes_of_new_table(priorities),
    };
    let later_changes: Vec<PlannedChange> = priority_check.iter().chain(&later_changes).map(planned_change).collect();
    let pending: Vec<_> = migration::up_files().filter(|file| !applied.contains_key(&file.version)).collect();
    if pending.is_empty() {
        let settings = (!later_changes.is_empty()).then(|| session_settings(""));
        return Ok(Plan { changes: settings.into_iter().chain(later_changes).collect(), notes });
    }
    let settings = if applied.is_empty() {
        let name = match &creation {
            Some(_) => "users".to_owned(),
            None => user_table::session_setting_value(user_table::choose(database, auth_user_table).await?),
        };
        let name = string_literal(&name);
        session_settings(&format!("\nselect set_config('{SESSION_SETTING}', {name}, false);"))
    } else {
        session_settings("")
    };
    history::require_privileges(&bookkeeping)?;
    let preparation = bookkeeping.preparation().map(|statements| PlannedChange {
        description: "Prepare the schema tasks_api, for the table that records the migrations".to_owned(),
        statements: vec![brief_transaction(&statements)],
    });
    let migrations = pending.into_iter().map(planned_migration);
    let creation = creation.as_ref().map(planned_change);
    let changes = [settings].into_iter().chain(creation).chain(preparation).chain(migrations);
    let changes = changes.chain(later_changes).collect();
    Ok(Plan { changes, notes })
}

fn planned_change(change: &Change) -> PlannedChange {
    PlannedChange { statements: adoption::messages(change), description: capitalized(&change.description) }
}

/// The settings that `up` uses too, and `more` statements.
fn session_settings(more: &str) -> PlannedChange {
    PlannedChange {
        description: "Settings of this session".to_owned(),
        statements: vec![format!("set statement_timeout = 0;\nset lock_timeout = '60s';{more}")],
    }
}

fn planned_migration(file: &migrate::Migration) -> PlannedChange {
    let sql = file.sql.as_str().trim_end();
    let record = history::insert_statement(file);
    PlannedChange {
        description: format!("Migration {:04}: {}", file.version, file.description),
        statements: if file.no_tx {
            vec![sql.to_owned(), record]
        } else {
            vec![brief_transaction(&format!("{sql}\n{record}"))]
        },
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
