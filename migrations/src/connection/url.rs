//! Converts the connection string of the functions into the options of sqlx.

use database_url::DatabaseUrl;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::MigrateError;

/// Parses the URL as the functions do. Of a Neon database it takes the direct host instead of the pooler.
pub(crate) fn parse(database_url: &str) -> Result<PgConnectOptions, MigrateError> {
    let config: Config = DatabaseUrl::parse(database_url).map_err(|problem| MigrateError::Url { problem })?.into();
    let password = config.get_password().map(String::from_utf8_lossy).unwrap_or_default();
    let options = PgConnectOptions::new_without_pgpass()
        .username(config.get_user().unwrap_or_default())
        .password(&password)
        .database(config.get_dbname().unwrap_or_default())
        .port(config.get_ports().first().copied().unwrap_or(5432))
        .application_name("migrate")
        .ssl_mode(match config.get_ssl_mode() {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            // With `require` sqlx accepts any certificate, and would send the password to any server.
            _ => PgSslMode::VerifyFull,
        });
    let options = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => options.host(&direct_host(name)),
        Some(Host::Unix(directory)) => options.socket(directory),
        None => options.host(&config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default()),
    };
    // libpq writes `-c name=value`, and sqlx takes pairs.
    let pairs = config.get_options().unwrap_or_default().split("-c").filter_map(|pair| pair.trim().split_once('='));
    Ok(options.options(pairs))
}

/// The host of Neon's database server. Its pooler keeps neither locks nor settings from one statement to the next.
fn direct_host(host: &str) -> String {
    match host.split_once('.') {
        Some((endpoint, domain)) if domain.ends_with(".neon.tech") => {
            let endpoint = endpoint.strip_suffix("-pooler").unwrap_or(endpoint);
            format!("{endpoint}.{domain}")
        }
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PgConnectOptions {
        parse(url).unwrap_or_else(|error| unreachable!("{url}: {error}"))
    }

    #[test]
    fn all_parts_of_the_url_are_used() {
        let options =
            parsed("postgresql+asyncpg://ann:p%40ss@db.example.com:5433/todo?options=-csearch_path%3Dneon_auth");
        assert_eq!(options.get_host(), "db.example.com");
        assert_eq!(options.get_port(), 5433);
        assert_eq!(options.get_username(), "ann");
        assert_eq!(options.get_database(), Some("todo"));
        assert_eq!(options.get_options(), Some("-c search_path=neon_auth"));
        assert_eq!(parsed("postgres://ann@[::1]/todo").get_host(), "::1");
        assert!(parsed("postgres://ann@%2Frun%2Fpostgresql/todo").get_socket().is_some());
    }

    #[test]
    fn remote_server_certificates_are_verified() {
        for query in ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca&sslrootcert=system"] {
            let options = parsed(&format!("postgres://ann:secret@db.example.com/todo{query}"));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), "{query}");
        }
        let local = parsed("postgres://ann@localhost/todo?sslmode=disable");
        assert!(matches!(local.get_ssl_mode(), PgSslMode::Disable));
    }

    #[test]
    fn neon_pooler_is_bypassed() {
        let options = parsed("postgres://ann:secret@ep-cool-darkness-123456-pooler.eu-central-1.aws.neon.tech/todo");
        assert_eq!(options.get_host(), "ep-cool-darkness-123456.eu-central-1.aws.neon.tech");

        let options = parsed("postgres://ann:secret@db-pooler.example.com/todo");
        assert_eq!(options.get_host(), "db-pooler.example.com");
    }
}
