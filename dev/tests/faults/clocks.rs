//! Time passes, or seems to: what a freeze of minutes and a wall clock that is set look like from inside a function.
//!
//! A library of the tests' own is loaded before libc and shifts the clocks, so nobody has to wait, and nothing in the
//! function knows of it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::lone::Lone;
use crate::site::{Case, ONE_OF_EACH_FUNCTION, Operation, Reply, Site};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// The clocks of functions.
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

    /// Ahead of the system's by so many seconds: the wall clock and the monotonic one.
    fn shift(&self, wall: i64, monotonic: i64) {
        // Nobody may read half of it.
        let next = self.folder.path().join("next");
        std::fs::write(&next, format!("{wall} {monotonic}")).unwrap();
        std::fs::rename(next, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shifts")
    }

    async fn function(&self, site: &Site, operation: Operation) -> Lone {
        let url = site.database.url(site.proxy.port(), "127.0.0.1", "sslmode=disable");
        let (library, file) = (self.library(), self.file());
        let variables = [("LD_PRELOAD", library.to_str().unwrap()), ("SHIFTED_CLOCKS", file.to_str().unwrap())];
        Lone::start(operation, &url, &variables).await
    }
}

/// By a deadline that is set by the same clock.
async fn send(function: &mut Lone, case: &Case, wall: i64) -> Reply {
    let now = SystemTime::now() + Duration::from_secs(20);
    let shift = Duration::from_secs(wall.unsigned_abs());
    function.send_by(if wall < 0 { now - shift } else { now + shift }, case).await
}

/// One operation after the clocks have moved to there, and how many connections it opened.
async fn opens(site: &Site, clocks: &Clocks, function: &mut Lone, operation: Operation, to: (i64, i64)) -> usize {
    clocks.shift(to.0, to.1);
    let case = site.prepare(operation).await;
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    let reply = send(function, &case, to.0).await;
    case.is_done(site, &reply).await;
    assert_eq!(site.proxy.answered_statements() - executed, 1, "{operation:?}, {to:?}");
    site.proxy.accepted_connections() - connections
}

#[tokio::test]
async fn a_connection_that_was_idle_for_too_long_by_either_clock_is_replaced() {
    let site = Site::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        clocks.shift(0, 0);
        let mut function = clocks.function(&site, operation).await;
        for (to, opened) in [
            // The one that was made at the start.
            ((0, 0), 0),
            // Not yet four minutes, and then more than that.
            ((230, 230), 0),
            ((230 + 241, 230 + 241), 1),
            // A clock that stands still while the function is frozen.
            ((800, 471), 1),
            ((800, 800), 1),
            ((800, 800), 0),
        ] {
            assert_eq!(opens(&site, &clocks, &mut function, operation, to).await, opened, "{operation:?}, {to:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_old_is_replaced_however_much_it_is_used() {
    let site = Site::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    let mut function = clocks.function(&site, Operation::List).await;
    let mut opened = Vec::new();
    for minute in (0..=33).step_by(3) {
        let to = (minute * MINUTE, minute * MINUTE);
        if opens(&site, &clocks, &mut function, Operation::List, to).await > 0 {
            opened.push(minute);
        }
    }
    // A connection of exactly half an hour has been open for a moment longer.
    assert_eq!(opened, [30]);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_by_hours_costs_no_more_than_a_new_connection() {
    let site = Site::start_cold(|settings| settings).await;
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        clocks.shift(0, 0);
        let mut function = clocks.function(&site, operation).await;
        let mut opened = Vec::new();
        for hours in [0, 3, 3, 0, -5, -5, 0, 20] {
            opened.push(opens(&site, &clocks, &mut function, operation, (hours * HOUR, 0)).await);
        }
        // What is in the future has no age.
        assert_eq!(opened, [0, 1, 0, 0, 0, 0, 1, 1], "{operation:?}");
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_during_a_statement_does_not_touch_it() {
    let site = Arc::new(Site::start_cold(|settings| settings).await);
    let clocks = Clocks::new();
    for operation in ONE_OF_EACH_FUNCTION {
        for hours in [2, -2] {
            clocks.shift(0, 0);
            let mut function = clocks.function(&site, operation).await;
            let case = site.prepare(operation).await;
            let executed = site.proxy.answered_statements();
            site.database.run("begin; lock table tasks in access exclusive mode").await;
            let happens = async {
                site.database.until_waiting(1).await;
                clocks.shift(hours * HOUR, 0);
                site.database.run("commit").await;
            };
            let (reply, ()) = tokio::join!(function.send(&case), happens);
            case.is_done(&site, &reply).await;
            assert_eq!(site.proxy.answered_statements() - executed, 1, "{operation:?}, {hours} h");
        }
    }
}
