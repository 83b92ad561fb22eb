//! The stack and those who call it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dev::services::database;
use dev::testing::stack::{Settings, Stack};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Answer, Call, Contract, Id, schema};

/// A stack, as one test sees it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    stack: Arc<Stack>,
    http: Client<HttpConnector, http_body_util::Full<axum::body::Bytes>>,
    /// A connection of the test's own, past the functions.
    sql: Arc<OnceCell<tokio_postgres::Client>>,
}

/// A user with a good token. Every task in an answer must be theirs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) api: Api,
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Stacks by the variables that they were started with.
type Stacks = BTreeMap<Vec<(String, String)>, Arc<Stack>>;

/// An ephemeral stack.
pub(crate) fn settings() -> Settings {
    Settings::new(env!("CARGO_BIN_EXE_dev"))
}

/// The stack with the default settings, whose database all stacks use.
pub(crate) fn api() -> Api {
    api_with(&[])
}

/// The stack with these settings. There is one for all tests that want the same.
pub(crate) fn api_with(variables: &[(&str, &str)]) -> Api {
    static STACKS: Mutex<Stacks> = Mutex::new(BTreeMap::new());
    let key: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let first = (!key.is_empty()).then(api);
    let mut stacks = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    let stack = stacks.entry(key).or_insert_with(|| {
        let database_url = match first {
            Some(first) => Some(first.stack().database_url().to_owned()),
            None => schema::adopted_database(),
        };
        let settings = database_url.iter().fold(settings(), |settings, url| settings.with_database(url));
        let settings = variables.iter().fold(settings, |settings, (name, value)| settings.with(name, value));
        Arc::new(Stack::start(settings).unwrap_or_else(|error| panic!("{error}")))
    });
    Api::of(Arc::clone(stack))
}

impl Api {
    fn of(stack: Arc<Stack>) -> Self {
        let http = Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        Self { stack, http, sql: Arc::default() }
    }

    /// A stack for one test alone, on the common PostgreSQL or through what stands before it.
    pub(crate) async fn own(database_url: &str, variables: &[(&str, &str)]) -> Self {
        let settings = settings().with_database(database_url);
        Self::started(variables.iter().fold(settings, |settings, (name, value)| settings.with(name, value))).await
    }

    /// Another stack for one test alone. Users are made in the common database.
    pub(crate) async fn started(settings: Settings) -> Self {
        let stack = Stack::start_async(settings).await;
        Self::of(Arc::new(stack.unwrap_or_else(|error| panic!("{error}"))))
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The stack, to end it.
    pub(crate) fn into_stack(self) -> Stack {
        Arc::into_inner(self.stack).expect("a stack of one test, without callers left")
    }

    /// Sends a request, and holds the answer against the contract.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let (method, path) = (call.method.clone(), call.path.clone());
        let answer = self.send_unchecked(call).await;
        let path = path.split('?').next().unwrap_or_default();
        if let Err(problem) = Contract::of_the_workspace().check(&method, path, &answer) {
            panic!("the answer to {} breaks the contract: {problem}\n{answer:?}", answer.call);
        }
        answer
    }

    /// For what the gateway answers by itself, which `openapi.yaml` does not describe.
    pub(crate) async fn send_unchecked(&self, call: Call) -> Answer {
        let described = format!("{} {}", call.method, call.path);
        let response = self.http.request(call.request(self.stack.base_url())).await;
        let (parts, body) = response.unwrap_or_else(|error| panic!("{described}: {error}")).into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{described}: {error}")).to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Answer { call: described, status: parts.status.as_u16(), headers: parts.headers, body, json }
    }

    /// A request without a token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Call::new("GET", path)).await
    }

    /// The common database, past the functions. Times without a zone are UTC, as they are for the functions.
    pub(crate) async fn sql(&self) -> &tokio_postgres::Client {
        let connect = || async {
            let client = database::connect(api().stack().database_url()).await.expect("the database");
            client.batch_execute("set timezone = 'UTC'").await.expect("a setting");
            client
        };
        self.sql.get_or_init(connect).await
    }

    /// Somebody new.
    pub(crate) async fn new_user(&self) -> Caller {
        self.caller(&schema::new_user(self.sql().await).await)
    }

    /// Somebody whose id looks like any other, and whom the database does not know.
    pub(crate) fn nobody(&self) -> Caller {
        self.caller(&schema::new_user_id())
    }

    /// Somebody with this id, whom the database may not know.
    pub(crate) fn caller(&self, id: &str) -> Caller {
        Caller { api: self.clone(), id: id.to_owned(), token: self.stack.token(id) }
    }
}

impl Caller {
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, path).bearer(&self.token)
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let answer = self.api.send(call).await;
        for task in answer.tasks() {
            assert_eq!(task["user_id"], json!(self.id), "{} gave somebody else's task", answer.call);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.call("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call("POST", path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call("PUT", path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call("PATCH", path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.call("DELETE", path)).await
    }

    /// A new task.
    pub(crate) async fn create(&self, body: Value) -> Value {
        self.post("/api/tasks", &body).await.is(201).json
    }

    /// The id of a new task.
    pub(crate) async fn create_id(&self, body: Value) -> String {
        Id::of(&self.create(body).await).to_string()
    }

    /// The path of a new task.
    pub(crate) async fn create_path(&self, body: Value) -> String {
        format!("/api/tasks/{}", self.create_id(body).await)
    }

    /// Deletes the user past the functions.
    pub(crate) async fn delete_user(&self) {
        let statement = format!("delete from {} where id::text = $1", schema::user_table());
        assert_eq!(self.api.sql().await.execute(&statement, &[&self.id]).await.expect("a user less"), 1);
    }

    /// The rows of the user, as they are stored.
    pub(crate) async fn rows(&self) -> Vec<Value> {
        let statement = "select to_jsonb(tasks)::text from tasks where user_id::text = $1 order by id";
        let rows = self.api.sql().await.query(statement, &[&self.id]).await.expect("rows");
        rows.iter().map(|row| serde_json::from_str(row.get(0)).expect("JSON")).collect()
    }

    /// Stores tasks past the functions: `values` are what follows the user's id in `select`s from `generate_series`.
    pub(crate) async fn insert(&self, columns: &str, values: &str) {
        let user_id = format!("(select id from {} where id::text = $1)", schema::user_table());
        let statement = format!("insert into tasks (user_id, {columns}) select {user_id}, {values}");
        self.api.sql().await.execute(&statement, &[&self.id]).await.unwrap_or_else(|error| panic!("{error:?}"));
    }
}
