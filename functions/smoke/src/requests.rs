//! The requests that tell whether an API works.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::api::{COMPLETE, CREATE, DELETE, GET, HEALTH, LIST, READY, Request, UPDATE, Way};

/// How long the database may take to wake up before `/health/ready` counts as failed.
const WAKE_LIMIT: Duration = Duration::from_secs(20);
/// How long after the end of its time a try may take to delete what it has made.
pub(crate) const TIME_TO_CLEAN_UP: Duration = Duration::from_secs(6);
/// The user may have tasks of their own, and make others meanwhile.
const NEWEST: &str = "sort=created&order=desc&limit=100";

/// Why the API is not good, as one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmokeError {
    /// There was no answer.
    #[error("{request} was not answered: {cause}")]
    Silent {
        /// What a person calls it.
        request: String,
        /// Name resolution, connection, TLS or time.
        cause: String,
    },
    /// The answer is not what it should be.
    #[error("{request} {problem}")]
    Wrong {
        /// What a person calls it.
        request: String,
        /// A predicate.
        problem: String,
    },
    /// The caller wanted no more.
    #[error("interrupted")]
    Interrupted,
}

/// The API, and the caller whose token it is given.
struct Api<'a, S> {
    way: &'a Way,
    token: Option<&'a str>,
    say: S,
    /// In the title of every task that is made here, and in no other.
    mark: String,
    /// The id of the task that was made and is still there.
    made: RefCell<Option<String>>,
    /// What was asked last.
    under_way: RefCell<String>,
}

/// An answer with the request it belongs to.
struct Answer {
    request: String,
    status: u16,
    content_type: String,
    text: String,
    json: Value,
}

/// Tries every operation once and leaves nothing behind, also when it fails or is interrupted: at a terminal by Ctrl-C,
/// else at `end`. A line for each request is said. Without a token, every operation must refuse a caller without one.
///
/// # Errors
/// The first request that does not get the answer of the contract.
pub(crate) async fn smoke(
    way: &Way,
    token: Option<&str>,
    say: impl Fn(&str),
    end: Option<Instant>,
) -> Result<(), SmokeError> {
    let mark = format!("smoke{}", String::from_iter(std::iter::repeat_with(fastrand::alphanumeric).take(16)));
    let api = Api { way, token, say, mark, made: RefCell::default(), under_way: RefCell::default() };
    let outcome = tokio::select! {
        outcome = api.try_all() => outcome,
        error = api.interrupted(end) => Err(error),
    };
    if outcome.is_err() && token.is_some() {
        match end {
            None => api.clean_up().await,
            // What cannot be deleted in that time stays.
            Some(end) => drop(timeout_at(end + TIME_TO_CLEAN_UP, api.clean_up()).await),
        }
    }
    outcome
}

impl<S: Fn(&str)> Api<'_, S> {
    async fn try_all(&self) -> Result<(), SmokeError> {
        self.send(Request::of(&HEALTH)).await?.is(200)?;
        self.wait_for_the_database().await?;
        match self.token {
            Some(_) => self.try_as_a_user().await,
            None => self.try_as_nobody().await,
        }
    }

    async fn try_as_a_user(&self) -> Result<(), SmokeError> {
        self.send(Request::of(&LIST)).await?.is(401)?;
        let title = format!("{} milk", self.mark);
        let created = self.ask(Request::of(&CREATE).with_body(json!({ "title": title }))).await?.is(201)?;
        let id = id(&created.json).ok_or_else(|| created.wrong("answered a task without an id"))?;
        self.made.replace(Some(id.clone()));
        created.has("title", &json!(title))?;
        self.ask(Request::of(&GET).about(&id)).await?.is(200)?.has("id", &created.json["id"])?;
        let changed = format!("{} bread", self.mark);
        let change = Request::of(&UPDATE).about(&id).with_body(json!({ "title": changed }));
        self.ask(change).await?.is(200)?.has("title", &json!(changed))?;
        self.ask(Request::of(&COMPLETE).about(&id)).await?.is(200)?.has("completed", &json!(true))?;
        let list = self.ask(Request::of(&LIST).with_query(NEWEST)).await?.is(200)?;
        let found = self.made_here(&list).count();
        if found != 1 {
            return Err(list.wrong(&format!("lists {found} of the one task that was made")));
        }
        self.ask(Request::of(&DELETE).about(&id)).await?.is(204)?;
        self.made.take();
        self.ask(Request::of(&GET).about(&id)).await?.is(404)?;
        Ok(())
    }

    /// That a caller is asked for a token shows that a function runs, with its settings.
    async fn try_as_nobody(&self) -> Result<(), SmokeError> {
        for operation in [&LIST, &CREATE, &GET, &UPDATE, &COMPLETE, &DELETE] {
            self.send(Request::of(operation).about("1")).await?.is(401)?.is_problem()?;
        }
        Ok(())
    }

    /// A database that sleeps is woken up by being asked, and the answer is 503 until then.
    async fn wait_for_the_database(&self) -> Result<(), SmokeError> {
        let end = Instant::now() + WAKE_LIMIT;
        loop {
            let answer = self.send(Request::of(&READY)).await?;
            if answer.status != 503 || Instant::now() > end {
                return answer.is(200).map(drop);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn interrupted(&self, end: Option<Instant>) -> SmokeError {
        let Some(end) = end else {
            // Where signals cannot be heard, nobody can interrupt.
            return match tokio::signal::ctrl_c().await {
                Ok(()) => SmokeError::Interrupted,
                Err(_) => std::future::pending().await,
            };
        };
        sleep_until(end).await;
        SmokeError::Silent { request: self.under_way.take(), cause: "the time for the check was up".to_owned() }
    }

    /// Deletes what was made, and what is found with the mark: the answer to a create may have been lost.
    async fn clean_up(&self) {
        let made = self.made.take();
        if let Some(id) = made {
            let _ = self.ask(Request::of(&DELETE).about(&id)).await;
        }
        let Ok(list) = self.ask(Request::of(&LIST).with_query(NEWEST)).await else { return };
        for id in self.made_here(&list).filter_map(id) {
            let _ = self.ask(Request::of(&DELETE).about(&id)).await;
        }
    }

    /// The tasks of a list that bear the mark.
    fn made_here<'a>(&'a self, list: &'a Answer) -> impl Iterator<Item = &'a Value> {
        list.tasks().iter().filter(|task| task["title"].as_str().is_some_and(|title| title.contains(&self.mark)))
    }

    /// A request with the token.
    async fn ask(&self, request: Request<'_>) -> Result<Answer, SmokeError> {
        self.send(Request { token: self.token, ..request }).await
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, SmokeError> {
        let name = self.way.name(&request);
        self.under_way.replace(name.clone());
        let start = Instant::now();
        match self.way.send(&request).await {
            Ok(response) => {
                (self.say)(&format!("{} {name} {} ms", response.status, start.elapsed().as_millis()));
                let json = serde_json::from_str(&response.text).unwrap_or_default();
                let crate::api::Response { status, content_type, text } = response;
                Ok(Answer { request: name, status, content_type, text, json })
            }
            Err(cause) => Err(SmokeError::Silent { request: name, cause }),
        }
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

    fn is_problem(&self) -> Result<(), SmokeError> {
        if self.content_type.starts_with("application/problem+json") {
            return self.has("status", &json!(self.status));
        }
        Err(self.wrong(&format!("answered {} with no problem document: {}", self.status, self.text)))
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

/// The id of a task, which is a number or text.
fn id(task: &Value) -> Option<String> {
    match &task["id"] {
        Value::Null => None,
        id => Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned)),
    }
}
