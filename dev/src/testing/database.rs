//! Empty databases.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::services::database::connect;
use crate::services::postgres::{Cluster, Postgres};

/// The URL of an empty database that nobody else uses, on one server for all tests of this process.
///
/// # Panics
/// There is no PostgreSQL.
pub async fn new_database() -> String {
    /// It ends with the process, because a static is never dropped.
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);

    let start = async || {
        let mut server = Cluster::new(true).await.expect("PostgreSQL").start().expect("PostgreSQL");
        server.wait_until_ready().await.expect("PostgreSQL");
        server
    };
    let url = SERVER.get_or_init(start).await.url();
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let client = connect(&url).await.expect("a running server");
    client.batch_execute(&format!("create database {name}")).await.expect("a new name");
    url.replace("/todo?", &format!("/{name}?"))
}
