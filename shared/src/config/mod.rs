//! The settings, read once at start from the environment.
//!
//! A setting that is wrong stops the program with one sentence that names it and never quotes a secret.

mod identity;

use std::fmt;

use crate::task::MAX_TITLE;
use database_url::DatabaseUrl;
pub(crate) use identity::{Identity, KeySource, Secret, TokenRules};

/// Everything a function can be told from outside.
#[derive(Debug)]
pub struct Config {
    pub(crate) database: DatabaseUrl,
    pub(crate) identity: Identity,
    pub(crate) rules: TaskRules,
    pub(crate) shape: TaskShape,
    /// `METRICS_NAMESPACE`: where metrics go; without it there are none.
    pub(crate) metrics_namespace: Option<String>,
}

/// What is asked of the input. Limits are in Unicode code points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskRules {
    /// `TASK_TITLE_MAX`
    pub(crate) title_max: usize,
    /// `TASK_DESCRIPTION_MAX`
    pub(crate) description_max: usize,
    /// `REQUIRE_IF_MATCH=1`: no change without the version that the client has seen.
    pub(crate) if_match_required: bool,
}

/// How tasks are written in answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskShape {
    /// `TASK_LIST_SHAPE=object`: `{"tasks", "total", "count"}` instead of a bare array.
    pub(crate) list_object: bool,
    /// `TASK_JSON_CASE=both`: camelCase twins beside the snake_case members.
    pub(crate) camel_case_too: bool,
}

/// Why the program does not start: one sentence for the person who set it up.
#[derive(thiserror::Error)]
pub enum StartError {
    /// A setting that has no default is absent or empty.
    #[error("{name} is not set: {meaning}")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// What to put there.
        meaning: &'static str,
    },
    /// A setting has a value that cannot be used. The value is not repeated.
    #[error("{name} {problem}")]
    Invalid {
        /// The environment variable.
        name: &'static str,
        /// A predicate: `must be a number from 1 to 255`.
        problem: String,
    },
    /// The Lambda Runtime API could not be reached.
    #[error("the Lambda runtime stopped: {0}")]
    Runtime(String),
}

/// A `main` that returns an error prints it with `Debug`; this makes it the sentence.
impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Config {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`. An empty value counts as absent: templates pass empty parameters so.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, StartError> {
        let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
        Ok(Self {
            database: database_url(lookup("DATABASE_URL"))?,
            identity: Identity::from_lookup(&lookup)?,
            rules: TaskRules {
                title_max: number(&lookup, "TASK_TITLE_MAX", 200, 1..=MAX_TITLE)?,
                description_max: number(&lookup, "TASK_DESCRIPTION_MAX", 1000, 0..=16_000)?,
                if_match_required: choice(&lookup, "REQUIRE_IF_MATCH", ["0", "1"])?,
            },
            shape: TaskShape {
                list_object: choice(&lookup, "TASK_LIST_SHAPE", ["array", "object"])?,
                camel_case_too: choice(&lookup, "TASK_JSON_CASE", ["snake", "both"])?,
            },
            metrics_namespace: lookup("METRICS_NAMESPACE").map(|name| name.trim().to_owned()),
        })
    }
}

fn database_url(value: Option<String>) -> Result<DatabaseUrl, StartError> {
    let name = "DATABASE_URL";
    let value = value.ok_or(StartError::Missing {
        name,
        meaning: "give it the connection string of the database, postgres://user:password@host/database?sslmode=require",
    })?;
    DatabaseUrl::parse(value.trim()).map_err(|problem| StartError::Invalid { name, problem })
}

fn number<N>(
    lookup: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
    default: N,
    allowed: std::ops::RangeInclusive<N>,
) -> Result<N, StartError>
where
    N: std::str::FromStr + PartialOrd + fmt::Display,
{
    let Some(text) = lookup(name) else { return Ok(default) };
    text.trim().parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| StartError::Invalid {
        name,
        problem: format!("must be a number from {} to {}", allowed.start(), allowed.end()),
    })
}

/// Whether the setting is the second choice; the first is the default.
fn choice(
    lookup: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
    [first, second]: [&str; 2],
) -> Result<bool, StartError> {
    match lookup(name) {
        None => Ok(false),
        Some(value) if value.trim() == first => Ok(false),
        Some(value) if value.trim() == second => Ok(true),
        Some(_) => Err(StartError::Invalid { name, problem: format!("must be {first} or {second}") }),
    }
}

fn comma_list(value: Option<String>) -> Vec<String> {
    let items = value.unwrap_or_default();
    items.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 2] = [
        ("DATABASE_URL", "postgres://ada:s3cr3t@localhost/todo"),
        ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef"),
    ];

    /// Reads the good settings with `name` replaced, and returns the sentence of the error.
    fn sentence_with(name: &str, value: &str) -> String {
        let lookup = |wanted: &'static str| {
            if wanted == name {
                return Some(value.to_owned());
            }
            GOOD.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup).err().map(|error| format!("{error:?}")).unwrap_or_default()
    }

    #[test]
    fn good_settings_are_read_and_have_the_documented_defaults() {
        let lookup = |wanted| GOOD.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let config = Config::from_lookup(lookup).expect("good settings");
        assert_eq!((config.rules.title_max, config.rules.description_max), (200, 1000));
        assert!(!config.shape.list_object && !config.shape.camel_case_too);
        let identity = config.identity;
        assert!(identity.jwks.is_none() && identity.session.is_none());
        let (_, rules) = identity.hs256.expect("a secret alone means HS256");
        assert_eq!((rules.issuers.len(), rules.audiences.len(), rules.leeway), (0, 0, 0));
    }

    #[test]
    fn each_bad_setting_is_one_sentence_that_names_it() {
        for (name, value, sentence) in [
            (
                "DATABASE_URL",
                "",
                "DATABASE_URL is not set: give it the connection string of the database, postgres://user:password@host/database?sslmode=require",
            ),
            ("TASK_TITLE_MAX", "256", "TASK_TITLE_MAX must be a number from 1 to 255"),
            ("TASK_TITLE_MAX", "many", "TASK_TITLE_MAX must be a number from 1 to 255"),
            ("TASK_LIST_SHAPE", "tree", "TASK_LIST_SHAPE must be array or object"),
            ("TASK_JSON_CASE", "kebab", "TASK_JSON_CASE must be snake or both"),
        ] {
            assert_eq!(sentence_with(name, value), sentence);
        }
    }

    #[test]
    fn no_setting_is_printed_with_its_secret() {
        let lookup = |wanted| GOOD.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let printed = format!("{:?}", Config::from_lookup(lookup).expect("good settings"));
        assert!(!printed.contains("s3cr3t") && !printed.contains("0123456789abcdef"), "{printed}");
    }
}
