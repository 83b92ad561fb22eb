//! The client in `clients/typescript`, and the tools that its packages contain.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use crate::install::npm::TYPESCRIPT_CLIENT;
use crate::testing::program::run_program;
use crate::workspace::{Lock, local};

/// How long a program may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// The folder of the client, with its packages.
#[derive(Debug)]
pub struct TypescriptClient {
    folder: PathBuf,
}

impl TypescriptClient {
    /// Installs its packages if they are missing or out of date.
    pub async fn install() -> Self {
        let folder = TYPESCRIPT_CLIENT.folder().await.unwrap_or_else(|error| panic!("{error}"));
        Self { folder }
    }

    /// [`TypescriptClient::install`], and compiles the source into `dist` if it has changed since.
    pub async fn build() -> Self {
        let client = Self::install().await;
        let _lock = Lock::take(local().expect("the folder .local").join("client.lock")).await.expect("a lock");
        if client.last_change() > modified(&client.folder.join("dist/index.js")) {
            let mut npm = client.command("npm");
            npm.args(["run", "build"]);
            client.run(npm).await.unwrap_or_else(|problem| panic!("{problem}"));
        }
        client
    }

    /// The folder of the client.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command in the folder, with the programs of the packages on its `PATH`, among them a newer Node.
    pub fn command(&self, program: &str) -> Command {
        let own = self.folder.join("node_modules/.bin");
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&inherited)));
        // The program is looked up on the `PATH` of the command, not on that of this process.
        let mut command = Command::new("env");
        command.arg(program).env("PATH", path.expect("folders without a colon")).current_dir(&self.folder);
        command
    }

    /// Runs a command to its end, and returns what it has printed.
    ///
    /// # Errors
    /// It failed, or did not end in time: what it has printed.
    pub async fn run(&self, mut command: Command) -> Result<String, String> {
        run_program(&mut command, RUN_TIMEOUT).await
    }

    /// When the source was last changed.
    fn last_change(&self) -> SystemTime {
        let files = ["package.json", "tsconfig.json", "tsconfig.build.json"].map(|file| self.folder.join(file));
        let mut last = files.iter().map(|file| modified(file)).max().unwrap_or(SystemTime::UNIX_EPOCH);
        let mut waiting = vec![self.folder.join("src")];
        while let Some(path) = waiting.pop() {
            last = last.max(modified(&path));
            let entries = std::fs::read_dir(&path).into_iter().flatten();
            waiting.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        last
    }
}

/// When a file was changed. The beginning of time if there is none.
fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
