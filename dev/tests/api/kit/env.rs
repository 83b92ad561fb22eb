//! The stacks of the tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dev::testing::client::{ApiClient, TestUser};
use dev::testing::fault_proxy::FaultProxy;
use dev::testing::stack::{Settings, Stack};

use super::contract::{check_contract, check_contract_with_extra};
use super::schema;

/// A stack and a client that checks every response against `openapi.yaml`.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    stack: Arc<Stack>,
    pub(crate) client: ApiClient,
}

/// Stacks by the variables that they were started with.
type Stacks = BTreeMap<Vec<(String, String)>, Arc<Stack>>;

/// The stack with the default settings, whose database all stacks use.
pub(crate) fn api() -> Api {
    api_with(&[])
}

/// The stack with these environment variables. Tests with the same variables share it.
pub(crate) fn api_with(variables: &[(&str, &str)]) -> Api {
    static STACKS: Mutex<Stacks> = Mutex::new(BTreeMap::new());
    let key: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let first = (!key.is_empty()).then(api);
    let mut stacks = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    let stack = stacks.entry(key).or_insert_with(|| {
        let database_url = match first {
            Some(first) => Some(first.stack().database_url().to_owned()),
            None => schema::adopted_database_url(),
        };
        let settings = database_url.iter().fold(Settings::new(), |settings, url| settings.with_database(url));
        let settings = variables.iter().fold(settings, |settings, (name, value)| settings.with(name, value));
        Arc::new(Stack::start(with_auth_mode(settings)).unwrap_or_else(|error| panic!("{error}")))
    });
    let api = Api::from_stack(Arc::clone(stack));
    if has_extra(variables) { api.with_extra() } else { api }
}

/// Whether tasks have further members.
fn has_extra(variables: &[(&str, &str)]) -> bool {
    variables.iter().any(|(name, _)| *name == "TASK_EXTRA_FIELDS")
}

/// With the variable `AUTH_MODE` of the tests. With `AUTH_MODE=password`, all tokens can be revoked.
fn with_auth_mode(settings: Settings) -> Settings {
    match std::env::var("AUTH_MODE") {
        Ok(mode) => settings.with_default("AUTH_MODE", &mode),
        Err(_) => settings,
    }
}

/// A proxy in front of the common database, and the database URL that goes through it.
pub(crate) async fn proxied_database() -> (FaultProxy, String) {
    let direct = api().stack().database_url().to_owned();
    let proxy = FaultProxy::in_front_of(&direct).await.expect("a free port");
    let url = proxy.redirect(&direct);
    (proxy, url)
}

impl Api {
    fn from_stack(stack: Arc<Stack>) -> Self {
        let client = ApiClient::new(stack.base_url()).with_check(check_contract);
        Self { stack, client }
    }

    /// Starts a stack for one test, on the database at this URL.
    pub(crate) async fn start(database_url: &str, variables: &[(&str, &str)]) -> Self {
        let settings = Settings::new().with_database(database_url);
        let settings = variables.iter().fold(settings, |settings, (name, value)| settings.with(name, value));
        let api = Self::start_with(settings).await;
        if has_extra(variables) { api.with_extra() } else { api }
    }

    /// Starts a stack for one test with these settings.
    pub(crate) async fn start_with(settings: Settings) -> Self {
        let stack = Stack::start_async(with_auth_mode(settings)).await;
        Self::from_stack(Arc::new(stack.unwrap_or_else(|error| panic!("{error}"))))
    }

    fn with_extra(self) -> Self {
        let client = ApiClient::new(self.stack.base_url()).with_check(check_contract_with_extra);
        Self { client, ..self }
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The stack, to stop it.
    pub(crate) fn into_stack(self) -> Stack {
        Arc::into_inner(self.stack).expect("a stack that no other test uses")
    }

    /// A new user in the common database, with a valid token.
    pub(crate) async fn new_user(&self) -> TestUser {
        let client = schema::connect(api().stack().database_url()).await;
        self.user(&schema::new_user(&client).await)
    }

    /// A user who is not in the database, with a valid token.
    pub(crate) fn unknown_user(&self) -> TestUser {
        self.user(&schema::new_user_id())
    }

    /// The user with this id, who need not be in the database, with a valid token.
    pub(crate) fn user(&self, id: &str) -> TestUser {
        self.client.user(id, &self.stack.token(id))
    }
}
