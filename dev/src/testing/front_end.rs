//! A front end of `dev/tests/front_ends`, used in Chromium.

use tokio::net::TcpSocket;

use crate::process::reserve_port;
use crate::testing::better_auth::BetterAuthStack;
use crate::testing::browser::run_script;

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
        let port = self.port().to_string();
        let variables = [("PORT", &*port), ("API_URL", env.stack.base_url()), ("AUTH_URL", env.auth_url())];
        run_script("front_ends/drive.mjs", Some(self.folder), "front_ends", &variables).await
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("the address of a bound socket").port()
    }
}
