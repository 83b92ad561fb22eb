//! The running functions: processes that are started, reused, replaced and stopped as Lambda does it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use nix::sys::signal::Signal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::template::Function;
use crate::process::{LastLogLine, LogOutput, Process, ProcessGroup, forward_lines};

/// How long a process may take until it asks for its first event.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long an answer waits for its instance to ask for the next event, so that requests one after the other meet
/// the same instance.
const TURNAROUND: Duration = Duration::from_millis(50);
/// How long an instance with an extension may take to end when asked. One without is not asked.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// Why a function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The binary is not there.
    #[error("the binary of {0} is missing: run `cargo build --workspace`")]
    Missing(String),
    /// The system refuses to start it.
    #[error("{name} cannot be started: {cause}")]
    Spawn {
        /// The function.
        name: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// It ended before it asked for an event. What it said last is the error.
    #[error("{sentence}")]
    Ended {
        /// The last thing the function printed.
        sentence: String,
    },
    /// It runs and does not ask for an event.
    #[error("{0} did not ask for an event within {limit} s of its start", limit = START_TIMEOUT.as_secs())]
    Slow(String),
    /// The stack is stopping.
    #[error("the local stack is stopping")]
    Stopping,
}

/// What became of an invocation.
#[derive(Debug)]
pub(crate) enum InvokeOutcome {
    /// What the function returned.
    Returned(Bytes),
    /// The function reported an error, crashed, could not be started, or did not answer in time and was killed.
    Failed,
    /// As many instances as allowed were busy for as long as a request may take.
    Unavailable,
}

/// What an instance is given to do.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The id in `Lambda-Runtime-Aws-Request-Id`.
    pub(crate) request_id: String,
    /// The event.
    pub(crate) event: Bytes,
    /// When the function will be killed, in milliseconds since 1970.
    pub(crate) deadline_ms: u128,
    /// `Lambda-Runtime-Trace-Id`.
    pub(crate) trace_id: String,
}

/// One process of a function.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The function.
    pub(crate) name: String,
    id: String,
    process: Process,
    last_line: Arc<LastLogLine>,
    /// Whether the process is waiting for an event.
    waiting: watch::Sender<bool>,
    /// Whether an extension was registered.
    extended: AtomicBool,
    give: mpsc::Sender<Invocation>,
    take: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<Option<(String, oneshot::Sender<InvokeOutcome>)>>,
}

/// All instances of all functions.
#[derive(Debug)]
pub(crate) struct Instances {
    pools: BTreeMap<String, Arc<Pool>>,
    all: Arc<Registry>,
}

/// How instances are made.
#[derive(Debug)]
pub(crate) struct InstanceConfig {
    /// Where the binaries are.
    pub(crate) binaries: PathBuf,
    /// Variables for every function, beyond the environment of this process.
    pub(crate) variables: BTreeMap<String, String>,
    /// `host:port` of the Runtime API.
    pub(crate) runtime_api: String,
    /// The most instances of one function.
    pub(crate) concurrency: usize,
}

#[derive(Debug)]
struct Registry {
    config: InstanceConfig,
    output: Arc<LogOutput>,
    group: ProcessGroup,
    /// `None` when nothing may be started any more.
    instances: Mutex<Option<BTreeMap<String, Arc<Instance>>>>,
}

#[derive(Debug)]
struct Pool {
    function: Function,
    all: Arc<Registry>,
    permits: Arc<Semaphore>,
    /// The most recently used is the last.
    idle: Mutex<Vec<Arc<Instance>>>,
}

impl Instances {
    /// Prepares a pool for each function and starts nothing.
    ///
    /// # Errors
    /// [`InstanceError::Missing`]; [`InstanceError::Spawn`] if the shell that watches over them cannot be started.
    pub(crate) fn new(
        functions: &[Function],
        config: InstanceConfig,
        output: Arc<LogOutput>,
    ) -> Result<Self, InstanceError> {
        for function in functions {
            if !config.binaries.join(&function.name).is_file() {
                return Err(InstanceError::Missing(function.name.clone()));
            }
        }
        let group = ProcessGroup::new().map_err(|cause| InstanceError::Spawn { name: "sh".to_owned(), cause })?;
        let concurrency = config.concurrency;
        let all = Arc::new(Registry { config, output, group, instances: Mutex::new(Some(BTreeMap::new())) });
        let pool = |function: &Function| Pool {
            function: function.clone(),
            all: Arc::clone(&all),
            permits: Arc::new(Semaphore::new(concurrency)),
            idle: Mutex::new(Vec::new()),
        };
        let pools = functions.iter().map(|function| (function.name.clone(), Arc::new(pool(function)))).collect();
        Ok(Self { pools, all })
    }

