//! Reads `DATABASE_URL` in every form that Neon, Vercel, Prisma, SQLAlchemy and libpq write.
//!
//! A crate of its own, because the functions and the migrations read the same connection strings. No error repeats a
//! part of the string: it contains a password.

use std::fmt;
use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode};

/// Host, database and credentials. Always complete; requires TLS unless the server is on this machine.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    ignored: Vec<&'static str>,
}

/// Parameters that are passed to the driver.
const KNOWN: [&str; 11] = [
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "user",
];

/// Parameters of Prisma, SQLAlchemy, libpq and poolers that have no effect here: there is one connection with unnamed
/// statements, TLS is always verified, and each phase of connecting has its own timeout. Statement timeouts belong to the
/// role, because poolers refuse them as start-up parameters.
const WITHOUT_EFFECT: [&str; 26] = [
    "command_timeout",
    "connect_timeout",
    "connection_limit",
    "gssencmode",
    "idle_in_transaction_session_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "lock_timeout",
    "max_overflow",
    "pgbouncer",
    "pool_size",
    "pool_timeout",
    "prepareThreshold",
    "prepared_statement_cache_size",
    "socket_timeout",
    "sslcrl",
    "ssl_min_protocol_version",
    "sslrootcert",
    "sslsni",
    "statement_cache_size",
    "statement_timeout",
    "tcp_user_timeout",
    "uselibpqcompat",
];

impl DatabaseUrl {
    /// Reads a connection string. The error is a predicate without the string: `must begin with postgres://…`.
    ///
    /// # Errors
    /// What is wrong, for the person who set it up.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |problem: &str| Err(problem.to_owned());
        let (scheme, rest) = text.trim().split_once("://").unwrap_or_default();
        // SQLAlchemy names its driver after a plus sign.
        if !matches!(scheme.split('+').next(), Some("postgres" | "postgresql")) {
            return refuse("must begin with postgres:// or postgresql://");
        }
        // Every URL parser ends the authority at such a character, so the rest of the password would be read as a database
        // or a parameter, and an error would repeat it.
        let after_host = rest.find(['/', '?', '#']).and_then(|end| rest.get(end..)).unwrap_or_default();
        if after_host.contains(['@', '#']) {
            return refuse("has a password with characters that must be percent-encoded: @ / ? # are %40 %2F %3F %23");
        }
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = format!("postgres://{location}?");
        let mut mode = None;
        let mut ignored = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name == "sslmode" || name == "ssl" {
                mode = Some(ssl_mode(value).ok_or_else(|| format!("has an invalid value for {name}"))?);
            } else if KNOWN.contains(&name) {
                url.push_str(parameter);
                url.push('&');
            } else if let Some(name) = WITHOUT_EFFECT.into_iter().find(|known| *known == name) {
                ignored.push(name);
            } else if (name, value) == ("schema", "public") {
                ignored.push("schema");
            } else {
                return Err(format!("has the unknown parameter {name}"));
            }
        }
        let mut config: Config = url.parse().map_err(|error| problem(&error))?;
        check_complete(&config)?;
        require_tls(&mut config, mode)?;
        if config.get_application_name().is_none() {
            config.application_name(std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "tasks".to_owned()));
        }
        Ok(Self { config, ignored })
    }

    /// The parameters that were accepted and have no effect here.
    #[must_use]
    pub fn ignored(&self) -> &[&'static str] {
        &self.ignored
    }

    /// Whether the server is Neon's proxy, which accepts TLS without PostgreSQL's request for it.
    #[must_use]
    pub fn is_on_neon(&self) -> bool {
        is_on_neon(&self.config)
    }

    /// The configuration for the driver.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl From<DatabaseUrl> for Config {
    fn from(url: DatabaseUrl) -> Self {
        url.config
    }
}

fn check_complete(config: &Config) -> Result<(), String> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("names no host".to_owned());
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err("names no user".to_owned());
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err("names no database: it must end with /database".to_owned());
    }
    Ok(())
}

/// Requires TLS for servers on other machines, and channel binding on Neon.
fn require_tls(config: &mut Config, mode: Option<SslMode>) -> Result<(), String> {
    let is_here =
        config.get_hosts().iter().all(is_on_this_machine) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    match mode {
        Some(SslMode::Disable) if !is_here => {
            return Err("must not disable TLS: the database is on another machine".to_owned());
        }
        Some(mode) if is_here => config.ssl_mode(mode),
        None if is_here => config.ssl_mode(SslMode::Prefer),
        _ => config.ssl_mode(SslMode::Require),
    };
    if is_on_neon(config) {
        config.channel_binding(ChannelBinding::Require);
    }
    Ok(())
}

/// Whether the server is Neon's proxy.
fn is_on_neon(config: &Config) -> bool {
    config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.ends_with(".neon.tech")))
}

