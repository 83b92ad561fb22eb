//! The settings of the local stack: the environment of the process, and below it the file `.env`.

use std::collections::BTreeMap;
use std::path::Path;

/// The environment with what `.env` adds to it.
#[derive(Debug, Default)]
pub struct Environment {
    added: BTreeMap<String, String>,
}

/// A setting that cannot be used, as one sentence that repeats no value.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The file exists and cannot be understood.
    #[error(".env cannot be read: every line must be NAME=value, with quotes round a value that has spaces")]
    File,
    /// A number is not a number, or out of its range.
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

    /// The value of a setting. An empty one counts as absent, so `DATABASE_URL= make dev` overrules `.env`.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name).ok().or_else(|| self.added.get(name).cloned());
        value.filter(|value| !value.trim().is_empty())
    }

    /// A whole number from `least` to `most`, if the setting is present.
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

    /// Sets what is absent.
    pub fn default_to(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.added.insert(name.to_owned(), value.to_owned());
        }
    }

    /// What a child process must be given beyond the environment it inherits.
    pub fn added(&self) -> &BTreeMap<String, String> {
        &self.added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_adds_to_the_environment_and_does_not_replace_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "PATH=/nowhere\nDEV_TEST_A='a b'\nDEV_TEST_EMPTY=\n")
            .expect("a file");
        let environment = Environment::read(folder.path()).expect("a good file");
        assert_eq!(environment.get("DEV_TEST_A").as_deref(), Some("a b"));
        assert_eq!(environment.get("DEV_TEST_EMPTY"), None);
        assert_eq!(environment.get("PATH"), std::env::var("PATH").ok());
    }

    #[test]
    fn a_bad_file_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "SECRET=hush hush\n").expect("a file");
        let error = Environment::read(folder.path()).expect_err("a bad line").to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        let added = [("N".to_owned(), "70000".to_owned()), ("M".to_owned(), "x".to_owned())].into();
        let environment = Environment { added };
        assert!(environment.number("N", 0, 65535).is_err());
        assert!(environment.number("M", 0, 65535).is_err());
        assert_eq!(environment.number("ABSENT_NUMBER", 0, 1).expect("absent"), None);
    }
}