    /// Starts one instance of each function and waits until all ask for an event.
    ///
    /// # Errors
    /// The first that does not get so far.
    pub(crate) async fn start_one_each(&self) -> Result<(), InstanceError> {
        let mut starts = tokio::task::JoinSet::new();
        for pool in self.pools.values().cloned() {
            starts.spawn(async move { pool.start().await.map(|instance| lock(&pool.idle).push(instance)) });
        }
        while let Some(start) = starts.join_next().await {
            start.unwrap_or(Err(InstanceError::Stopping))?;
        }
        Ok(())
    }

    /// Gives an event to an instance of the function, whether or not anybody still waits for the answer.
    pub(crate) async fn invoke(&self, function: &str, event: Bytes, trace_id: &str) -> InvokeOutcome {
        match self.pools.get(function) {
            Some(pool) => pool.invoke(event, trace_id).await,
            None => InvokeOutcome::Failed,
        }
    }

    /// Where an instance is found by the path in its `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Instance>> {
        lock(&self.all.instances).as_ref()?.get(id).cloned()
    }

    /// Stops every instance and starts no more.
    pub(crate) async fn stop(&self) {
        let instances = lock(&self.all.instances).take().unwrap_or_default();
        let mut stops = tokio::task::JoinSet::new();
        for instance in instances.into_values() {
            stops.spawn(async move { instance.stop().await });
        }
        stops.join_all().await;
        // And what they may have started.
        self.all.group.signal(Signal::SIGKILL);
    }
}

