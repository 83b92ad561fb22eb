//! Why a schema could not be changed, each as a sentence for the person who ran the program.

use sqlx::migrate::{self, Migration};

use crate::patience::is_in_use;
use crate::{Difference, Step};

/// Why nothing, or not everything, was done. Displays as one sentence, which never holds the URL's password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The URL is not one of a PostgreSQL database.
    #[error("The database URL {problem}")]
    Url {
        /// What is wrong with it, without quoting it.
        problem: String,
    },

    /// The server refused, or there is none.
    #[error("Cannot connect to the database at {host}: {}", said(source))]
    Connect {
        /// The URL's host, or the socket's directory.
        host: String,
        /// What the driver met.
        source: sqlx::Error,
    },

    /// The server neither accepted nor refused.
    #[error("The database at {host} does not answer")]
    Silent {
        /// The URL's host, or the socket's directory.
        host: String,
    },

    /// Another program migrates the same database and does not come to an end.
    #[error("Another program keeps changing this database's schema: try again when it is done")]
    Busy,

    /// There is nothing for `tasks.user_id` to reference.
    #[error(
        "Sign-in keeps its users in a table, and this database has neither \"user\" nor users: run Better Auth's migration \
         first (npx @better-auth/cli migrate), or set AUTH_USER_TABLE to the table's name (for Neon Auth, neon_auth.user), \
         or to none for no foreign key"
    )]
    NoUserTable,

    /// The table that `AUTH_USER_TABLE` names does not exist or cannot be seen.
    #[error(
        "AUTH_USER_TABLE says {name}, and there is no such table: give its name as SQL has it, with its schema if that is \
         not in the search path, or none for no foreign key"
    )]
    UnknownUserTable {
        /// The value of the setting.
        name: String,
    },

    /// A foreign key cannot reference this table.
    #[error(
        "tasks.user_id cannot reference {table}, because {reason}: set AUTH_USER_TABLE to the table that sign-in keeps its \
         users in, or to none for no foreign key"
    )]
    UnfitUserTable {
        /// The table's name with its schema.
        table: String,
        /// What a foreign key would miss in it.
        reason: &'static str,
    },

    /// The table `tasks` references another table than `AUTH_USER_TABLE` names.
    #[error(
        "tasks.user_id references {references} by the foreign key {foreign_key}, and AUTH_USER_TABLE says {setting}: \
         remove the setting to keep that, or drop the foreign key first (alter table tasks drop constraint {foreign_key})"
    )]
    OtherUserTable {
        /// The foreign key's name.
        foreign_key: String,
        /// The table that it references.
        references: String,
        /// The table that the setting names.
        setting: String,
    },

    /// A table `tasks` that another back end made lacks what only its owner can give it.
    #[error(
        "The table tasks cannot be adopted as it is, and {}:{}",
        if *.was_begun { "nothing more was changed; what an earlier run did does no harm" } else { "nothing was changed" },
        listed(.differences)
    )]
    CannotAdopt {
        /// What its owner has to decide.
        differences: Vec<Difference>,
        /// Whether the adoption had already changed something.
        was_begun: bool,
    },

    /// Adoption could not finish, because somebody held a table.
    #[error(
        "Another transaction kept a table in use, so there was no way to {change}. What was done before does no harm: run \
         it again, and it goes on from there"
    )]
    InUse {
        /// What comes next, in the imperative.
        change: String,
    },

    /// A change of a table that another back end made failed, and left no trace.
    #[error(
        "It was not possible to {change}: {}. What was done before does no harm: run it again, and it goes on from there",
        said(source)
    )]
    Change {
        /// What failed, in the imperative.
        change: String,
        /// What the database said.
        source: sqlx::Error,
    },

    /// A step back would lose what users have stored.
    #[error(
        "{change} would lose what {count} tasks hold: nothing was changed. If that is meant, say so with --discard-data"
    )]
    HoldsData {
        /// How many tasks.
        count: i64,
        /// What would be done.
        change: String,
    },

    /// The file of an applied step is not what it was.
    #[error(
        "Migration {} ({}) was edited after it was applied to this database: restore the file, and make the change in a \
         new migration", .0.version, .0.name
    )]
    Edited(Step),

    /// The way back is in another release.
    #[error(
        "The newest migration of this database, {version}, is not one that this release knows: only the release that \
         applied it can take it back"
    )]
    Newer {
        /// Its number.
        version: i64,
    },

    /// A table was in use for as long as the step was willing to wait.
    #[error(
        "Migration {} ({}) changed nothing, because another transaction kept a table in use: run it again", .0.version, .0.name
    )]
    Locked(Step),

    /// A step failed and left no trace.
    #[error("Migration {} ({}) failed and changed nothing: {}", step.version, step.name, said(source))]
    Step {
        /// The step.
        step: Step,
        /// What the database said.
        source: sqlx::Error,
    },

    /// The database failed outside a step.
    #[error("The database cannot be migrated: {}", said(.0))]
    Database(#[from] sqlx::Error),

    /// The migrator refused.
    #[error("The database cannot be migrated: {0}")]
    Migrator(#[source] migrate::MigrateError),
}

impl MigrateError {
    pub(crate) fn in_step(migration: &Migration, error: migrate::MigrateError) -> Self {
        let step = Step::from(migration);
        match database_error(error) {
            Ok(source) if is_in_use(&source) => MigrateError::Locked(step),
            Ok(source) => MigrateError::Step { step, source },
            Err(other) => MigrateError::Migrator(other),
        }
    }

    pub(crate) fn waiting_for_turn(error: migrate::MigrateError) -> Self {
        match database_error(error) {
            Ok(source) if is_in_use(&source) => MigrateError::Busy,
            Ok(source) => MigrateError::Database(source),
            Err(other) => MigrateError::Migrator(other),
        }
    }
}

/// The error beneath the migrator's own.
fn database_error(error: migrate::MigrateError) -> Result<sqlx::Error, migrate::MigrateError> {
    match error {
        migrate::MigrateError::Execute(source) | migrate::MigrateError::ExecuteMigration(source, _) => Ok(source),
        other => Err(other),
    }
}

/// Each on a line of its own, with what can be done.
fn listed(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("\n- {}\n  {}", difference.what(), difference.fix())).collect()
}

/// What went wrong, without the driver's own words before it.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        other => other.to_string(),
    }
}
