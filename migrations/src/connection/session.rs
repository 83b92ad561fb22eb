//! Opens sessions.

use std::time::Duration;

use sqlx::{ConnectOptions, Executor, PgConnection};

use crate::connection::url;
use crate::error::MigrateError;

/// A suspended Neon database takes a few seconds to start; nothing healthy takes this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn connect(database_url: &str) -> Result<PgConnection, MigrateError> {
    let options = url::parse(database_url)?;
    let host = options.get_host().to_owned();
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(source)) => Err(MigrateError::Connect { host, source }),
        Err(_) => Err(MigrateError::ConnectTimeout { host }),
    }
}

/// A session that cannot change anything. It is one transaction: a setting of the session would outlive it behind a pooler,
/// and the next client of the same server process could not write.
pub(crate) async fn connect_read_only(database_url: &str) -> Result<PgConnection, MigrateError> {
    let mut database = connect(database_url).await?;
    database.execute("begin read only; set local statement_timeout = 0").await?;
    Ok(database)
}
