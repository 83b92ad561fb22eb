//! Which database, from the environment.

use std::env::{self, VarError};

use migrations::Options;

/// The URL past a pooler, which keeps neither locks nor settings, and what differs between databases.
///
/// # Errors
/// A sentence that names the setting and never quotes it.
pub(crate) fn target() -> Result<(String, Options), String> {
    let url = match setting("DATABASE_URL_UNPOOLED")? {
        Some(url) => url,
        None => setting("DATABASE_URL")?
            .ok_or("DATABASE_URL is not set: put the database's connection string there, or in the file .env")?,
    };
    Ok((url, Options { auth_user_table: setting("AUTH_USER_TABLE")? }))
}

/// Takes from `.env` what the environment does not have.
pub(crate) fn read_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::Io(error)) => Err(format!("The file .env cannot be read: {error}")),
        // The library's own words quote the line, which may be the one with the password.
        Err(_) => Err("The file .env has a line that is not NAME=value".to_owned()),
    }
}

/// A variable of the environment; an empty one counts as not set.
fn setting(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
