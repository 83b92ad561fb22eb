//! A stack whose database is behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::client::{ApiClient, TestResponse, TestUser};
use dev::testing::fault_proxy::{End, FaultProxy};
use dev::testing::processes::{Process, descendants};
use dev::testing::stack::{Settings, Stack};
use dev::testing::wait::wait_until;
use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use super::database::FaultDatabase;
use super::operation::{Operation, functions_with_connection};
use super::task_case::TaskCase;

/// Longer than the gateway waits for a function.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A running stack, its database, and the proxy between them.
pub(crate) struct TestEnv {
    pub(crate) stack: Stack,
    pub(crate) proxy: FaultProxy,
    pub(crate) database: FaultDatabase,
    client: ApiClient,
}

/// A process that is stopped until this is dropped.
pub(crate) struct Frozen(Process);

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been killed in the meantime.
        if self.0.is_running() {
            self.0.signal(Signal::SIGCONT);
        }
    }
}

impl TestEnv {
    /// Starts one instance of each function, and opens their connections.
    pub(crate) async fn start() -> Self {
        let env = Self::start_cold(|settings| settings).await;
        env.warm_up().await;
        env
    }

    /// Starts one instance of each function. None of them has handled a request.
    pub(crate) async fn start_cold(change: impl FnOnce(Settings) -> Settings) -> Self {
        Self::start_on(FaultDatabase::new().await, "127.0.0.1", "sslmode=disable", change).await
    }

    /// [`TestEnv::start_cold`] on this database, with this host and these parameters in the database URL.
    pub(crate) async fn start_on(
        database: FaultDatabase,
        host: &str,
        parameters: &str,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let settings = Settings::new().with("LAMBDA_CONCURRENCY", "1");
        Self::start_with(change(settings), database, host, parameters).await
    }

    /// Starts a stack with these settings, to which the database URL is added.
    pub(crate) async fn start_with(settings: Settings, database: FaultDatabase, host: &str, parameters: &str) -> Self {
        let proxy = database.start_proxy().await;
        let settings = settings.with_database(&database.url(proxy.port(), host, parameters));
        Self::new(Stack::start_async(settings).await.unwrap(), proxy, database)
    }

    /// A stack that is running already.
    pub(crate) fn new(stack: Stack, proxy: FaultProxy, database: FaultDatabase) -> Self {
        let client = ApiClient::new(stack.base_url()).with_timeout(REQUEST_TIMEOUT);
        Self { stack, proxy, database, client }
    }

    /// Connections that were accepted and statements that were executed since the `before` of an earlier call.
    pub(crate) fn counts_since(&self, before: (usize, usize)) -> (usize, usize) {
        let (connections, statements) = self.counts();
        (connections - before.0, statements - before.1)
    }

    /// How many connections were accepted and how many statements were executed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.proxy.accepted_connections(), self.proxy.answered_statements())
    }

    /// A new user with a valid token.
    pub(crate) async fn new_user(&self) -> TestUser {
        let id = self.database.new_user().await;
        self.client.user(&id, &self.stack.token(&id))
    }

    /// A case of the operation, for a new user.
    pub(crate) async fn prepare(&self, operation: Operation) -> TaskCase {
        TaskCase::new(operation, self.new_user().await, &self.database).await
    }

    /// A case of each operation, with a key.
    pub(crate) async fn prepare_keyed(&self, operations: &[Operation]) -> Vec<Arc<TaskCase>> {
        let mut cases = Vec::new();
        for operation in operations {
            cases.push(Arc::new(self.prepare(*operation).await.with_key()));
        }
        cases
    }

    /// A case of each operation.
    pub(crate) async fn prepare_all(&self, operations: &[Operation]) -> Vec<Arc<TaskCase>> {
        let mut cases = Vec::new();
        for operation in operations {
            cases.push(Arc::new(self.prepare(*operation).await));
        }
        cases
    }

    /// Sends the requests of the cases at the same time. The responses are in the order of the cases.
    pub(crate) fn send_together(cases: &[Arc<TaskCase>]) -> JoinHandle<Vec<TestResponse>> {
        let send = |case: &Arc<TaskCase>| {
            let case = Arc::clone(case);
            tokio::spawn(async move { case.send().await })
        };
        let sent: Vec<_> = cases.iter().map(send).collect();
        tokio::spawn(async {
            let mut responses = Vec::new();
            for response in sent {
                responses.push(response.await.unwrap());
            }
            responses
        })
    }

    /// Sends the requests of the cases, and crashes the server while this number of their statements wait for a lock.
    pub(crate) async fn crash_server_during(
        &mut self,
        cases: &[Arc<TaskCase>],
        blocked_statements: usize,
    ) -> Vec<TestResponse> {
        self.database.lock_tasks().await;
        let responses = Self::send_together(cases);
        self.database.wait_for_blocked_statements(blocked_statements).await;
        self.database.crash_server().await;
        let responses = responses.await.unwrap();
        self.database.reconnect().await;
        responses
    }

    /// The processes of a function.
    pub(crate) fn instances_of(&self, function: &str) -> Vec<Process> {
        descendants(self.stack.ready().pid).into_iter().filter(|process| process.name == function).collect()
    }

    /// Kills the instances of all functions except `health`. New instances remember nothing.
    pub(crate) async fn kill_functions(&self) {
        for function in functions_with_connection() {
            for instance in self.instances_of(function) {
                instance.kill().await;
            }
        }
        wait_until("the connections are closed", async || self.database.function_connections().await == 0).await;
    }

    /// Stops the only instance of a function, as Lambda does between requests.
    pub(crate) async fn freeze(&self, operation: Operation) -> Frozen {
        let mut frozen = self.freeze_all(operation).await;
        assert_eq!(frozen.len(), 1, "instances of {operation:?}");
        frozen.remove(0)
    }

    /// Stops every instance of a function.
    pub(crate) async fn freeze_all(&self, operation: Operation) -> Vec<Frozen> {
        let mut frozen = Vec::new();
        for process in self.instances_of(operation.function()) {
            process.signal(Signal::SIGSTOP);
            frozen.push(Frozen(process.clone()));
            wait_until("the function is stopped", async || process.is_stopped()).await;
        }
        frozen
    }

    /// Closes every connection through the proxy.
    pub(crate) async fn close_connections(&self, end: End) {
        self.proxy.close_all(end).await.unwrap();
    }
}
