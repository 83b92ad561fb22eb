//! A function as a process, behind the part of the Lambda Runtime API that it takes to measure it.
//!
//! The clock is read right before an event is written and right after an answer has been read, by the thread that does
//! it: what this process does besides is not in the result.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::ClockId;
use nix::unistd::Pid;
use serde_json::Value;

use super::processors::Processors;
use crate::aws::event::ACCOUNT;

/// How long a function may take to start or to answer, which only one that is broken needs.
const LIMIT: Duration = Duration::from_secs(20);
/// How often it is looked at whether the process still runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What an extension is told that registers.
const REGISTERED: &[u8] = b"HTTP/1.1 200 OK\r\nlambda-extension-identifier: extension\r\ncontent-length: 0\r\n\r\n";

/// Why a function cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// It ended, or does not do anything.
    #[error("{0} ended or did not answer")]
    Silent(String),
    /// It answered something else than what was to be measured.
    #[error("{name} answered {answer}")]
    Answer {
        /// The function.
        name: String,
        /// What it said.
        answer: String,
    },
    /// The system refuses something ordinary.
    #[error("{name} cannot be measured: {cause}")]
    System {
        /// The function.
        name: String,
        /// The system's reason.
        cause: io::Error,
    },
}

/// What is started: a binary and its environment, which has nothing else in it.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) variables: Vec<(&'static str, String)>,
    /// The status of a good answer.
    pub(super) status: u16,
}

impl Launch {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }
}

/// The server that all functions ask for events. The first segment of the path tells them apart.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    states: States,
    launched: AtomicU64,
    invoked: AtomicU64,
}

type States = Arc<Mutex<BTreeMap<u64, Arc<RuntimeApiState>>>>;

/// Where a function and the bench meet.
#[derive(Debug)]
struct RuntimeApiState {
    state: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    first_poll: Option<Instant>,
    /// Whether the function has asked for an event and there is none.
    waits: bool,
    /// What it is to be told: the whole HTTP response with the event.
    event: Option<Vec<u8>>,
    given: Option<Instant>,
    answered: Option<(Instant, Vec<u8>)>,
}

/// A running function. It is killed when dropped.
#[derive(Debug)]
pub(super) struct Function<'a> {
    api: &'a RuntimeApi,
    name: String,
    status: u16,
    id: u64,
    state: Arc<RuntimeApiState>,
    child: Child,
    started: Instant,
    first_poll: Instant,
}

/// An answer that was as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct InvokeTiming {
    /// From the event to the answer.
    pub(super) latency: Duration,
    /// From the start of the process to the answer.
    pub(super) since_start: Duration,
}

impl RuntimeApi {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let states = States::default();
        let known = Arc::clone(&states);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let states = Arc::clone(&known);
                // Ends with the connection, and that with the process.
                std::thread::spawn(move || serve(stream, &states));
            }
        });
        Ok(Self { address, states, launched: AtomicU64::new(0), invoked: AtomicU64::new(0) })
    }

    /// Starts a function and waits until it asks for its first event.
    pub(super) fn launch(&self, launch: &Launch, processors: &Processors) -> Result<Function<'_>, FunctionError> {
        self.launch_with(launch, processors, None)
    }

    /// Starts a function for an event, whose [answer](Function::answer) can be waited for.
    pub(super) fn launch_for(
        &self,
        event: &[u8],
        launch: &Launch,
        processors: &Processors,
    ) -> Result<Function<'_>, FunctionError> {
        self.launch_with(launch, processors, Some(self.response(&launch.name, event)))
    }

    fn launch_with(
        &self,
        launch: &Launch,
        processors: &Processors,
        event: Option<Vec<u8>>,
    ) -> Result<Function<'_>, FunctionError> {
        let id = self.launched.fetch_add(1, Ordering::Relaxed);
        let state = Mutex::new(Progress { event, ..Progress::default() });
        let state = Arc::new(RuntimeApiState { state, changed: Condvar::new() });
        lock(&self.states).insert(id, Arc::clone(&state));
        let mut command = Command::new(&launch.program);
        command
            .env_clear()
            .envs(launch.variables.iter().map(|(name, value)| (*name, value)))
            // With a scheme, without which the runtime takes no path.
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{id}", self.address))
            .env("AWS_LAMBDA_FUNCTION_NAME", &launch.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_REGION", "us-east-1")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let failed = |cause| FunctionError::System { name: launch.name.clone(), cause };
        let (started, child) = processors.for_functions(|| (Instant::now(), command.spawn())).map_err(failed)?;
        let child = child.map_err(failed)?;
        let (name, status) = (launch.name.clone(), launch.status);
        let mut function = Function { api: self, name, status, id, state, child, started, first_poll: started };
        function.first_poll = function.wait(|state| state.first_poll)?;
        Ok(function)
    }

    /// The response that gives an event. Every request has an id that no other has, as in AWS.
    fn response(&self, name: &str, event: &[u8]) -> Vec<u8> {
        let number = self.invoked.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 200 OK\r\n\
             content-type: application/json\r\n\
             content-length: {length}\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-{number:012}\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n\r\n",
            length = event.len(),
            deadline = (now + LIMIT).as_millis(),
        );
        [head.as_bytes(), event].concat()
    }
}

