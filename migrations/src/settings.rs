//! Reads from the environment which database to migrate.

use std::env::{self, VarError};

use crate::options::{Functions, Options};

/// The database to migrate. Not `Debug`, because the URL contains a password.
#[derive(Clone)]
pub struct Settings {
    /// `DATABASE_URL_UNPOOLED`, else `DATABASE_URL`. A pooler keeps neither locks nor settings between statements.
    pub database_url: String,
    /// `AUTH_USER_TABLE`, `TASK_TABLE`, `TASK_PRIORITIES` and `AUTH_MODE`.
    pub options: Options,
    /// `DATABASE_URL`, else `DATABASE_URL_UNPOOLED`, and all other variables.
    pub functions: Functions,
}

impl Settings {
    /// Reads the environment. An empty variable counts as not set.
    ///
    /// # Errors
    /// A sentence that names the variable and does not quote its value.
    pub fn from_env() -> Result<Self, String> {
        let (direct, pooled) = (variable("DATABASE_URL_UNPOOLED")?, variable("DATABASE_URL")?);
        let database_url = direct
            .or(pooled.clone())
            .ok_or("DATABASE_URL is not set: put the database's connection string there, or in the file .env")?;
        let variables =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let functions =
            Functions { database_url: pooled.unwrap_or_else(|| database_url.clone()), settings: variables.collect() };
        let options = Options {
            auth_user_table: variable("AUTH_USER_TABLE")?,
            task_table: variable("TASK_TABLE")?,
            task_priorities: variable("TASK_PRIORITIES")?,
            task_extra_fields: variable("TASK_EXTRA_FIELDS")?,
            auth_mode: variable("AUTH_MODE")?,
        };
        Ok(Self { database_url, options, functions })
    }
}

/// Sets the variables of the file `.env` in the current directory that the environment does not have. Does nothing when
/// there is no such file.
///
/// # Errors
/// A sentence that does not quote the file.
pub fn load_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::Io(error)) => Err(format!("The file .env cannot be read: {error}")),
        // The library's message quotes the line, which may contain the password.
        Err(_) => Err("The file .env has a line that is not NAME=value".to_owned()),
    }
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
