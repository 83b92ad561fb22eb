//! The requests that show whether an API works, and what their responses have to be.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::functions::FIRST_ROUTES;
use crate::message::{Request, Response};
use crate::operation::{BULK, CHANGES, COMPLETE, CREATE, DELETE, DOCS, GET, HEALTH, LIST, READY, STATS, UPDATE};
use crate::transport::Transport;

/// The functions that take no token.
const REGISTER: &str = "register";
const LOGIN: &str = "login";
/// How long a suspended database may take to start before `/health/ready` counts as failed.
const DATABASE_START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take after the deadline to delete what was created.
pub(crate) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(6);
/// The query of a list that contains the task that was created: the user may have other tasks.
const NEWEST_FIRST: &str = "sort=created&order=desc&limit=100";

/// What is wrong with the API, as one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmokeError {
    /// There was no response.
    #[error("{request} was not answered: {cause}")]
    NoResponse {
        /// [`Transport::describe`].
        request: String,
        /// Name resolution, connection, TLS or a timeout.
        cause: String,
    },
    /// The response is not the one of the contract.
    #[error("{request} {problem}")]
    UnexpectedResponse {
        /// [`Transport::describe`].
        request: String,
        /// The rest of the sentence: `answered 500 instead of 200`.
        problem: String,
    },
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// One run of the requests.
struct SmokeTest<'a, P> {
    transport: &'a Transport,
    token: Option<&'a str>,
    print: P,
    /// A random word in the title of every task that this run creates.
    marker: String,
    /// The id of the task that was created and not yet deleted.
    created_id: RefCell<Option<String>>,
    /// The description of the last request that was sent.
    current_request: RefCell<String>,
}

/// A response to be checked.
struct CheckedResponse {
    /// The description of its request.
    request: String,
    status: u16,
    content_type: String,
    text: String,
    json: Value,
}

/// Tries every function: without a token it has to respond with 401. With `token`, tries to create, read and change a task
/// too, and deletes it even when something fails or the run is interrupted. `print` gets a line for each request.
///
/// The run ends at `deadline`; without one, Ctrl-C interrupts it.
///
/// # Errors
/// The first request that does not get the response of the contract.
pub(crate) async fn smoke(
    transport: &Transport,
    token: Option<&str>,
    print: impl Fn(&str),
    deadline: Option<Instant>,
) -> Result<(), SmokeError> {
    let marker = format!("smoke{}", String::from_iter(std::iter::repeat_with(fastrand::alphanumeric).take(16)));
    let test = SmokeTest {
        transport,
        token,
        print,
        marker,
        created_id: RefCell::default(),
        current_request: RefCell::default(),
    };
    let outcome = tokio::select! {
        outcome = test.run() => outcome,
        error = test.interruption(deadline) => Err(error),
    };
    if outcome.is_err() && token.is_some() {
        match deadline {
            None => test.clean_up().await,
            // What cannot be deleted in that time stays.
            Some(deadline) => drop(timeout_at(deadline + CLEANUP_TIMEOUT, test.clean_up()).await),
        }
    }
    outcome
}

