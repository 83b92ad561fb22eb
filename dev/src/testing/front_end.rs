//! A front end of `dev/tests/front_ends`, used in Chromium.

use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::install::find_chromium;
use crate::install::npm::FRONT_ENDS;
use crate::process::{ProcessGroup, reserve_port};
use crate::testing::better_auth::BetterAuthStack;
use crate::workspace::root;

/// How long the users of all time zones may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);

/// A front end with an address of its own.
#[derive(Debug)]
pub struct FrontEnd {
    folder: &'static str,
    /// The port is known before the front end is served, because the API must be told its origin.
    socket: TcpSocket,
}

impl FrontEnd {
    /// The front end in this folder of `dev/tests/front_ends`.
    pub fn new(folder: &'static str) -> Self {
        Self { folder, socket: reserve_port(0).expect("a free port") }
    }

    /// The origin of its pages, and the URL of the Better Auth that it serves.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port())
    }

    /// Serves it, and lets a user in each time zone use it with the API.
    ///
    /// # Errors
    /// A page did not show what it must, or something else went wrong in it: what `drive.mjs` printed.
    pub async fn run(&self, env: &BetterAuthStack) -> Result<(), String> {
        let tests = FRONT_ENDS.folder().await.unwrap_or_else(|error| panic!("{error}"));
        let chromium = find_chromium().await.unwrap_or_else(|error| panic!("{error}"));
        let group = ProcessGroup::new().expect("sh");
        let mut node = group.command("node");
        node.args(["drive.mjs", self.folder])
            .current_dir(tests)
            .env("PORT", self.port().to_string())
            .env("API_URL", env.stack.base_url())
            .env("AUTH_URL", env.auth_url())
            .env("CHROMIUM", chromium)
            .env("PICTURES", root().join("target/front_ends"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(RUN_TIMEOUT, node.output()).await.map_err(|_| format!("not within {RUN_TIMEOUT:?}"))?;
        let output = output.expect("the program `node`");
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("the address of a bound socket").port()
    }
}