impl Pool {
    async fn invoke(self: &Arc<Self>, event: Bytes, trace_id: &str) -> InvokeOutcome {
        let limit = self.function.timeout;
        let Ok(Ok(permit)) = timeout(limit, Arc::clone(&self.permits).acquire_owned()).await else {
            return InvokeOutcome::Unavailable;
        };
        let instance = match self.idle_or_new().await {
            Ok(instance) => instance,
            Err(error) => {
                self.all.output.line(format!("{}: {error}", self.function.name).as_bytes());
                return InvokeOutcome::Failed;
            }
        };
        let end = Instant::now() + limit;
        let outcome = match tokio::time::timeout_at(end, instance.invoke(event, limit, trace_id)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                instance.process.signal(Signal::SIGKILL);
                InvokeOutcome::Failed
            }
        };
        if instance.waits_within(TURNAROUND).await {
            self.put_back(instance, permit);
        } else {
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                if instance.waits_within(end.saturating_duration_since(Instant::now())).await {
                    pool.put_back(instance, permit);
                } else {
                    instance.process.signal(Signal::SIGKILL);
                }
            });
        }
        outcome
    }

    /// The permit comes back after the instance, so that who gets it next finds the instance.
    fn put_back(&self, instance: Arc<Instance>, permit: OwnedSemaphorePermit) {
        lock(&self.idle).push(instance);
        drop(permit);
    }

    async fn idle_or_new(&self) -> Result<Arc<Instance>, InstanceError> {
        loop {
            let Some(instance) = lock(&self.idle).pop() else { return self.start().await };
            // One that died while nobody needed it is replaced without a word.
            if instance.process.is_running() && instance.waits_within(TURNAROUND).await {
                return Ok(instance);
            }
            instance.process.signal(Signal::SIGKILL);
        }
    }

    async fn start(&self) -> Result<Arc<Instance>, InstanceError> {
        let name = &self.function.name;
        let (instance, heard) = self.spawn()?;
        if instance.waits_within(START_TIMEOUT).await {
            return Ok(instance);
        }
        if instance.process.is_running() {
            instance.process.signal(Signal::SIGKILL);
            return Err(InstanceError::Slow(name.clone()));
        }
        // Its last words may still be in the pipe.
        let _ = timeout(Duration::from_secs(1), heard).await;
        let sentence = instance.last_line.message();
        Err(InstanceError::Ended { sentence: sentence.unwrap_or_else(|| format!("{name} ended at its start")) })
    }

    fn spawn(&self) -> Result<(Arc<Instance>, tokio::task::JoinHandle<()>), InstanceError> {
        let mut instances = lock(&self.all.instances);
        let Some(instances) = instances.as_mut() else { return Err(InstanceError::Stopping) };
        let name = self.function.name.clone();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let process = Process::start(&mut self.command(&id))
            .map_err(|cause| InstanceError::Spawn { name: name.clone(), cause })?;
        let (stdout, stderr) = process.take_pipes();
        let (give, take) = mpsc::channel(1);
        let instance = Arc::new(Instance {
            name,
            id: id.clone(),
            process,
            last_line: Arc::default(),
            waiting: watch::Sender::new(false),
            extended: AtomicBool::new(false),
            give,
            take: tokio::sync::Mutex::new(take),
            running: Mutex::new(None),
        });
        let last_line = Arc::clone(&instance.last_line);
        let output = Arc::clone(&self.all.output);
        if let Some(stdout) = stdout {
            tokio::spawn(forward_lines(stdout, Arc::clone(&output), None));
        }
        let heard = tokio::spawn(async move {
            if let Some(stderr) = stderr {
                forward_lines(stderr, output, Some(last_line)).await;
            }
        });
        instances.insert(id, Arc::clone(&instance));
        let (all, watched) = (Arc::clone(&self.all), Arc::clone(&instance));
        tokio::spawn(async move {
            watched.process.wait().await;
            watched.finish(InvokeOutcome::Failed);
            if let Some(instances) = lock(&all.instances).as_mut() {
                instances.remove(&watched.id);
            }
        });
        Ok((instance, heard))
    }

    fn command(&self, id: &str) -> tokio::process::Command {
        let InstanceConfig { binaries, variables, runtime_api, .. } = &self.all.config;
        let name = &self.function.name;
        let mut command = self.all.group.command(binaries.join(name));
        for (name, value) in [("AWS_REGION", "us-east-1"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        command
            .env_remove("AWS_LAMBDA_MAX_CONCURRENCY")
            .envs(variables)
            // With a scheme, without which the runtime takes no path.
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{runtime_api}/{id}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.function.memory.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{id}"))
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("LAMBDA_TASK_ROOT", binaries)
            .env("_HANDLER", "bootstrap")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Instance {
    /// Waits for the next event on behalf of the process. Dropping the future is the process hanging up.
    pub(crate) async fn next(&self) -> Option<Invocation> {
        struct Waiting<'a>(&'a watch::Sender<bool>);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.send_replace(false);
            }
        }
        let mut take = self.take.lock().await;
        let _waiting = Waiting(&self.waiting);
        self.waiting.send_replace(true);
        take.recv().await
    }

    /// Takes what the function answered to an invocation. `false` if it is not the one that runs.
    pub(crate) fn complete(&self, request_id: &str, outcome: InvokeOutcome) -> bool {
        let expected = lock(&self.running).as_ref().is_some_and(|(running, _)| running == request_id);
        if expected {
            self.finish(outcome);
        }
        expected
    }

    fn finish(&self, outcome: InvokeOutcome) {
        if let Some((_, answer)) = lock(&self.running).take() {
            let _ = answer.send(outcome);
        }
    }

    /// Remembers that the process has registered an extension.
    pub(crate) fn note_extension(&self) {
        self.extended.store(true, Ordering::Relaxed);
    }

    /// Ends the process in the way of Lambda.
    async fn stop(&self) {
        let signal = if self.extended.load(Ordering::Relaxed) { Signal::SIGTERM } else { Signal::SIGKILL };
        self.process.stop(signal, STOP_TIMEOUT).await;
    }

    async fn invoke(&self, event: Bytes, limit: Duration, trace_id: &str) -> InvokeOutcome {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (answer, answered) = oneshot::channel();
        *lock(&self.running) = Some((request_id.clone(), answer));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline_ms = (now + limit).as_millis();
        let invocation = Invocation { request_id, event, deadline_ms, trace_id: trace_id.to_owned() };
        if self.give.send(invocation).await.is_err() || !self.process.is_running() {
            return InvokeOutcome::Failed;
        }
        answered.await.unwrap_or(InvokeOutcome::Failed)
    }

    /// Whether the process asks for an event, at the latest after `limit`. `false` at once if it ends.
    async fn waits_within(&self, limit: Duration) -> bool {
        let mut waiting = self.waiting.subscribe();
        tokio::select! {
            biased;
            waits = waiting.wait_for(|waits| *waits) => waits.is_ok(),
            _ = self.process.wait() => false,
            () = tokio::time::sleep(limit) => false,
        }
    }
}

/// Where the function binaries are: beside the binary of this process.
///
/// # Errors
/// The system does not tell where this process comes from.
pub(crate) fn beside_this_binary() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().map(Path::to_owned).unwrap_or_default())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
