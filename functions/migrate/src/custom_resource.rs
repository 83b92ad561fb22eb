//! In AWS: the schema as a custom resource of CloudFormation, so that a deployment changes it before its functions.
//!
//! CloudFormation waits, for an hour, until somebody answers at the URL of its request; so an answer is given whatever
//! happens: when a step fails, when the time is almost up, and when the program panics. Deleting the resource changes
//! nothing, and neither does the way back of a deployment, whose older program meets a newer schema.
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>)

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Request;
use bytes::Bytes;
use http_body_util::Full;
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::http;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use migrations::Report;
use serde::Serialize;

use crate::settings::target;

/// The schema has one name in a stack; another name would make CloudFormation delete the one before.
const PHYSICAL_ID: &str = "tasks-schema";
/// What is kept of Lambda's time for the answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(5);
/// How long one try to answer may take, and how many there are.
const SEND_LIMIT: Duration = Duration::from_secs(5);
const SENDS: u32 = 3;
/// CloudFormation takes 4096 bytes in all.
const REASON_MAX_CHARS: usize = 800;

const OUT_OF_TIME: &str = "the time of the function was up: the step that was under way was undone, and the next deployment goes on from there";

/// Where the answer goes that has not been given yet.
static OWED: Mutex<Option<Address>> = Mutex::new(None);

/// Whose answer it is, and where it goes.
#[derive(Debug, Default, Clone)]
struct Address {
    url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

/// An answer, as CloudFormation reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    reason: &'a str,
    physical_resource_id: &'static str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

/// The answer could not be given.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("CloudFormation's URL for the answer is not one of https")]
    Url,
    #[error("CloudFormation cannot be reached")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("CloudFormation answered with {0}")]
    Status(http::StatusCode),
    #[error("CloudFormation did not answer in time")]
    TimeLimit,
}

/// Serves requests until Lambda ends the process.
pub(crate) async fn serve() -> Result<(), lambda_runtime::Error> {
    answer_when_panicking();
    lambda_runtime::run(service_fn(handle)).await
}

/// An error says that the answer could not be given: Lambda then calls again, and migrating again does no harm.
async fn handle(event: LambdaEvent<Request>) -> Result<(), lambda_runtime::Error> {
    let (request, context) = event.into_parts();
    let address = Address::of(&request);
    *owed() = Some(address.clone());
    let outcome = match request {
        Request::Delete(_) => Ok("the schema and the tasks stay".to_owned()),
        _ => tokio::time::timeout(time_left(&context), up()).await.unwrap_or_else(|_| Err(OUT_OF_TIME.to_owned())),
    };
    println!("{}", log_line(&outcome));
    owed().take();
    Ok(address.send(outcome.as_deref().map_err(String::as_str)).await?)
}

async fn up() -> Result<String, String> {
    let (url, options) = target()?;
    let Report { applied, changes } = migrations::up(&url, &options).await.map_err(|error| error.to_string())?;
    let steps: Vec<_> = applied.iter().map(|step| format!("{:04} {}", step.version, step.name)).collect();
    Ok(match (changes.len(), steps.as_slice()) {
        (0, []) => "the schema was up to date".to_owned(),
        (0, steps) => format!("applied {}", steps.join(", ")),
        (count, _) => format!("adopted the table tasks with {count} changes"),
    })
}

fn log_line(outcome: &Result<String, String>) -> serde_json::Value {
    match outcome {
        Ok(message) => serde_json::json!({"level": "INFO", "message": message}),
        Err(message) => serde_json::json!({"level": "ERROR", "message": message}),
    }
}

fn time_left(context: &Context) -> Duration {
    context.deadline().duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(TIME_TO_ANSWER)
}

fn owed() -> MutexGuard<'static, Option<Address>> {
    OWED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic ends the process, and still the answer is given first, on a thread that the panic has not touched.
fn answer_when_panicking() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        let Some(address) = owed().take() else { return };
        let sent = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(address.send(Err("the program failed in a way nobody foresaw: see its log"))).ok()
        });
        // Nothing can be done any more for one that fails.
        let _ = sent.join();
    }));
}

impl Address {
    fn of(request: &Request) -> Self {
        let (url, stack_id, request_id, logical_resource_id) = match request {
            Request::Create(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            Request::Update(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            Request::Delete(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            // Also for kinds of requests to come: without an address there is nobody to answer.
            _ => return Self::default(),
        };
        Self {
            url: url.clone(),
            stack_id: stack_id.clone(),
            request_id: request_id.clone(),
            logical_resource_id: logical_resource_id.clone(),
        }
    }

    /// Gives the answer: success or failure with a sentence.
    async fn send(&self, outcome: Result<&str, &str>) -> Result<(), SendError> {
        let (status, reason) = match outcome {
            Ok(reason) => ("SUCCESS", reason),
            Err(reason) => ("FAILED", reason),
        };
        let reason: String = reason.chars().take(REASON_MAX_CHARS).collect();
        let answer = Answer {
            status,
            reason: &reason,
            physical_resource_id: PHYSICAL_ID,
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
        };
        let body = serde_json::to_vec(&answer).map_err(|error| SendError::Request(error.into()))?;
        let mut outcome = Err(SendError::TimeLimit);
        for _ in 0..SENDS {
            outcome = tokio::time::timeout(SEND_LIMIT, self.put(&body)).await.unwrap_or(Err(SendError::TimeLimit));
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn put(&self, body: &[u8]) -> Result<(), SendError> {
        let url: http::Uri = self.url.parse().map_err(|_| SendError::Url)?;
        let is_here = url.host().is_some_and(|host| host == "127.0.0.1");
        if url.scheme_str() != Some("https") && !is_here {
            return Err(SendError::Url);
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let tls = native_tls::TlsConnector::new().map_err(|error| SendError::Request(error.into()))?;
        let client: Client<_, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build(HttpsConnector::from((connector, tls.into())));
        // The URL is signed for an empty content type.
        let request = http::Request::put(url)
            .header(http::header::CONTENT_TYPE, "")
            .body(Full::from(body.to_vec()))
            .map_err(|error| SendError::Request(error.into()))?;
        let response = client.request(request).await.map_err(|error| SendError::Request(error.into()))?;
        if response.status().is_success() { Ok(()) } else { Err(SendError::Status(response.status())) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_panic_is_answered() {
        let office = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/answer", office.local_addr().expect("an address"));
        let answered = std::thread::spawn(move || {
            let (mut visitor, _) = office.accept().expect("a visitor");
            let mut heard = Vec::new();
            let mut buffer = [0; 4096];
            while !heard.ends_with(b"}") {
                let count = visitor.read(&mut buffer).expect("bytes");
                heard.extend_from_slice(&buffer[..count]);
            }
            visitor.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
            String::from_utf8_lossy(&heard).into_owned()
        });
        answer_when_panicking();
        *owed() = Some(Address { url, ..Address::default() });
        let panicked = std::panic::catch_unwind(|| std::hint::black_box(None::<()>).expect("something")).is_err();
        let heard = answered.join().expect("no panic");
        assert!(panicked && heard.contains(r#""Status":"FAILED""#) && heard.contains("see its log"), "{heard}");
    }
}