impl<P: Fn(&str)> SmokeTest<'_, P> {
    async fn run(&self) -> Result<(), SmokeError> {
        self.send(Request::new(&HEALTH)).await?.expect_status(200)?;
        self.wait_for_database().await?;
        if self.transport.has(DOCS.function) {
            self.send(Request::new(&DOCS)).await?.expect_status(200)?;
        }
        self.try_without_token().await?;
        if self.token.is_some() { self.try_with_token().await } else { Ok(()) }
    }

    async fn try_with_token(&self) -> Result<(), SmokeError> {
        let title = format!("{} milk", self.marker);
        let created = self.expect(201, Request::new(&CREATE).with_body(json!({ "title": title }))).await?;
        let id = id(&created.json).ok_or_else(|| created.unexpected("answered a task without an id"))?;
        self.created_id.replace(Some(id.clone()));
        created.expect_member("title", &json!(title))?;
        self.expect(200, Request::new(&GET).with_id(&id)).await?.expect_member("id", &created.json["id"])?;

        let new_title = format!("{} bread", self.marker);
        let update = Request::new(&UPDATE).with_id(&id).with_body(json!({ "title": new_title }));
        self.expect(200, update).await?.expect_member("title", &json!(new_title))?;
        let completed = self.expect(200, Request::new(&COMPLETE).with_id(&id)).await?;
        completed.expect_member("completed", &json!(true))?;

        let list = self.expect(200, Request::new(&LIST).with_query(NEWEST_FIRST)).await?;
        let found = self.created_tasks(&list).count();
        if found != 1 {
            return Err(list.unexpected(&format!("lists {found} of the one task that was made")));
        }

        let (id_json, version) = (&created.json["id"], &completed.json["version"]);
        let reopen = json!({ "op": "complete", "id": id_json, "version": version, "completed": false });
        let bulk = self.expect(200, Request::new(&BULK).with_body(json!({ "operations": [reopen] }))).await?;
        if bulk.json["results"][0]["task"]["completed"] != json!(false) {
            return Err(bulk.unexpected("did not reopen the task"));
        }
        let changes = self.expect(200, Request::new(&CHANGES).with_query("limit=1")).await?;
        if !changes.json["next"].is_string() {
            return Err(changes.unexpected("answered no token for the next changes"));
        }
        let stats = self.expect(200, Request::new(&STATS)).await?;
        if stats.json["total"].as_u64().is_none_or(|total| total == 0) {
            return Err(stats.unexpected("does not count the task that was made"));
        }

        self.expect(204, Request::new(&DELETE).with_id(&id)).await?;
        self.created_id.take();
        self.expect(404, Request::new(&GET).with_id(&id)).await?;
        Ok(())
    }

    /// A function that responds with 401 runs and has read its settings.
    async fn try_without_token(&self) -> Result<(), SmokeError> {
        let is_public = |function| [HEALTH.function, DOCS.function].contains(&function);
        let functions = FIRST_ROUTES.iter().filter(|operation| !is_public(operation.function));
        for operation in functions.filter(|operation| self.transport.has(operation.function)) {
            let request = Request::new(operation).with_id("1");
            let (status, request) = match operation.function {
                // Nobody signs up: the response is that to an account without members.
                REGISTER => (422, request.with_body(json!({}))),
                // Of nobody, so that the database is asked and a password is hashed.
                LOGIN => (401, request.with_body(json!({ "email": self.marker, "password": self.marker }))),
                _ => (401, request),
            };
            self.send(request).await?.expect_status(status)?.expect_problem()?;
        }
        Ok(())
    }

    /// A suspended database starts when it is used, and the status is 503 until then.
    async fn wait_for_database(&self) -> Result<(), SmokeError> {
        let deadline = Instant::now() + DATABASE_START_TIMEOUT;
        loop {
            let response = self.send(Request::new(&READY)).await?;
            if response.status != 503 || Instant::now() > deadline {
                return response.expect_status(200).map(drop);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits for the deadline, or without one for Ctrl-C.
    async fn interruption(&self, deadline: Option<Instant>) -> SmokeError {
        let Some(deadline) = deadline else {
            // Without signals there is no interruption.
            return match tokio::signal::ctrl_c().await {
                Ok(()) => SmokeError::Interrupted,
                Err(_) => std::future::pending().await,
            };
        };
        sleep_until(deadline).await;
        SmokeError::NoResponse {
            request: self.current_request.take(),
            cause: "the time for the check was up".to_owned(),
        }
    }

    /// Deletes the task that was created, and every task with the marker: the response to a create may have been lost.
    async fn clean_up(&self) {
        let created = self.created_id.take();
        if let Some(id) = created {
            let _ = self.send_with_token(Request::new(&DELETE).with_id(&id)).await;
        }
        let Ok(list) = self.send_with_token(Request::new(&LIST).with_query(NEWEST_FIRST)).await else { return };
        for id in self.created_tasks(&list).filter_map(id) {
            let _ = self.send_with_token(Request::new(&DELETE).with_id(&id)).await;
        }
    }

    /// The tasks of a list whose title contains the marker.
    fn created_tasks<'a>(&'a self, list: &'a CheckedResponse) -> impl Iterator<Item = &'a Value> {
        list.tasks().iter().filter(|task| task["title"].as_str().is_some_and(|title| title.contains(&self.marker)))
    }

    /// Sends a request with the token, and compares the status of the response.
    async fn expect(&self, status: u16, request: Request<'_>) -> Result<CheckedResponse, SmokeError> {
        self.send_with_token(request).await?.expect_status(status)
    }

    async fn send_with_token(&self, request: Request<'_>) -> Result<CheckedResponse, SmokeError> {
        self.send(Request { token: self.token, ..request }).await
    }

    async fn send(&self, request: Request<'_>) -> Result<CheckedResponse, SmokeError> {
        let description = self.transport.describe(&request);
        self.current_request.replace(description.clone());
        let start = Instant::now();
        match self.transport.send(&request).await {
            Ok(Response { status, content_type, text }) => {
                (self.print)(&format!("{status} {description} {} ms", start.elapsed().as_millis()));
                let json = serde_json::from_str(&text).unwrap_or_default();
                Ok(CheckedResponse { request: description, status, content_type, text, json })
            }
            Err(cause) => Err(SmokeError::NoResponse { request: description, cause }),
        }
    }
}

impl CheckedResponse {
    fn expect_status(self, status: u16) -> Result<Self, SmokeError> {
        if self.status == status {
            return Ok(self);
        }
        Err(self.unexpected(&format!("answered {} instead of {status}: {}", self.status, self.text)))
    }

    fn expect_member(&self, member: &str, value: &Value) -> Result<(), SmokeError> {
        if self.json[member] == *value {
            return Ok(());
        }
        Err(self.unexpected(&format!("answered {member} {} instead of {value}", self.json[member])))
    }

    fn expect_problem(&self) -> Result<(), SmokeError> {
        if self.content_type.starts_with("application/problem+json") {
            return self.expect_member("status", &json!(self.status));
        }
        Err(self.unexpected(&format!("answered {} with no problem document: {}", self.status, self.text)))
    }

    /// The tasks of a list. It is an array, or an object with `TASK_LIST_SHAPE=object`.
    fn tasks(&self) -> &[Value] {
        let list = self.json.get("tasks").unwrap_or(&self.json);
        list.as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn unexpected(&self, problem: &str) -> SmokeError {
        SmokeError::UnexpectedResponse { request: self.request.clone(), problem: problem.trim().to_owned() }
    }
}

/// The id of a task, which is a number or a string.
fn id(task: &Value) -> Option<String> {
    match &task["id"] {
        Value::Null => None,
        id => Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned)),
    }
}
