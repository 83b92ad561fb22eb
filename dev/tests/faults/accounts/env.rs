//! A stack at which users sign in, whose database is behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::client::{ApiClient, TestResponse};
use dev::testing::database::TestServer;
use dev::testing::stack::Settings;
use dev::tokens::mint_revocable;
use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::case::AccountCase;
use super::operation::{ONE_OF_EACH_FUNCTION, Operation};
use crate::env::{FaultDatabase, TestEnv};

/// Longer than the gateway waits for a function.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A running stack, its database, and the proxy between them.
pub(super) struct AccountsEnv {
    pub(super) env: TestEnv,
    client: ApiClient,
}

impl AccountsEnv {
    /// Starts one instance of each function, and opens their connections.
    pub(super) async fn start() -> Self {
        let env = Self::start_cold().await;
        env.warm_up().await;
        env
    }

    /// Starts one instance of each function. None of them has handled a request.
    pub(super) async fn start_cold() -> Self {
        let database = FaultDatabase::with_passwords(TestServer::shared().await).await;
        Self::start_on(database, |settings| settings).await
    }

    /// [`AccountsEnv::start_cold`] on this database.
    pub(super) async fn start_on(database: FaultDatabase, change: impl FnOnce(Settings) -> Settings) -> Self {
        let with_passwords = |settings: Settings| {
            let settings = SETTINGS.into_iter().fold(settings, |settings, (name, value)| settings.with(name, value));
            change(settings.with("TRUSTED_PROXIES", "127.0.0.1"))
        };
        let env = TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", with_passwords).await;
        let client = ApiClient::new(env.stack.base_url()).with_timeout(REQUEST_TIMEOUT);
        Self { env, client }
    }

    /// Opens the connection of each function.
    pub(super) async fn warm_up(&self) {
        self.assert_works(&ONE_OF_EACH_FUNCTION).await;
    }

    /// A case of the operation, for a new account.
    pub(super) async fn prepare(&self, operation: Operation) -> AccountCase {
        let mint = |id: &str, token_id: &str| mint_revocable(self.env.stack.secret(), id, token_id, 0);
        AccountCase::new(operation, self.client.clone(), &self.env.database, mint).await
    }

    /// A case of each operation.
    pub(super) async fn prepare_all(&self, operations: &[Operation]) -> Vec<Arc<AccountCase>> {
        let mut cases = Vec::new();
        for operation in operations {
            cases.push(Arc::new(self.prepare(*operation).await));
        }
        cases
    }

    /// Sends the requests of the cases at the same time. The responses are in the order of the cases.
    pub(super) fn send_together(cases: &[Arc<AccountCase>]) -> JoinHandle<Vec<TestResponse>> {
        let cases = cases.to_vec();
        tokio::spawn(async move { join_all(cases.iter().map(|case| case.send())).await })
    }

    /// Locks a table that each operation uses, so that their first statements wait until the owner commits.
    pub(super) async fn lock_tables(&self) {
        let lock = "begin; lock table users, tasks_api.revoked_tokens in access exclusive mode";
        self.env.database.run(lock).await;
    }
}

/// The settings of the functions.
pub(super) const SETTINGS: [(&str, &str); 2] = [("AUTH_MODE", "password"), ("PASSWORD_LEGACY", "sha256")];