/// The values of libpq and other drivers. `Require` verifies certificate and host name here, so it includes the stricter
/// modes.
fn ssl_mode(value: &str) -> Option<SslMode> {
    match value {
        "disable" | "false" | "0" => Some(SslMode::Disable),
        "allow" | "prefer" => Some(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" | "true" | "1" => Some(SslMode::Require),
        _ => None,
    }
}

/// A Unix socket or a loopback address.
fn is_on_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The driver's error names the option and never quotes its value.
fn problem(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match cause.strip_prefix("invalid value for option ") {
        Some(option) => format!("has an invalid value for {}", option.trim_matches('`')),
        None => {
            "is not a connection string of the form postgres://user:password@host/database?sslmode=require".to_owned()
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DatabaseUrl").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(text: &str) -> String {
        DatabaseUrl::parse(text).map_or_else(|problem| problem, |url| format!("accepted: {url:?}"))
    }

    #[test]
    fn a_bad_url_is_explained() {
        for (text, expected) in [
            ("mysql://ada:s3cr3t@host/todo", "must begin with postgres:// or postgresql://"),
            ("ada:s3cr3t@host", "must begin with postgres:// or postgresql://"),
            ("postgres://ada:s3cr3t@host", "names no database: it must end with /database"),
            ("postgres://host/todo", "names no user"),
            ("postgres://ada:s3cr3t@/todo", "names no host"),
            ("postgres://ada:s3cr3t@host:port/todo", "has an invalid value for port"),
            ("postgres://ada:s3cr3t@host/todo?sslmode=maybe", "has an invalid value for sslmode"),
            ("postgres://ada:s3cr3t@host/todo?flavour=sour", "has the unknown parameter flavour"),
            ("postgres://ada:s3cr3t@host/todo?schema=other", "has the unknown parameter schema"),
            (
                "postgres://ada:s3cr3t@host/todo?sslmode=disable",
                "must not disable TLS: the database is on another machine",
            ),
        ] {
            assert_eq!(problem_of(text), expected);
        }
    }

    #[test]
    fn no_part_of_a_password_is_ever_repeated() {
        for text in [
            "ann:octopus@db.example.com/todo",
            "mysql://ann:octopus@db.example.com/todo",
            "postgres://ann:octopus@db.example.com:port/todo",
            "postgres://ann:octopus@db.example.com/todo?sslmode=maybe",
            "postgres://ann:octo/pus@db.example.com/todo",
            "postgres://ann:12/octopus@db.example.com/todo",
            "postgres://ann:12?octopus@db.example.com/todo",
            "postgres://ann:12#octopus@db.example.com/todo",
            "postgres://ann:12@3?octopus=1@db.example.com/todo",
            "postgres://ann:12@3#octopus",
            "postgres://ann:octopus@[::1/todo",
        ] {
            let problem = problem_of(text);
            assert!(!problem.contains("octo") && !problem.contains("pus"), "{text}: {problem}");
        }
    }

    #[test]
    fn strings_of_providers_and_orms_are_accepted() {
        for text in [
            "postgresql://ann:p@ep-cool-1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
            "postgres://ann:p@ep-cool-1-pooler.us-east-1.postgres.vercel-storage.com:5432/verceldb?pgbouncer=true&connect_timeout=15",
            "postgresql://ann:p@host:5432/db?schema=public&connection_limit=1&pool_timeout=10&sslmode=verify-full",
            "postgresql+asyncpg://ann:p@host/db?ssl=require&prepared_statement_cache_size=0",
            "postgresql+psycopg2://ann:p%40ss@host/db?sslmode=verify-ca&sslrootcert=/etc/ssl/ca.pem&statement_timeout=5000",
        ] {
            let url = DatabaseUrl::parse(text).unwrap_or_else(|problem| unreachable!("{text}: {problem}"));
            assert_eq!(url.config().get_ssl_mode(), SslMode::Require, "{text}");
        }
        let url =
            DatabaseUrl::parse("postgres://ann:p@host/db?pgbouncer=true&statement_timeout=5000").expect("a good url");
        assert_eq!(url.ignored(), ["pgbouncer", "statement_timeout"]);
    }

    #[test]
    fn tls_is_required_except_on_this_machine() {
        let mode = |text: &str| DatabaseUrl::parse(text).map(|url| url.config().get_ssl_mode());
        for remote in [
            "postgres://ada:s@db.example.com/todo",
            "postgresql://ada:s@10.0.0.7/todo?sslmode=prefer",
            "postgres://ada:s@127.0.0.1,db.example.com/todo",
            "postgres://ada:s@localhost/todo?hostaddr=10.0.0.7",
        ] {
            assert_eq!(mode(remote), Ok(SslMode::Require), "{remote}");
        }
        for local in
            ["postgres://ada:s@localhost/todo", "postgres://ada:s@127.0.0.1/todo", "postgres://ada@%2Ftmp/todo"]
        {
            assert_eq!(mode(local), Ok(SslMode::Prefer), "{local}");
            assert_eq!(mode(&format!("{local}?sslmode=disable")), Ok(SslMode::Disable), "{local}");
            assert_eq!(mode(&format!("{local}?sslmode=require")), Ok(SslMode::Require), "{local}");
        }
    }

    #[test]
    fn neon_requires_channel_binding() {
        let binding = |host: &str| {
            let url = DatabaseUrl::parse(&format!("postgres://ann:p@{host}/db")).expect("a good url");
            url.config().get_channel_binding()
        };
        assert_eq!(binding("ep-cool-1-pooler.eu-central-1.aws.neon.tech"), ChannelBinding::Require);
        assert_eq!(binding("db.example.com"), ChannelBinding::Prefer);
    }
}
