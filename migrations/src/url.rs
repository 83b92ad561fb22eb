//! Reads a connection string as people paste it.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::MigrateError;

/// What the driver understands.
const KNOWN: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// What other drivers, poolers and ORMs read, and what makes no difference here: one connection, used for seconds, with
/// time-outs of its own and TLS wherever there is a network.
const WITHOUT_EFFECT: [&str; 20] = [
    "channel_binding",
    "connect_timeout",
    "connection_limit",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "pgbouncer",
    "pool_timeout",
    "prepared_statement_cache_size",
    "prepareThreshold",
    "ssl",
    "sslnegotiation",
    "sslsni",
    "statement_cache_size",
    "statement_timeout",
    "target_session_attrs",
    "tcp_user_timeout",
    "uselibpqcompat",
];

/// The connection that the URL describes, made safe: TLS with a verified certificate unless the server is on this machine,
/// and past Neon's pooler.
pub(crate) fn parse(database_url: &str) -> Result<PgConnectOptions, MigrateError> {
    let refuse = |reason: &str| MigrateError::Url { reason: reason.to_owned() };

    let Some((scheme, rest)) = database_url.trim().split_once("://") else {
        return Err(refuse("it does not begin with postgres://"));
    };
    // SQLAlchemy names its driver behind a plus sign.
    if !matches!(scheme.split('+').next(), Some("postgres" | "postgresql")) {
        return Err(refuse("it does not begin with postgres://"));
    }
    // Such a character in a password ends the host for every reader of URLs, and the rest of the password would then be
    // taken for a database or a parameter and shown in an error.
    let after_host = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    if after_host.contains(['@', '#']) {
        return Err(refuse("characters such as @ / ? # in its password must be percent-encoded (%40 %2F %3F %23)"));
    }

    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = format!("postgres://{location}?");
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        // libpq's word for the system's certificates, which are the default here.
        let is_default = name == "sslrootcert" && value == "system";
        if KNOWN.contains(&name) && !is_default {
            url.push_str(parameter);
            url.push('&');
        } else if !WITHOUT_EFFECT.contains(&name) && !is_default {
            return Err(refuse(&format!("its parameter {name} is not known here")));
        }
    }

    // The driver's words are about the form alone (`invalid port number`) and quote nothing but an unknown sslmode.
    let options: PgConnectOptions = url.parse().map_err(|error| match error {
        sqlx::Error::Configuration(cause) => refuse(&cause.to_string()),
        other => refuse(&other.to_string()),
    })?;

    if options.get_socket().is_some() || options.get_host().starts_with('/') {
        return Ok(options);
    }
    let host = direct_host(options.get_host().trim_matches(['[', ']']));
    let options = options.host(&host);
    if is_loopback(&host) {
        Ok(options)
    } else {
        // The driver's `require` takes any certificate, and so encrypts a password for whoever answers.
        Ok(options.ssl_mode(PgSslMode::VerifyFull))
    }
}

/// Neon's host without its pooler, which keeps neither locks nor settings from one statement to the next.
fn direct_host(host: &str) -> String {
    match host.split_once('.') {
        Some((endpoint, domain)) if domain.ends_with(".neon.tech") => {
            let endpoint = endpoint.strip_suffix("-pooler").unwrap_or(endpoint);
            format!("{endpoint}.{domain}")
        }
        _ => host.to_owned(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PgConnectOptions {
        parse(url).unwrap_or_else(|error| unreachable!("{url}: {error}"))
    }

    fn refusal(url: &str) -> String {
        parse(url).map(|_| url).expect_err("must be refused").to_string()
    }

    #[test]
    fn urls_of_other_drivers_are_accepted() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"] {
            let options = parsed(&format!("{scheme}://ann:secret@db.example.com:5433/todo"));
            assert_eq!(options.get_host(), "db.example.com");
            assert_eq!(options.get_port(), 5433);
            assert_eq!(options.get_username(), "ann");
            assert_eq!(options.get_database(), Some("todo"));
        }
    }

    #[test]
    fn a_remote_server_must_prove_its_name() {
        for query in
            ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca&sslrootcert=system"]
        {
            let options = parsed(&format!("postgres://ann:secret@db.example.com/todo{query}"));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), "{query}");
        }
    }

    #[test]
    fn a_server_on_this_machine_may_do_without_tls() {
        for url in [
            "postgres://ann@localhost/todo?sslmode=disable",
            "postgres://ann@127.0.0.1:5433/todo?sslmode=disable",
            "postgres://ann@[::1]/todo?sslmode=disable",
            "postgres://ann@%2Frun%2Fpostgresql/todo?sslmode=disable",
            "postgres:///todo?host=/run/postgresql&sslmode=disable",
        ] {
            assert!(matches!(parsed(url).get_ssl_mode(), PgSslMode::Disable), "{url}");
        }
    }

    #[test]
    fn an_ip_version_6_address_has_no_brackets_for_the_driver() {
        assert_eq!(parsed("postgres://ann@[::1]/todo").get_host(), "::1");
    }

    #[test]
    fn neons_pooler_is_passed_by() {
        let options = parsed("postgres://ann:secret@ep-cool-darkness-123456-pooler.eu-central-1.aws.neon.tech/todo");
        assert_eq!(options.get_host(), "ep-cool-darkness-123456.eu-central-1.aws.neon.tech");

        let options = parsed("postgres://ann:secret@db-pooler.example.com/todo");
        assert_eq!(options.get_host(), "db-pooler.example.com");
    }

    #[test]
    fn parameters_of_other_programs_are_passed_over_and_unknown_ones_named() {
        parsed("postgres://ann:secret@db.example.com/todo?sslmode=require&channel_binding=require&pgbouncer=true");
        assert_eq!(
            refusal("postgres://ann:secret@db.example.com/todo?sslmod=require"),
            "The database URL cannot be used: its parameter sslmod is not known here"
        );
    }

    #[test]
    fn a_refusal_never_shows_the_password() {
        for url in [
            "ann:octopus@db.example.com/todo",
            "mysql://ann:octopus@db.example.com/todo",
            "postgres://ann:octopus@db.example.com:port/todo",
            "postgres://ann:octopus@db.example.com/todo?sslmode=maybe",
            "postgres://ann:octo/pus@db.example.com/todo",
            "postgres://ann:12/octopus@db.example.com/todo",
            "postgres://ann:12?octopus@db.example.com/todo",
            "postgres://ann:12#octopus@db.example.com/todo",
            "postgres://ann:12@3/octopus@db.example.com/todo",
            "postgres://ann:12@3?octopus=1@db.example.com/todo",
            "postgres://ann:12@3#octopus",
            "postgres://ann:octopus@db example.com/todo",
            "postgres://ann:octopus@[::1/todo",
        ] {
            let sentence = refusal(url);
            assert!(!sentence.contains("octo") && !sentence.contains("pus"), "{url}: {sentence}");
        }
    }
}
