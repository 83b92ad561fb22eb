//! All settings of a function.

use super::accounts::{PasswordConfig, user_table};
use super::auth::AuthConfig;
use super::error::StartError;
use super::extra_fields::ExtraField;
use super::lookup::{Secret, is_second, number};
use super::priorities::Priorities;
use super::proxies::AddressBlock;
use super::task_fields::{TagsForm, TaskField};

/// The settings of a process.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL`, not yet parsed.
    pub(crate) database_url: Secret,
    pub(crate) auth: AuthConfig,
    /// `AUTH_USER_TABLE`: the table of users with passwords, where the database has several.
    pub(crate) user_table: Option<String>,
    pub(crate) api: ApiConfig,
    /// `METRICS_NAMESPACE`: the CloudWatch namespace of the metrics; without it none are written.
    pub(crate) metrics_namespace: Option<String>,
}

/// What this deployment expects of requests and how it writes responses.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApiConfig {
    /// Limits of request bodies.
    pub limits: InputLimits,
    /// The vocabulary of priorities.
    pub priorities: Priorities,
    /// The format of response bodies.
    pub json: JsonFormat,
    /// `REQUIRE_IF_MATCH=1`: changes and deletions without `If-Match` are refused.
    pub require_if_match: bool,
    /// `DOCS=off`: the contract and the pages about it are not served.
    pub docs_are_off: bool,
    /// `AUTH_MODE` contains `password`: users sign up and sign in at this API.
    pub has_accounts: bool,
    /// The rules for passwords.
    pub passwords: PasswordConfig,
    /// `TRUSTED_PROXIES`: who may say, in `X-Forwarded-For`, what the address of a client is.
    pub trusted_proxies: &'static [AddressBlock],
}

/// The longest texts of request bodies, in Unicode code points.
#[derive(Debug, Clone, Copy)]
pub struct InputLimits {
    /// `TASK_TITLE_MAX`
    pub title_max: usize,
    /// `TASK_DESCRIPTION_MAX`
    pub description_max: usize,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { title_max: 200, description_max: 1000 }
    }
}

/// The format of response bodies, and of the times in requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonFormat {
    /// `TASK_LIST_SHAPE=object`: `{"tasks", "total", "count"}` instead of a bare array.
    pub list_object: bool,
    /// `TASK_JSON_CASE=both`: camelCase members beside those in snake_case.
    pub camel_case_too: bool,
    /// `TASK_DUE_DATES=instant`: a due date without an offset is a time in UTC. By default it has no time zone.
    pub instant_due_dates: bool,
    /// `TASK_FIELDS`: further members of a task.
    pub fields: &'static [TaskField],
    /// `TASK_TAGS`
    pub tags: TagsForm,
    /// `TASK_EXTRA_FIELDS`: members that the front end has of its own, in requests and in responses.
    pub extra: &'static [ExtraField],
}

/// The length of the column `title`.
const TITLE_COLUMN_LENGTH: usize = 255;

impl Config {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// The first setting that is missing or invalid.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`. An empty value counts as absent, because a template passes parameters that
    /// were not given as empty ones.
    ///
    /// # Errors
    /// The first setting that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, StartError> {
        let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let database_url = lookup("DATABASE_URL").ok_or(StartError::Missing {
            name: "DATABASE_URL",
            meaning: "give it the connection string of the database, postgres://user:password@host/database?sslmode=require",
        })?;
        let auth = AuthConfig::from_lookup(&lookup)?;
        let api = ApiConfig { has_accounts: auth.password.is_some(), ..ApiConfig::from_lookup(&lookup)? };
        Ok(Self {
            database_url: Secret::new(database_url),
            auth,
            user_table: user_table(&lookup),
            api,
            metrics_namespace: lookup("METRICS_NAMESPACE").map(|name| name.trim().to_owned()),
        })
    }
}

impl ApiConfig {
    /// # Errors
    /// The first setting that is invalid.
    pub(crate) fn from_lookup(lookup: &dyn Fn(&'static str) -> Option<String>) -> Result<Self, StartError> {
        let limits = InputLimits::default();
        Ok(Self {
            limits: InputLimits {
                title_max: number(lookup, "TASK_TITLE_MAX", limits.title_max, 1..=TITLE_COLUMN_LENGTH)?,
                description_max: number(lookup, "TASK_DESCRIPTION_MAX", limits.description_max, 0..=16_000)?,
            },
            priorities: Priorities::from_lookup(lookup)?,
            json: JsonFormat {
                list_object: is_second(lookup, "TASK_LIST_SHAPE", ["array", "object"])?,
                camel_case_too: is_second(lookup, "TASK_JSON_CASE", ["snake", "both"])?,
                instant_due_dates: is_second(lookup, "TASK_DUE_DATES", ["floating", "instant"])?,
                fields: TaskField::from_lookup(lookup)?,
                tags: TagsForm::from_lookup(lookup)?,
                extra: ExtraField::from_lookup(lookup)?,
            },
            require_if_match: is_second(lookup, "REQUIRE_IF_MATCH", ["0", "1"])?,
            docs_are_off: is_second(lookup, "DOCS", ["on", "off"])?,
            has_accounts: false,
            passwords: PasswordConfig::from_lookup(lookup)?,
            trusted_proxies: AddressBlock::list_from_lookup(lookup)?,
        })
    }
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
    fn defaults_are_as_documented() {
        let lookup = |wanted| GOOD.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let config = Config::from_lookup(lookup).expect("good settings");
        assert_eq!((config.api.limits.title_max, config.api.limits.description_max), (200, 1000));
        assert!(!config.api.json.list_object && !config.api.json.camel_case_too);
        let auth = config.auth;
        assert!(auth.jwks.is_none() && auth.session.is_none());
        let (_, rules) = auth.hs256.expect("a secret alone means HS256");
        assert_eq!((rules.issuers.len(), rules.audiences.len(), rules.leeway), (0, 0, 0));
    }

    #[test]
    fn an_invalid_setting_is_named_in_one_sentence() {
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
            ("TASK_DUE_DATES", "utc", "TASK_DUE_DATES must be floating or instant"),
            ("DOCS", "no", "DOCS must be on or off"),
            ("TASK_TAGS", "list", "TASK_TAGS must be names, objects or string"),
            (
                "TASK_FIELDS",
                "is_recurring, owner",
                "TASK_FIELDS must be a comma list of is_recurring, recurrence, recurrence_pattern, recurrence_interval, \
                 recurrence_end_date, parent_task_id, is_overdue, is_completed",
            ),
            ("TASK_EXTRA_FIELDS", "color,title", "TASK_EXTRA_FIELDS must not have title, which every task has already"),
            ("TASK_PRIORITY_DEFAULT", "urgent", "TASK_PRIORITY_DEFAULT must be low, medium or high"),
        ] {
            assert_eq!(sentence_with(name, value), sentence);
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let lookup = |wanted| GOOD.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let printed = format!("{:?}", Config::from_lookup(lookup).expect("good settings"));
        assert!(!printed.contains("s3cr3t") && !printed.contains("0123456789abcdef"), "{printed}");
    }
}
