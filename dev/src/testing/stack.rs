//! A local stack: the `dev` binary in a process of its own, which ends with the test in any case.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::random::letters_and_digits;
use crate::stack::ready::Ready;
use crate::sync::lock;
use crate::testing::binaries::binary;
use crate::tokens;

/// How long a stack may take to become ready. The first one may have to install PostgreSQL.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a stack may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// The only variables that a stack inherits from the test, so that the settings of a developer do not affect tests.
const INHERITED: [&str; 9] =
    ["PATH", "HOME", "TMPDIR", "LANG", "RUST_BACKTRACE", "CARGO", "CARGO_HOME", "RUSTUP_HOME", "LD_LIBRARY_PATH"];

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct Settings {
    binary: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
}

/// A running stack. Dropping it stops it and waits for its end.
#[derive(Debug)]
pub struct Stack {
    ready: Ready,
    process: Running,
    /// Whether `AUTH_MODE` is `password`.
    signs_tokens: bool,
}

/// The stack did not start.
#[derive(Debug, thiserror::Error)]
#[error("the stack did not start ({status:?}): {stderr}")]
pub struct StartError {
    /// The exit status. `None` if the process was killed or could not be started.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Settings {
    /// An ephemeral stack with a private database, on a free port.
    pub fn new() -> Self {
        let arguments = ["serve", "--json", "--until-stdin-closes", "--port", "0", "--ephemeral"];
        Self {
            binary: binary("dev"),
            // A folder without `.env`.
            folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            arguments: arguments.map(str::to_owned).into(),
            variables: BTreeMap::new(),
        }
    }

    /// Runs this program instead of the binary. It must execute the binary in the end.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.binary = program.into();
        self
    }

    /// Sets an environment variable of the stack, and so of its functions.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// [`Settings::with`], unless the variable is set already.
    #[must_use]
    pub fn with_default(mut self, name: &str, value: &str) -> Self {
        self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        self
    }

    /// Uses this database instead of a private one.
    #[must_use]
    pub fn with_database(self, database_url: &str) -> Self {
        self.with("DATABASE_URL", database_url)
    }

    /// Starts in this folder, where a `.env` may be.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Uses these arguments instead of `serve --json --until-stdin-closes --port 0 --ephemeral`. They must include
    /// `--json`, because its line means that the stack is ready.
    #[must_use]
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Stack {
    /// Starts a stack and waits until it is ready. This blocks the thread: use [`Stack::start_async`] in a test that
    /// itself serves something to the stack, such as a proxy of its database.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let failed = |error: io::Error| StartError { status: None, stdout: String::new(), stderr: error.to_string() };
        let signs_tokens = settings.variables.get("AUTH_MODE").is_some_and(|mode| mode == "password");
        let (mut process, lines) = Running::start(settings).map_err(failed)?;
        let mut stdout = String::new();
        let end = Instant::now() + START_TIMEOUT;
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => match serde_json::from_str(&line) {
                    Ok(ready) => return Ok(Self { ready, process, signs_tokens }),
                    Err(_) => stdout += &format!("{line}\n"),
                },
                Err(problem) => {
                    let status = process.end(problem == RecvTimeoutError::Timeout).ok();
                    return Err(StartError { status, stdout, stderr: process.logs() });
                }
            }
        }
    }

    /// [`Stack::start`] without blocking.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_async(settings: Settings) -> Result<Self, StartError> {
        let stack = tokio::task::spawn_blocking(|| Self::start(settings)).await;
        stack.unwrap_or_else(|error| Err(StartError { status: None, stdout: String::new(), stderr: error.to_string() }))
    }

    /// What the stack printed when it was ready.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The URL of the API: `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.ready.base_url
    }

    /// The URL of the database of the stack.
    pub fn database_url(&self) -> &str {
        &self.ready.database_url
    }

    /// The secret that signs its tokens.
    pub fn secret(&self) -> &str {
        &self.ready.secret
    }

    /// A valid token for a user.
    pub fn token(&self, user_id: &str) -> String {
        if self.signs_tokens {
            return tokens::mint_revocable(self.secret(), user_id, &letters_and_digits(22), 0);
        }
        tokens::mint(self.secret(), user_id)
    }

    /// The standard error so far: a line for each request, and the logs of the functions.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// Waits until `condition` is true of the logs, and returns them. `None` after `timeout`.
    pub fn logs_when(&self, timeout: Duration, condition: impl Fn(&str) -> bool) -> Option<String> {
        let end = Instant::now() + timeout;
        loop {
            let logs = self.logs();
            if condition(&logs) {
                return Some(logs);
            }
            if Instant::now() > end {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the process of the stack.
    ///
    /// # Errors
    /// The process has ended.
    pub fn signal(&self, signal: nix::sys::signal::Signal) -> io::Result<()> {
        let pid = i32::try_from(self.ready.pid).map_err(io::Error::other)?;
        Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)?)
    }

    /// Waits for the end of the process, for example after [`Stack::signal`].
    ///
    /// # Errors
    /// It did not end in time.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// Stops the stack by closing its standard input, and waits until none of its processes is running.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.process.end(false)
    }
}

/// The process and the threads that read what it prints.
#[derive(Debug)]
struct Running {
    child: Child,
    /// The process stops when this is closed, also because the test process ended.
    stdin: Option<ChildStdin>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(settings: Settings) -> io::Result<(Self, Receiver<String>)> {
        let Settings { binary, folder, arguments, variables } = settings;
        let inherited = INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(binary)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(inherited)
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (sender, lines) = channel();
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(std::thread::spawn(move || send_lines(pipe, &sender)));
        }
        if let Some(pipe) = child.stderr.take() {
            let stderr = Arc::clone(&stderr);
            readers.push(std::thread::spawn(move || collect(pipe, &stderr)));
        }
        let stdin = child.stdin.take();
        Ok((Self { child, stdin, stderr, readers }, lines))
    }

    fn logs(&self) -> String {
        String::from_utf8_lossy(&lock(&self.stderr)).into_owned()
    }

    fn end(&mut self, kill: bool) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if kill {
            self.child.kill()?;
        }
        self.wait()
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        let end = Instant::now() + STOP_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > end {
                self.child.kill()?;
                self.child.wait()?;
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the stack did not stop: {}", self.logs()),
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end(false);
    }
}

fn send_lines(pipe: impl Read, lines: &Sender<String>) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let _ = lines.send(line);
    }
}

fn collect(mut pipe: impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        lock(into).extend(&buffer[..read]);
    }
}
