//! The front end in `examples/nextjs`, built and used in Chromium.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};

use crate::install::npm::NEXT_EXAMPLE;
use crate::process::{ProcessGroup, reserve_port};
use crate::testing::better_auth::BetterAuthStack;
use crate::testing::browser::run_script;
use crate::testing::program::run_program;
use crate::testing::wait::wait_until_within;
use crate::workspace::root;

/// How long the build may take on a busy machine.
const BUILD_TIMEOUT: Duration = Duration::from_secs(600);
/// How long the server may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The address of the example in its documentation.
const DOCUMENTED_ORIGIN: &str = "http://localhost:3000";

/// The example, built for production, with an address of its own.
#[derive(Debug)]
pub struct Example {
    folder: PathBuf,
    /// The port is known before the example is served, because the API must be told its origin.
    socket: TcpSocket,
    build_time: Duration,
}

impl Example {
    /// Installs its packages if they are missing, and builds it.
    pub async fn build() -> Self {
        let folder = NEXT_EXAMPLE.folder().await.unwrap_or_else(|error| panic!("{error}"));
        let group = ProcessGroup::new().expect("sh");
        let mut npm = group.command("npm");
        npm.args(["run", "build"]).current_dir(&folder);
        let start = Instant::now();
        run_program(&mut npm, BUILD_TIMEOUT).await.unwrap_or_else(|problem| panic!("{problem}"));
        Self { folder, socket: reserve_port(0).expect("a free port"), build_time: start.elapsed() }
    }

    /// The settings of the API that its `README.md` names, for the address of this example.
    ///
    /// # Panics
    /// The file does not say how to start the API.
    pub fn api_settings(&self) -> Vec<(String, String)> {
        let settings = self.documented_settings("make dev-auth");
        settings.into_iter().map(|(name, value)| (name, value.replace(DOCUMENTED_ORIGIN, &self.origin()))).collect()
    }

    /// Serves it with the settings that its `README.md` names, and lets users use it with the API. Prints how long this
    /// and the build took. What the server prints is in `target/front_ends/example.log`.
    ///
    /// # Errors
    /// A page did not show what it must, or something else went wrong in it: what `example.mjs` printed.
    pub async fn run(&self, env: &BetterAuthStack) -> Result<(), String> {
        let folder = root().join("target/front_ends");
        std::fs::create_dir_all(&folder).expect("a folder in `target`");
        let log = File::create(folder.join("example.log")).expect("a file in `target`");
        let group = ProcessGroup::new().expect("sh");
        let mut server = group.command("npm");
        server.args(["start", "--", "--hostname", "127.0.0.1", "--port", &self.port().to_string()]);
        for (name, _) in self.documented_settings("npm run dev") {
            server.env(&name, self.setting(&name, env));
        }
        // Those of `.env.development`.
        for name in ["BETTER_AUTH_URL", "API_URL"] {
            server.env(name, self.setting(name, env));
        }
        server.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let _server = server.spawn().expect("the program `npm`");
        let address = ("127.0.0.1", self.port());
        wait_until_within(START_TIMEOUT, "the example listens", async || TcpStream::connect(address).await.is_ok())
            .await;
        let origin = self.origin();
        let variables = [("ORIGIN", &*origin), ("API_URL", env.stack.base_url())];
        let start = Instant::now();
        run_script("front_ends/example.mjs", None, "front_ends", &variables).await?;
        let line = format!("examples/nextjs: built in {:.0?}, used in {:.0?}\n", self.build_time, start.elapsed());
        // Directly, because the test harness hides what a test prints with `eprintln!`.
        let _ = std::io::stderr().write_all(line.as_bytes());
        Ok(())
    }

    fn setting(&self, name: &str, env: &BetterAuthStack) -> String {
        match name {
            "API_URL" => env.stack.base_url().to_owned(),
            "BETTER_AUTH_URL" => self.origin(),
            "BETTER_AUTH_SECRET" => env.stack.secret().to_owned(),
            "DATABASE_URL" => env.stack.database_url().to_owned(),
            _ => panic!("README.md of the example names an unknown setting: {name}"),
        }
    }

    /// The assignments before this command in a line of `README.md`.
    fn documented_settings(&self, command: &str) -> Vec<(String, String)> {
        let file = self.folder.join("README.md");
        let text = std::fs::read_to_string(&file).expect("README.md of the example");
        let before = text.lines().find_map(|line| line.strip_suffix(command));
        let before = before.unwrap_or_else(|| panic!("no line of {} ends with {command}", file.display()));
        let assignments = before.split_whitespace().filter_map(|word| word.split_once('='));
        assignments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn origin(&self) -> String {
        format!("http://localhost:{}", self.port())
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("the address of a bound socket").port()
    }
}
