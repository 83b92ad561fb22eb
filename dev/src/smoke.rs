//! Ten requests that tell whether a deployed API works, from a token to the database and back.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::random::letters_and_digits;

/// How long one request may take: longer than the gateway waits.
const REQUEST_LIMIT: Duration = Duration::from_secs(35);
/// How long the database may take to wake up before `/health/ready` counts as failed.
const WAKE_LIMIT: Duration = Duration::from_secs(20);

/// Why the API is not good, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    /// There was no answer.
    #[error("{request} was not answered: {cause}")]
    Silent {
        /// Method and path.
        request: String,
        /// Name resolution, connection, TLS or time.
        cause: String,
    },
    /// The answer is not what it should be.
    #[error("{request} {problem}")]
    Wrong {
        /// Method and path.
        request: String,
        /// A predicate.
        problem: String,
    },
    /// No client could be made.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
    /// The caller wanted no more.
    #[error("interrupted")]
    Interrupted,
}

/// The API, and the caller whose token it is given.
struct Api {
    client: Client,
    url: String,
    token: String,
    /// In the title of every task that is made here, and in no other.
    mark: String,
    /// The path of the task that was made and is still there.
    made: RefCell<Option<String>>,
}

/// An answer with the request it belongs to.
struct Answer {
    request: String,
    status: u16,
    text: String,
    json: Value,
}

/// The user may have tasks of their own, and make others meanwhile.
const NEWEST: &str = "/api/tasks?sort=created&order=desc&limit=100";

/// Tries every operation once and leaves nothing behind, also when it fails or is interrupted. A line for each request goes
/// to standard output.
///
/// # Errors
/// The first request that does not get the answer of the contract.
pub async fn smoke(url: &str, token: &str) -> Result<(), SmokeError> {
    let client = Client::builder().timeout(REQUEST_LIMIT).build().map_err(SmokeError::Client)?;
    let mark = format!("smoke{}", letters_and_digits(16));
    let (url, token) = (url.trim_end_matches('/').to_owned(), token.trim().to_owned());
    let api = Api { client, url, token, mark, made: RefCell::default() };
    let outcome = tokio::select! {
        outcome = api.try_all() => outcome,
        _ = tokio::signal::ctrl_c() => Err(SmokeError::Interrupted),
    };
    if outcome.is_err() {
        api.clean_up().await;
    }
    outcome
}

impl Api {
    async fn try_all(&self) -> Result<(), SmokeError> {
        self.send(self.client.get(self.at("/health"))).await?.is(200)?;
        self.wait_for_the_database().await?;
        self.send(self.client.get(self.at("/api/tasks"))).await?.is(401)?;
        let title = format!("{} milk", self.mark);
        let create = self.request(Method::POST, "/api/tasks").json(&json!({ "title": title }));
        let created = self.send(create).await?.is(201)?;
        let path = created.path()?;
        self.made.replace(Some(path.clone()));
        created.has("title", &json!(title))?;
        self.send(self.request(Method::GET, &path)).await?.is(200)?.has("id", &created.json["id"])?;
        let changed = format!("{} bread", self.mark);
        let change = self.request(Method::PATCH, &path).json(&json!({ "title": changed }));
        self.send(change).await?.is(200)?.has("title", &json!(changed))?;
        let complete = self.request(Method::PATCH, &format!("{path}/complete"));
        self.send(complete).await?.is(200)?.has("completed", &json!(true))?;
        let list = self.send(self.request(Method::GET, NEWEST)).await?.is(200)?;
        if self.made_here(&list).count() != 1 {
            return Err(list.wrong(&format!("does not list the one task: {}", list.text)));
        }
        self.send(self.request(Method::DELETE, &path)).await?.is(204)?;
        self.made.take();
        self.send(self.request(Method::GET, &path)).await?.is(404)?;
        Ok(())
    }

    /// A database that sleeps is woken up by being asked, and the answer is 503 until then.
    async fn wait_for_the_database(&self) -> Result<(), SmokeError> {
        let end = Instant::now() + WAKE_LIMIT;
        loop {
            let answer = self.send(self.client.get(self.at("/health/ready"))).await?;
            if answer.status != 503 || Instant::now() > end {
                return answer.is(200).map(drop);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Deletes what was made, and what is found with the mark: the answer to a create may have been lost.
    async fn clean_up(&self) {
        let mut paths = Vec::from_iter(self.made.take());
        if let Ok(list) = self.send(self.request(Method::GET, NEWEST)).await {
            paths.extend(self.made_here(&list).map(path));
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let _ = self.send(self.request(Method::DELETE, &path)).await;
        }
    }

    /// The tasks of a list that bear the mark.
    fn made_here<'a>(&'a self, list: &'a Answer) -> impl Iterator<Item = &'a Value> {
        list.tasks().iter().filter(|task| task["title"].as_str().is_some_and(|title| title.contains(&self.mark)))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.at(path)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, SmokeError> {
        let (client, built) = request.build_split();
        let built = built.map_err(|error| SmokeError::Silent { request: self.url.clone(), cause: causes(&error) })?;
        let request = format!("{} {}", built.method(), built.url().as_str().trim_start_matches(&self.url));
        let start = Instant::now();
        let silent = |error: reqwest::Error| SmokeError::Silent { request: request.clone(), cause: causes(&error) };
        let response = client.execute(built).await.map_err(silent)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(silent)?;
        println!("{status} {request} {} ms", start.elapsed().as_millis());
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { request, status, text, json })
    }
}

impl Answer {
    fn is(self, status: u16) -> Result<Self, SmokeError> {
        if self.status == status {
            return Ok(self);
        }
        Err(self.wrong(&format!("answered {} instead of {status}: {}", self.status, self.text)))
    }

    fn has(&self, member: &str, value: &Value) -> Result<(), SmokeError> {
        if self.json[member] == *value {
            return Ok(());
        }
        Err(self.wrong(&format!("answered {member} {} instead of {value}", self.json[member])))
    }

    /// The path of the task that it brings.
    fn path(&self) -> Result<String, SmokeError> {
        match &self.json["id"] {
            Value::Null => Err(self.wrong("answered a task without an id")),
            _ => Ok(path(&self.json)),
        }
    }

    /// A list is a bare array, or an object with `TASK_LIST_SHAPE=object`.
    fn tasks(&self) -> &[Value] {
        let list = self.json.get("tasks").unwrap_or(&self.json);
        list.as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn wrong(&self, problem: &str) -> SmokeError {
        SmokeError::Wrong { request: self.request.clone(), problem: problem.trim().to_owned() }
    }
}

/// The path of a task, whose id is a number or text.
fn path(task: &Value) -> String {
    let id = &task["id"];
    format!("/api/tasks/{}", id.as_str().map_or_else(|| id.to_string(), str::to_owned))
}

/// An error with its sources, which have the reason.
fn causes(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.last().map_or_else(|| error.to_string(), ToString::to_string)
}
