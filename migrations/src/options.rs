//! What differs between databases, and between deployments.

use std::collections::BTreeMap;

/// The settings of a migration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The table that `tasks.user_id` references, as SQL names it (`neon_auth."user"`), `none` for no foreign key, or
    /// `own` for a table `users` that is made in a new database.
    /// By default it is the table that an existing foreign key references, else `"user"`, `users`,
    /// `neon_auth."user"` or `"User"`.
    pub auth_user_table: Option<String>,

    /// `tasks` makes a new table `tasks` although another table seems to have the tasks. No other value is accepted.
    pub task_table: Option<String>,

    /// The comma list `TASK_PRIORITIES` of the functions: the words that the check on `priority` accepts.
    pub task_priorities: Option<String>,

    /// The comma list `TASK_EXTRA_FIELDS` of the functions. Nothing depends on it but what `plan` and `verify` say.
    pub task_extra_fields: Option<String>,
    /// The comma list `AUTH_MODE` of the functions. With `password` in it, this API signs users up and in.
    pub auth_mode: Option<String>,
}

impl Options {
    /// Whether users sign up and in at this API.
    pub(crate) fn has_own_users(&self) -> bool {
        self.auth_mode.as_deref().is_some_and(contains_password)
    }
}

fn contains_password(modes: &str) -> bool {
    modes.split(',').any(|mode| mode.trim() == "password")
}

/// How the functions are deployed. Not `Debug`, because URLs and settings contain secrets.
#[derive(Clone)]
pub struct Functions {
    /// Their `DATABASE_URL`, whose role may be another one than that of the migrations.
    pub database_url: String,
    /// Their other settings, by name.
    pub settings: BTreeMap<String, String>,
}

impl Functions {
    /// Functions that use this database and have no other settings.
    #[must_use]
    pub fn with_database(database_url: &str) -> Self {
        Self { database_url: database_url.to_owned(), settings: BTreeMap::new() }
    }

    /// Whether users sign up and in at this API.
    pub(crate) fn have_own_users(&self) -> bool {
        self.setting("AUTH_MODE").as_deref().is_some_and(contains_password)
    }

    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }
}