impl Function<'_> {
    /// From the start of the process to its first question for an event.
    pub(super) fn until_first_poll(&self) -> Duration {
        self.first_poll - self.started
    }

    /// Gives it an event, and waits until it has answered and asked for the next.
    pub(super) fn invoke(&mut self, event: &[u8]) -> Result<InvokeTiming, FunctionError> {
        let response = self.api.response(&self.name, event);
        lock(&self.state.state).event = Some(response);
        self.state.changed.notify_all();
        self.answer()
    }

    /// Waits until it has answered the event that it was given, and asked for the next.
    pub(super) fn answer(&mut self) -> Result<InvokeTiming, FunctionError> {
        let (given, answered, answer) = self.wait(|state| {
            let (answered, answer) = if state.waits { state.answered.take()? } else { return None };
            Some((state.given?, answered, answer))
        })?;
        let read: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if read["statusCode"] != self.status {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            return Err(FunctionError::Answer { name: self.name.clone(), answer });
        }
        Ok(InvokeTiming { latency: answered - given, since_start: answered - self.started })
    }

    /// Processor time that all its threads have used so far.
    pub(super) fn processor_time(&self) -> Result<Duration, FunctionError> {
        let time = self.pid().and_then(|pid| Ok(ClockId::pid_cpu_clock_id(pid)?.now()?));
        time.map(Duration::from).map_err(|cause| self.failed(cause))
    }

    /// The most memory that it has had at once, in bytes.
    pub(super) fn peak_memory(&self) -> Result<u64, FunctionError> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.map_err(|cause| self.failed(cause))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kilobytes.ok_or_else(|| self.failed(io::ErrorKind::InvalidData.into()))? * 1024)
    }

    fn pid(&self) -> io::Result<Pid> {
        i32::try_from(self.child.id()).map(Pid::from_raw).map_err(io::Error::other)
    }

    fn failed(&self, cause: io::Error) -> FunctionError {
        FunctionError::System { name: self.name.clone(), cause }
    }

    fn wait<T>(&mut self, mut ready: impl FnMut(&mut Progress) -> Option<T>) -> Result<T, FunctionError> {
        let end = Instant::now() + LIMIT;
        let mut state = lock(&self.state.state);
        loop {
            if let Some(value) = ready(&mut state) {
                return Ok(value);
            }
            let waited = self.state.changed.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if Instant::now() > end || !matches!(self.child.try_wait(), Ok(None)) {
                return Err(FunctionError::Silent(self.name.clone()));
            }
        }
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        lock(&self.api.states).remove(&self.id);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers the requests of one connection. A function may have several.
fn serve(mut stream: TcpStream, states: &States) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    loop {
        let request = Request::read(&mut stream, &mut buffer)?;
        let id = request.path().split('/').nth(1)?.parse().ok()?;
        let state = Arc::clone(lock(states).get(&id)?);
        if request.path().ends_with("/extension/register") {
            stream.write_all(REGISTERED).ok()?;
        } else if request.path().ends_with("/extension/event/next") {
            // There is never one, and the process ends with its connections.
            std::io::copy(&mut stream, &mut std::io::sink()).ok()?;
        } else if request.path().ends_with("/next") {
            let event = state.event_for(request.read)?;
            lock(&state.state).given = Some(Instant::now());
            stream.write_all(&event).ok()?;
        } else {
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").ok()?;
            lock(&state.state).answered = Some((request.read, request.body.to_vec()));
        }
    }
}

impl RuntimeApiState {
    /// The event that a function asks for at this time, once there is one. `None` if the function has gone.
    fn event_for(self: &Arc<Self>, poll: Instant) -> Option<Vec<u8>> {
        let mut state = lock(&self.state);
        state.first_poll.get_or_insert(poll);
        state.waits = true;
        self.changed.notify_all();
        loop {
            if let Some(event) = state.event.take() {
                state.waits = false;
                return Some(event);
            }
            // Nobody else has the state: the function was dropped.
            if Arc::strong_count(self) == 1 {
                return None;
            }
            let waited = self.changed.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// An HTTP request, of which the client waits for the answer before it sends another.
struct Request<'a> {
    /// When the last of it was read.
    read: Instant,
    head: &'a str,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// `None` at the end of the connection, and for what a runtime client does not send.
    fn read(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> Option<Self> {
        let mut chunk = [0; 16 * 1024];
        buffer.clear();
        let read = loop {
            let count @ 1.. = stream.read(&mut chunk).ok()? else { return None };
            let read = Instant::now();
            buffer.extend_from_slice(chunk.get(..count)?);
            if is_complete(buffer)? {
                break read;
            }
        };
        let (head, body) = buffer.split_at_checked(end_of_head(buffer)?)?;
        Some(Self { read, head: std::str::from_utf8(head).ok()?, body })
    }

    fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// `None` for what is not HTTP.
fn is_complete(request: &[u8]) -> Option<bool> {
    let Some(end) = end_of_head(request) else { return Some(false) };
    let (head, body) = request.split_at_checked(end)?;
    let fields = std::str::from_utf8(head).ok()?.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    Some(body.len() >= length)
}

fn end_of_head(request: &[u8]) -> Option<usize> {
    request.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|position| position + 4)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
