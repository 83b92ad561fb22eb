//! The instances of all functions: started, reused, replaced and stopped as Lambda does it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use nix::sys::signal::Signal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::instance::{Instance, InstanceConfig, InstanceError, Starting};
use super::runtime_api::RuntimeApi;
use super::template::Function;
use crate::process::{LogOutput, ProcessGroup};
use crate::sync::lock;

/// How long a response waits until its instance asks for the next event. Then the next of several requests in a row
/// meets the same instance.
const NEXT_POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// An event for which there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvocationError {
    /// The function reported an error, crashed, could not be started, or timed out and was killed.
    FunctionFailed,
    /// As many instances as are allowed were busy for as long as a request may take.
    Throttled,
}

/// All instances of all functions.
#[derive(Debug)]
pub(crate) struct Instances {
    pools: BTreeMap<String, Arc<Pool>>,
    registry: Arc<Registry>,
}

/// What all pools share.
#[derive(Debug)]
struct Registry {
    config: InstanceConfig,
    output: Arc<LogOutput>,
    group: ProcessGroup,
    runtime_api: RuntimeApi,
    /// By id. `None` once no more instances may be started.
    instances: Mutex<Option<BTreeMap<String, Arc<Instance>>>>,
}

/// The instances of one function.
#[derive(Debug)]
struct Pool {
    function: Function,
    registry: Arc<Registry>,
    permits: Arc<Semaphore>,
    /// The most recently used one is the last.
    idle: Mutex<Vec<Arc<Instance>>>,
}

impl Instances {
    /// Prepares a pool for each function. Starts no instance.
    ///
    /// # Errors
    /// [`InstanceError::Missing`]; [`InstanceError::Spawn`] if the shell of the process group cannot be started.
    pub(crate) fn new(
        functions: &[Function],
        config: InstanceConfig,
        runtime_api: RuntimeApi,
        output: Arc<LogOutput>,
    ) -> Result<Self, InstanceError> {
        for function in functions {
            if !config.binary(&function.name).is_file() {
                return Err(InstanceError::Missing(function.name.clone()));
            }
        }
        let group = ProcessGroup::new().map_err(|cause| InstanceError::Spawn { name: "sh".to_owned(), cause })?;
        let concurrency = config.concurrency;
        let instances = Mutex::new(Some(BTreeMap::new()));
        let registry = Arc::new(Registry { config, output, group, runtime_api, instances });
        let pool = |function: &Function| Pool {
            function: function.clone(),
            registry: Arc::clone(&registry),
            permits: Arc::new(Semaphore::new(concurrency)),
            idle: Mutex::new(Vec::new()),
        };
        let pools = functions.iter().map(|function| (function.name.clone(), Arc::new(pool(function)))).collect();
        Ok(Self { pools, registry })
    }

    /// Starts one instance of each function and waits until all of them ask for an event.
    ///
    /// # Errors
    /// That of the first instance that fails.
    pub(crate) async fn start_one_each(&self) -> Result<(), InstanceError> {
        let mut starts = JoinSet::new();
        for pool in self.pools.values().cloned() {
            starts.spawn(async move { pool.start().await.map(|instance| lock(&pool.idle).push(instance)) });
        }
        while let Some(start) = starts.join_next().await {
            start.unwrap_or(Err(InstanceError::Stopping))?;
        }
        Ok(())
    }

    /// Has an instance of the function handle an event.
    ///
    /// # Errors
    /// [`InvocationError`].
    pub(crate) async fn invoke(&self, function: &str, event: Bytes, trace_id: &str) -> Result<Bytes, InvocationError> {
        match self.pools.get(function) {
            Some(pool) => pool.invoke(event, trace_id).await,
            None => Err(InvocationError::FunctionFailed),
        }
    }

    /// Stops every instance and starts no more.
    pub(crate) async fn stop(&self) {
        let instances = lock(&self.registry.instances).take().unwrap_or_default();
        let mut stops = JoinSet::new();
        for instance in instances.into_values() {
            stops.spawn(async move { instance.stop().await });
        }
        stops.join_all().await;
        // Their own child processes.
        self.registry.group.signal(Signal::SIGKILL);
    }
}

impl Pool {
    async fn invoke(self: &Arc<Self>, event: Bytes, trace_id: &str) -> Result<Bytes, InvocationError> {
        let time_limit = self.function.timeout;
        let Ok(Ok(permit)) = timeout(time_limit, Arc::clone(&self.permits).acquire_owned()).await else {
            return Err(InvocationError::Throttled);
        };
        let instance = match self.idle_or_new().await {
            Ok(instance) => instance,
            Err(error) => {
                self.registry.output.line(format!("{}: {error}", self.function.name).as_bytes());
                return Err(InvocationError::FunctionFailed);
            }
        };
        let deadline = Instant::now() + time_limit;
        let result = match timeout_at(deadline, instance.invoke(event, time_limit, trace_id)).await {
            Ok(result) => result.map_err(|_| InvocationError::FunctionFailed),
            Err(_) => {
                instance.kill();
                Err(InvocationError::FunctionFailed)
            }
        };
        if instance.polls_within(NEXT_POLL_TIMEOUT).await {
            self.put_back(instance, permit);
        } else {
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                if instance.polls_within(deadline.saturating_duration_since(Instant::now())).await {
                    pool.put_back(instance, permit);
                } else {
                    instance.kill();
                }
            });
        }
        result
    }

    /// Returns the permit after the instance, so that the next holder of the permit finds the instance.
    fn put_back(&self, instance: Arc<Instance>, permit: OwnedSemaphorePermit) {
        lock(&self.idle).push(instance);
        drop(permit);
    }

    async fn idle_or_new(&self) -> Result<Arc<Instance>, InstanceError> {
        loop {
            let Some(instance) = lock(&self.idle).pop() else { return self.start().await };
            // An instance that ended while it was idle is replaced without an error.
            if instance.is_running() && instance.polls_within(NEXT_POLL_TIMEOUT).await {
                return Ok(instance);
            }
            instance.kill();
        }
    }

    async fn start(&self) -> Result<Arc<Instance>, InstanceError> {
        self.spawn()?.wait_until_ready().await
    }

    fn spawn(&self) -> Result<Starting, InstanceError> {
        let Registry { config, output, group, runtime_api, instances } = &*self.registry;
        // Locked until the instance is in the map, so that `Instances::stop` misses none.
        let mut instances = lock(instances);
        let instances = instances.as_mut().ok_or(InstanceError::Stopping)?;
        let starting = Starting::spawn(&self.function, config, group, runtime_api, output)?;
        let instance = Arc::clone(&starting.instance);
        instances.insert(instance.id().to_owned(), Arc::clone(&instance));
        let registry = Arc::clone(&self.registry);
        tokio::spawn(async move {
            instance.wait().await;
            registry.runtime_api.remove_session(instance.id());
            if let Some(instances) = lock(&registry.instances).as_mut() {
                instances.remove(instance.id());
            }
        });
        Ok(starting)
    }
}
