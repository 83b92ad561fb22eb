//! `DATABASE_URL`, read without ever repeating what it contains.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where the database is and how to sign in; known to be complete, and to use TLS where the network is not our own.
pub(crate) struct DatabaseUrl(Config);

/// How long one address may take to accept a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl DatabaseUrl {
    /// Reads a connection string. The error is a predicate without the string: `must begin with postgres://…`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("must begin with postgres:// or postgresql://".to_owned());
        }
        let mut config: Config = text.parse().map_err(|error| problem(&error))?;
        if config.get_hosts().is_empty() {
            return Err("names no host".to_owned());
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err("names no user".to_owned());
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err("names no database: it must end with /database".to_owned());
        }
        let addresses_are_here = config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        if !addresses_are_here || !config.get_hosts().iter().all(is_on_this_machine) {
            if config.get_ssl_mode() == SslMode::Disable {
                return Err(
                    "must not say sslmode=disable: the database is on another machine, so TLS is required".to_owned()
                );
            }
            config.ssl_mode(SslMode::Require);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name(std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "tasks".to_owned()));
        }
        Ok(Self(config))
    }

    pub(super) fn config(&self) -> &Config {
        &self.0
    }
}

/// A socket or a loopback address: nobody can listen in between.
fn is_on_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// What the driver says of a connection string names options, and of a value at most which option it belongs to.
fn problem(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    if let Some(option) = cause.strip_prefix("unknown option ") {
        return format!("has the unknown option {option}");
    }
    if let Some(option) = cause.strip_prefix("invalid value for option ") {
        return format!("has an invalid value for {option}");
    }
    "is not a connection string of the form postgres://user:password@host/database?sslmode=require".to_owned()
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DatabaseUrl").field("hosts", &self.0.get_hosts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(text: &str) -> String {
        DatabaseUrl::parse(text).map_or_else(|problem| problem, |url| format!("accepted: {url:?}"))
    }

    #[test]
    fn a_bad_url_is_explained_without_its_password() {
        for (text, expected) in [
            ("mysql://ada:s3cr3t@host/todo", "must begin with postgres:// or postgresql://"),
            ("ada:s3cr3t@host", "must begin with postgres:// or postgresql://"),
            ("postgres://ada:s3cr3t@host", "names no database: it must end with /database"),
            ("postgres://host/todo", "names no user"),
            ("postgres://ada:s3cr3t@/todo", "names no host"),
            ("postgres://ada:s3cr3t@host:port/todo", "has an invalid value for `port`"),
            ("postgres://ada:s3cr3t@host/todo?sslmode=maybe", "has an invalid value for `sslmode`"),
            ("postgres://ada:s3cr3t@host/todo?flavour=sour", "has the unknown option `flavour`"),
            (
                "postgres://ada:s3cr3t@host/todo?sslmode=disable",
                "must not say sslmode=disable: the database is on another machine, so TLS is required",
            ),
        ] {
            assert_eq!(problem_of(text), expected);
        }
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
        for local in ["postgres://ada:s@localhost/todo", "postgres://ada:s@[::1]/todo", "postgres://ada@%2Ftmp/todo"] {
            assert_eq!(mode(local), Ok(SslMode::Prefer), "{local}");
        }
        assert_eq!(mode("postgres://ada:s@127.0.0.1/todo?sslmode=disable"), Ok(SslMode::Disable));
    }
}
