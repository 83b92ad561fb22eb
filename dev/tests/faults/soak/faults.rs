//! Random faults.

use std::sync::Arc;
use std::time::Duration;

use dev::services::pgbouncer::PgBouncer;
use dev::testing::fault_proxy::{Cut, Direction, End, Flow, Script};
use dev::testing::random::SeededRandom;
use tokio::sync::watch;

use super::journal::Journal;
use crate::env::{ALL_OPERATIONS, TestEnv};

/// Injects one fault after the other.
pub(super) struct FaultInjector {
    pub(super) env: Arc<TestEnv>,
    /// A connection of the owner, for locks.
    pub(super) locker: tokio_postgres::Client,
    pub(super) pooler: Option<PgBouncer>,
    pub(super) random: SeededRandom,
    pub(super) journal: Journal,
}

impl FaultInjector {
    /// Injects a fault every few requests until all requests are sent. Returns the number of faults.
    /// The pooler runs as long as the injector exists.
    pub(super) async fn run(&mut self, mut sent: watch::Receiver<usize>, requests: usize) -> usize {
        let mut faults = 0;
        let mut next = 0;
        while next < requests {
            sent.wait_for(|sent| *sent >= next).await.expect("workers send");
            next += 1 + self.random.below(8);
            self.inject().await;
            faults += 1;
        }
        self.env.proxy.clear_faults().unwrap();
        faults
    }

    async fn inject(&mut self) {
        let end = self.random_end();
        let direction = if self.random.below(2) == 0 { Direction::ToServer } else { Direction::ToClient };
        let kind = self.random.below(14);
        self.journal.note(format_args!("fault {kind}, {direction:?}, {end:?}"));
        match kind {
            0 => self.env.close_connections(end).await,
            1 => self.env.database.terminate().await,
            2..=4 => {
                // A request survives at most three in a row.
                let cut = Cut { direction, after_bytes: self.random.below(120), end };
                (0..1 + self.random.below(4)).for_each(|_| self.env.proxy.cut_next_statement(cut));
            }
            5 | 6 => {
                self.env.proxy.set_flow(direction, Flow::Stall);
                self.pause().await;
                self.env.proxy.set_flow(direction, Flow::Pass);
            }
            7 => self.env.proxy.play_script(&Script::End(end), 1 + self.random.below(3)),
            8 => {
                let script = Script::Refuse { state: "57P03".to_owned(), message: "starting up".to_owned() };
                self.env.proxy.play_script(&script, 1 + self.random.below(3));
            }
            9 => {
                self.env.proxy.refuse_connections().await;
                self.pause().await;
                self.env.proxy.clear_faults().unwrap();
            }
            10 => {
                let frozen = self.env.freeze_all(ALL_OPERATIONS[self.random.below(ALL_OPERATIONS.len())]).await;
                self.close_all_connections().await;
                self.pause().await;
                drop(frozen);
            }
            11 => {
                self.locker.batch_execute("begin; lock table tasks in share mode").await.unwrap();
                self.pause().await;
                self.close_all_connections().await;
                self.pause().await;
                self.locker.batch_execute("commit").await.unwrap();
            }
            12 => {
                // As after a restore: every token is of another epoch.
                if self.random.below(4) == 0 {
                    self.locker.batch_execute("update tasks_api.sync_epoch set epoch = default").await.unwrap();
                }
            }
            _ => match &mut self.pooler {
                Some(pooler) => {
                    pooler.kill().await;
                    pooler.restart().await.unwrap();
                }
                None => self.close_all_connections().await,
            },
        }
    }

    fn random_end(&mut self) -> End {
        if self.random.below(2) == 0 { End::Close } else { End::Reset }
    }

    /// Closes all connections, at the server or at the proxy.
    async fn close_all_connections(&mut self) {
        let end = self.random_end();
        match self.random.below(2) {
            0 => self.env.database.terminate().await,
            _ => self.env.close_connections(end).await,
        }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.below(100) as u64)).await;
    }
}
