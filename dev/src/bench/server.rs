//! PostgreSQL as it is measured: the processor time of its processes, and the WAL.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::Client;

use super::error::BenchError;
use super::processors::processor_time;

/// A connection for questions between two measurements.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    runtime: Handle,
}

/// The processes of PostgreSQL that serve connections, by their ids.
pub(super) type Backends = BTreeSet<i32>;

impl Server {
    /// For use by a thread that may block.
    pub(super) fn new(client: Client, runtime: Handle) -> Self {
        Self { client, runtime }
    }

    /// The processes that serve other connections.
    pub(super) fn backends(&self) -> Result<Backends, BenchError> {
        let statement =
            "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
        let rows = self.runtime.block_on(self.client.query(statement, &[]))?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// How many bytes of WAL have been written so far.
    pub(super) fn wal(&self) -> Result<u64, BenchError> {
        let statement = "select (pg_current_wal_insert_lsn() - '0/0')::bigint";
        let row = self.runtime.block_on(self.client.query_one(statement, &[]))?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }
}

/// The processor time that these processes have used so far. A process that has ended counts as none.
pub(super) fn backends_time(backends: &Backends) -> Duration {
    backends.iter().filter_map(|pid| processor_time(*pid).ok()).sum()
}
