//! In AWS: the schema as a custom resource of CloudFormation, so that a deployment migrates it before it replaces the
//! functions. A schedule invokes the same function with a command, because it alone has the privileges of the owner.
//!
//! CloudFormation waits for an hour for a response. So one is sent in every case: when a migration fails, when the time of
//! the function is almost up, and when the program panics. Deleting the resource changes nothing. Neither does a deployment
//! that is rolled back, in which an older program meets a newer schema.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Request;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use migrations::Report;
use migrations::settings::Settings;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::callback::Callback;

/// The part of the function's time that is kept for the response.
const RESPONSE_TIME: Duration = Duration::from_secs(5);

const OUT_OF_TIME: &str = "the time of the function was up: the migration in progress was rolled back, and the next deployment continues from there";

/// The callback of the request in progress. The handler takes it to send the response, or the panic hook to send a failure.
static PENDING_CALLBACK: Mutex<Option<Callback>> = Mutex::new(None);

/// Serves requests until Lambda ends the process.
///
/// # Errors
/// The runtime API cannot be reached.
pub(crate) async fn serve() -> Result<(), lambda_runtime::Error> {
    install_panic_hook();
    lambda_runtime::run(service_fn(handle)).await
}

/// Why the function is invoked.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Invocation {
    Scheduled { command: ScheduledCommand },
    CloudFormation(Box<Request>),
}

/// What the schedule of the template asks for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScheduledCommand {
    CleanUp,
}

async fn handle(event: LambdaEvent<Invocation>) -> Result<(), lambda_runtime::Error> {
    let (invocation, context) = event.into_parts();
    match invocation {
        Invocation::Scheduled { command: ScheduledCommand::CleanUp } => handle_clean_up(&context).await,
        Invocation::CloudFormation(request) => handle_request(*request, &context).await,
    }
}

/// Fails when the clean-up does. Lambda invokes the function again then, which continues it.
async fn handle_clean_up(context: &Context) -> Result<(), lambda_runtime::Error> {
    const OUT_OF_TIME: &str = "the time of the function was up: the next clean-up continues";
    let outcome =
        tokio::time::timeout(time_left(context), clean_up()).await.unwrap_or_else(|_| Err(OUT_OF_TIME.to_owned()));
    println!("{}", log_line(&outcome));
    outcome.map(drop).map_err(Into::into)
}

/// Fails only when the response could not be sent. Lambda invokes the function again then, which does no harm.
async fn handle_request(request: Request, context: &Context) -> Result<(), lambda_runtime::Error> {
    let callback = Callback::from_request(&request);
    *pending_callback() = Some(callback.clone());
    let outcome = match request {
        Request::Delete(_) => Ok("the schema and the tasks stay".to_owned()),
        _ => tokio::time::timeout(time_left(context), up()).await.unwrap_or_else(|_| Err(OUT_OF_TIME.to_owned())),
    };
    println!("{}", log_line(&outcome));
    pending_callback().take();
    Ok(callback.send(outcome.as_deref().map_err(String::as_str)).await?)
}

/// Returns a sentence in either case.
async fn up() -> Result<String, String> {
    let Settings { database_url, options, .. } = Settings::from_env()?;
    let report = migrations::up(&database_url, &options).await.map_err(|error| error.to_string())?;
    let Report { migrations, changes } = report;
    let names: Vec<_> =
        migrations.iter().map(|migration| format!("{:04} {}", migration.version, migration.name)).collect();
    Ok(match (changes.len(), names.as_slice()) {
        (0, []) => "the schema was up to date".to_owned(),
        (0, names) => format!("applied {}", names.join(", ")),
        (count, _) => format!("adopted the table tasks with {count} changes"),
    })
}

/// Returns a sentence in either case.
async fn clean_up() -> Result<String, String> {
    let settings = Settings::from_env()?;
    let deleted = migrations::clean_up(&settings.database_url).await.map_err(|error| error.to_string())?;
    Ok(deleted.to_string())
}

fn log_line(outcome: &Result<String, String>) -> Value {
    match outcome {
        Ok(message) => json!({"level": "INFO", "message": message}),
        Err(message) => json!({"level": "ERROR", "message": message}),
    }
}

fn time_left(context: &Context) -> Duration {
    context.deadline().duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESPONSE_TIME)
}

fn pending_callback() -> MutexGuard<'static, Option<Callback>> {
    PENDING_CALLBACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends the pending response before a panic ends the process, on a new thread with a runtime of its own.
fn install_panic_hook() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default_hook(panic);
        let Some(callback) = pending_callback().take() else { return };
        let sent = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(callback.send(Err("the program failed in a way nobody foresaw: see its log"))).ok()
        });
        // A failure is not reported: there is no other way to reach CloudFormation.
        let _ = sent.join();
    }));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_panic_sends_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/answer", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut received = Vec::new();
            let mut buffer = [0; 4096];
            while !received.ends_with(b"}") {
                let count = stream.read(&mut buffer).expect("bytes");
                received.extend_from_slice(&buffer[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("a response is sent");
            String::from_utf8_lossy(&received).into_owned()
        });
        install_panic_hook();
        let request = json!({
            "RequestType": "Create",
            "ServiceToken": "arn",
            "ResponseURL": url,
            "StackId": "stack",
            "RequestId": "request",
            "ResourceType": "Custom::Migration",
            "LogicalResourceId": "Migration",
            "ResourceProperties": {},
        });
        let request = serde_json::from_value(request).expect("a request");
        *pending_callback() = Some(Callback::from_request(&request));
        let panicked = std::panic::catch_unwind(|| std::hint::black_box(None::<()>).expect("something")).is_err();
        let received = server.join().expect("no panic");
        assert!(
            panicked && received.contains(r#""Status":"FAILED""#) && received.contains("see its log"),
            "{received}"
        );
    }
}
