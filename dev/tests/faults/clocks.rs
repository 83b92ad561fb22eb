//! Clocks: functions that were frozen for minutes, and wall clocks that jump.
//!
//! A preloaded library shifts the clocks of a function, so that the tests need not wait and the function needs no test
//! code.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::testing::client::TestResponse;
use tempfile::TempDir;

use crate::env::{DirectFunction, ONE_OF_EACH_FUNCTION, Operation, TaskCase, TestEnv};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// The shifted clocks of functions.
struct Clocks {
    folder: TempDir,
}

impl Clocks {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clocks = Self { folder };
        clocks.shift(0, 0);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/clocks/shifted.rs");
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compiled = Command::new(compiler)
            .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", source, "-o"])
            .arg(clocks.library())
            .output();
        let compiled = compiled.unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        clocks
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("shifted.so")
    }

    /// Shifts the wall clock and the monotonic clock by this many seconds from those of the system.
    fn shift(&self, wall: i64, monotonic: i64) {
        // Renamed, so that no function reads a partial file.
        let next = self.folder.path().join("next");
        std::fs::write(&next, format!("{wall} {monotonic}")).unwrap();
        std::fs::rename(next, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shifts")
    }

    async fn function(&self, env: &TestEnv, operation: Operation) -> DirectFunction {
        let url = env.database.url(env.proxy.port(), "127.0.0.1", "sslmode=disable");
        let (library, file) = (self.library(), self.file());
        let variables = [("LD_PRELOAD", library.to_str().unwrap()), ("SHIFTED_CLOCKS", file.to_str().unwrap())];
        DirectFunction::start(operation, &url, &variables).await
    }
}

/// Sends the request of a case with a deadline by the shifted wall clock.
async fn send(function: &mut DirectFunction, case: &TaskCase, wall: i64) -> TestResponse {
    let now = SystemTime::now() + Duration::from_secs(20);
    let shift = Duration::from_secs(wall.unsigned_abs());
    function.send_by(if wall < 0 { now - shift } else { now + shift }, case).await
}

/// Shifts the clocks, executes one operation, and returns how many connections it opened.
async fn connections_opened(
    env: &TestEnv,
    clocks: &Clocks,
    function: &mut DirectFunction,
    operation: Operation,
    to: (i64, i64),
) -> usize {
    clocks.shift(to.0, to.1);
    let case = env.prepare(operation).await;
    let before = env.counts();
    let response = send(function, &case, to.0).await;
    env.assert_done(&case, &response).await;
    let (connections, statements) = env.counts_since(before);
    assert_eq!(statements, 1, "{operation:?}, {to:?}");
    connections
}

#[tokio::test]
async fn long_idle_connection_is_replaced_by_either_clock() {
    let env = TestEnv::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        clocks.shift(0, 0);
        let mut function = clocks.function(&env, operation).await;
        for (to, opened) in [
            // The connection from the start.
            ((0, 0), 0),
            // Less than four minutes idle, and then more.
            ((230, 230), 0),
            ((230 + 241, 230 + 241), 1),
            // The monotonic clock stands still while the function is frozen.
            ((800, 471), 1),
            ((800, 800), 1),
            ((800, 800), 0),
        ] {
            assert_eq!(
                connections_opened(&env, &clocks, &mut function, operation, to).await,
                opened,
                "{operation:?}, {to:?}"
            );
        }
    }
}

#[tokio::test]
async fn old_connection_is_replaced_even_when_busy() {
    let env = TestEnv::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    let mut function = clocks.function(&env, Operation::List).await;
    let mut opened = Vec::new();
    for minute in (0..=33).step_by(3) {
        let to = (minute * MINUTE, minute * MINUTE);
        if connections_opened(&env, &clocks, &mut function, Operation::List, to).await > 0 {
            opened.push(minute);
        }
    }
    // The connection is replaced at half an hour.
    assert_eq!(opened, [30]);
}

#[tokio::test]
async fn wall_clock_jump_costs_at_most_one_reconnect() {
    let env = TestEnv::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        clocks.shift(0, 0);
        let mut function = clocks.function(&env, operation).await;
        let mut opened = Vec::new();
        for hours in [0, 3, 3, 0, -5, -5, 0, 20] {
            opened.push(connections_opened(&env, &clocks, &mut function, operation, (hours * HOUR, 0)).await);
        }
        // A connection from the future has no age.
        assert_eq!(opened, [0, 1, 0, 0, 0, 0, 1, 1], "{operation:?}");
    }
}

#[tokio::test]
async fn wall_clock_jump_does_not_affect_a_running_statement() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        for hours in [2, -2] {
            clocks.shift(0, 0);
            let mut function = clocks.function(&env, operation).await;
            let case = env.prepare(operation).await;
            let executed = env.proxy.answered_statements();
            env.database.lock_tasks().await;
            let apply = async {
                env.database.wait_for_blocked_statements(1).await;
                clocks.shift(hours * HOUR, 0);
                env.database.run("commit").await;
            };
            let (response, ()) = tokio::join!(function.send(&case), apply);
            env.assert_done(&case, &response).await;
            assert_eq!(env.proxy.answered_statements() - executed, 1, "{operation:?}, {hours} h");
        }
    }
}
