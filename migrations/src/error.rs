//! Why a command failed, each as a sentence for the person who ran it.

use sqlx::migrate;

use crate::lock_budget::is_lock_conflict;
use crate::migration::Migration;
use crate::schema::difference::Difference;

/// Why nothing was done, or only a part. Displays as one sentence, which never contains the URL's password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The URL is not one of a PostgreSQL database.
    #[error("The database URL {problem}")]
    Url {
        /// What is wrong with it, without quoting it.
        problem: String,
    },

    /// The connection was refused, or there is no server.
    #[error("Cannot connect to the database at {host}: {}", driver_message(source))]
    Connect {
        /// The URL's host, or the directory of the socket.
        host: String,
        /// The driver's error.
        source: sqlx::Error,
    },

    /// There was no connection within 30 seconds.
    #[error("The database at {host} does not answer")]
    ConnectTimeout {
        /// The URL's host, or the directory of the socket.
        host: String,
    },

    /// Another program is migrating the same database, and did not finish within the lock budget.
    #[error("Another program keeps changing this database's schema: try again when it is done")]
    MigrationLockTimeout,

    /// There is no table that `tasks.user_id` could reference.
    #[error(
        "Sign-in keeps its users in a table, and this database has neither \"user\" nor users: run Better Auth's migration \
         first (npx @better-auth/cli migrate), or set AUTH_USER_TABLE to the table's name (for Neon Auth, neon_auth.user), \
         or to none for no foreign key. If users sign up at this API (AUTH_MODE=password), AUTH_USER_TABLE=own makes the table"
    )]
    NoUserTable,

    /// The table that `AUTH_USER_TABLE` names does not exist, or this role cannot see it.
    #[error(
        "AUTH_USER_TABLE says {name}, and there is no such table: give its name as SQL has it, with its schema if that is \
         not in the search path, or none for no foreign key"
    )]
    UnknownUserTable {
        /// The value of the setting.
        name: String,
    },

    /// A foreign key cannot reference the table of users.
    #[error(
        "tasks.user_id cannot reference {table}, because {reason}: set AUTH_USER_TABLE to the table that sign-in keeps its \
         users in, or to none for no foreign key"
    )]
    UnusableUserTable {
        /// The table's name with its schema.
        table: String,
        /// What a foreign key needs and the table does not have.
        reason: &'static str,
    },

    /// The existing foreign key references another table than `AUTH_USER_TABLE` names.
    #[error(
        "tasks.user_id references {references} by the foreign key {foreign_key}, and AUTH_USER_TABLE says {setting}: \
         remove the setting to keep that, or drop the foreign key first (alter table tasks drop constraint {foreign_key})"
    )]
    ConflictingUserTable {
        /// The foreign key's name.
        foreign_key: String,
        /// The table that it references.
        references: String,
        /// The table that the setting names.
        setting: String,
    },

    /// This role may not create the schema of our own, or tables in it.
    #[error(
        "migrate keeps its own tables in the schema tasks_api, apart from those of your back end, and this role may not \
         make them there: as the owner of the database, run {grant}"
    )]
    MissingGrant {
        /// The statement that allows it.
        grant: String,
    },

    /// The database records migrations, and has no table `tasks`.
    #[error(
        "This database records that the table tasks was made, and has none: restore it, or add its schema to the search \
         path (options=-csearch_path%3D… in the URL). If the tasks are to be given up: drop schema tasks_api cascade"
    )]
    MissingTasks,

    /// The database has no epoch that could be renewed.
    #[error("This database does not record changes of tasks yet, so there is no epoch to renew: run migrate up")]
    NoEpoch,

    /// Users do not sign in at this API, so there is no password to reset.
    #[error("There are no passwords here to reset: {reason}")]
    NoPasswords {
        /// Why, as a sentence.
        reason: String,
    },

    /// The database lacks the table of codes.
    #[error("This database has no table for the code yet: run migrate up")]
    NoResetCodes,

    /// No user has the e-mail address.
    #[error("No user has this e-mail address")]
    UnknownUser,

    /// Several users have the e-mail address, and none of them exactly.
    #[error("Several users have this e-mail address in upper and lower case: give it exactly as it is stored")]
    AmbiguousUser,

    /// The owner of the database has to change the table `tasks` before it can be adopted.
    #[error(
        "The table tasks cannot be adopted as it is, and {}:{}",
        if *.already_begun { "nothing more was changed; what an earlier run did does no harm" } else { "nothing was changed" },
        bullet_list(.differences)
    )]
    CannotAdopt {
        /// Everything that the owner has to decide.
        differences: Vec<Difference>,
        /// Whether an earlier run has already changed something.
        already_begun: bool,
    },

    /// A new table `tasks` would be empty, and the tasks seem to be in another table.
    #[error(
        "A new table tasks would be empty, and this database seems to have tasks elsewhere. Nothing was changed:{}",
        bullet_list(.differences)
    )]
    TasksElsewhere {
        /// Each table that seems to have tasks.
        differences: Vec<Difference>,
    },

    /// `TASK_TABLE` is not `tasks`.
    #[error(
        "TASK_TABLE must be tasks, which asks for a new table beside those that exist: the functions use no other name. To \
         use the table {name}, rename it: alter table {name} rename to tasks"
    )]
    TaskTable {
        /// The value of the setting.
        name: String,
    },

    /// A change of an adoption, or its undo, did not get its lock within the lock budget. The changes before it stay.
    #[error(
        "Another transaction kept a table in use, so there was no way to {change}. What was done before does no harm: run \
         it again, and it goes on from there"
    )]
    ChangeLockTimeout {
        /// The change that comes next, in the imperative.
        change: String,
    },

    /// A change of an adoption, or its undo, failed and was rolled back. The changes before it stay.
    #[error(
        "It was not possible to {change}: {}. What was done before does no harm: run it again, and it goes on from there",
        driver_message(source)
    )]
    ChangeFailed {
        /// What failed, in the imperative.
        change: String,
        /// The driver's error.
        source: sqlx::Error,
    },

    /// A revert would delete data of users.
    #[error(
        "{change} would lose what {count} tasks hold: nothing was changed. If that is meant, say so with --discard-data"
    )]
    DataLoss {
        /// The number of tasks that would lose data.
        count: i64,
        /// What would be done.
        change: String,
    },

    /// The file of an applied migration has another checksum than the one that the database recorded.
    #[error(
        "Migration {} ({}) was edited after it was applied to this database: restore the file, and make the change in a \
         new migration", .0.version, .0.name
    )]
    Edited(Migration),

    /// The newest applied migration belongs to a newer release, which alone has the file that reverts it.
    #[error(
        "The newest migration of this database, {version}, is not one that this release knows: only the release that \
         applied it can revert it"
    )]
    UnknownMigration {
        /// Its number.
        version: i64,
    },

    /// A migration did not get its lock within the lock budget, and was rolled back.
    #[error(
        "Migration {} ({}) changed nothing, because another transaction kept a table in use: run it again", .0.version, .0.name
    )]
    LockTimeout(Migration),

    /// A migration failed and was rolled back.
    #[error("Migration {} ({}) failed and changed nothing: {}", migration.version, migration.name, driver_message(source))]
    MigrationFailed {
        /// The migration.
        migration: Migration,
        /// The driver's error.
        source: sqlx::Error,
    },

    /// A statement outside of the migrations failed.
    #[error("The database cannot be migrated: {}", driver_message(.0))]
    Database(#[from] sqlx::Error),

    /// sqlx refused to run a migration.
    #[error("The database cannot be migrated: {0}")]
    Migrator(#[source] migrate::MigrateError),
}

impl MigrateError {
    /// The error of applying or reverting a migration.
    pub(crate) fn from_migration(file: &migrate::Migration, error: migrate::MigrateError) -> Self {
        let migration = Migration::from(file);
        match database_error(error) {
            Ok(source) if is_lock_conflict(&source) => Self::LockTimeout(migration),
            Ok(source) => Self::MigrationFailed { migration, source },
            Err(other) => Self::Migrator(other),
        }
    }

    /// The error of waiting for the migration lock.
    pub(crate) fn from_migration_lock(error: migrate::MigrateError) -> Self {
        match database_error(error) {
            Ok(source) if is_lock_conflict(&source) => Self::MigrationLockTimeout,
            Ok(source) => Self::Database(source),
            Err(other) => Self::Migrator(other),
        }
    }
}

/// The driver's error inside the migrator's. `Err` returns an error that has none.
fn database_error(error: migrate::MigrateError) -> Result<sqlx::Error, migrate::MigrateError> {
    match error {
        migrate::MigrateError::Execute(source) | migrate::MigrateError::ExecuteMigration(source, _) => Ok(source),
        other => Err(other),
    }
}

/// Each difference on a line of its own, and its fix on the next ones.
fn bullet_list(differences: &[Difference]) -> String {
    let bullets = differences
        .iter()
        .map(|difference| format!("\n- {}\n  {}", difference.description(), difference.fix().replace('\n', "\n  ")));
    bullets.collect()
}

/// The message of an error, without the prefix that the driver puts before it.
fn driver_message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        other => other.to_string(),
    }
}
