//! The settings of the local stack: the environment of the process, and the file `.env` for what is missing there.

use std::collections::BTreeMap;
use std::path::Path;

/// The environment of this process, with the variables that `.env` adds.
#[derive(Debug, Default)]
pub struct Environment {
    added: BTreeMap<String, String>,
}

/// A setting cannot be used. The message contains no value.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The file exists but cannot be parsed.
    #[error(".env cannot be read: every line must be NAME=value, with quotes round a value that has spaces")]
    File,
    /// The value is not a number, or out of range.
    #[error("{name} must be a whole number from {least} to {most}")]
    Number {
        /// The environment variable.
        name: &'static str,
        /// The smallest value allowed.
        least: u64,
        /// The largest value allowed.
        most: u64,
    },
}

impl Environment {
    /// Reads `.env` in `folder`, if there is one. A variable that the process already has keeps its value.
    ///
    /// # Errors
    /// [`SettingError::File`].
    pub fn read(folder: &Path) -> Result<Self, SettingError> {
        let file = folder.join(".env");
        if !file.is_file() {
            return Ok(Self::default());
        }
        let pairs = dotenvy::from_path_iter(file).map_err(|_| SettingError::File)?;
        let pairs: Vec<(String, String)> = pairs.collect::<Result<_, _>>().map_err(|_| SettingError::File)?;
        Ok(Self { added: pairs.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect() })
    }

    /// The value of a setting. An empty value counts as absent, so `DATABASE_URL= make dev` overrides `.env`.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name).ok().or_else(|| self.added.get(name).cloned());
        value.filter(|value| !value.trim().is_empty())
    }

    /// The value of a setting as a whole number from `least` to `most`, if it is set.
    ///
    /// # Errors
    /// [`SettingError::Number`].
    pub fn number(&self, name: &'static str, least: u64, most: u64) -> Result<Option<u64>, SettingError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.trim().parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(SettingError::Number { name, least, most }),
        }
    }

    /// Sets a variable if it is absent.
    pub fn default_to(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.added.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The variables that a child process needs in addition to the environment that it inherits.
    pub fn added(&self) -> &BTreeMap<String, String> {
        &self.added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_file_does_not_replace_the_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "PATH=/nowhere\nDEV_TEST_A='a b'\nDEV_TEST_EMPTY=\n")
            .expect("a file");
        let environment = Environment::read(folder.path()).expect("a good file");
        assert_eq!(environment.get("DEV_TEST_A").as_deref(), Some("a b"));
        assert_eq!(environment.get("DEV_TEST_EMPTY"), None);
        assert_eq!(environment.get("PATH"), std::env::var("PATH").ok());
    }

    #[test]
    fn error_for_a_bad_file_contains_no_value() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "SECRET=hush hush\n").expect("a file");
        let error = Environment::read(folder.path()).expect_err("a bad line").to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let added = [("N".to_owned(), "70000".to_owned()), ("M".to_owned(), "x".to_owned())].into();
        let environment = Environment { added };
        assert!(environment.number("N", 0, 65535).is_err());
        assert!(environment.number("M", 0, 65535).is_err());
        assert_eq!(environment.number("ABSENT_NUMBER", 0, 1).expect("absent"), None);
    }
}
