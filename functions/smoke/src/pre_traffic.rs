//! In AWS: the `BeforeAllowTraffic` hook of CodeDeploy.
//!
//! CodeDeploy waits for an hour for a result. So one is sent in every case: when a version fails, when the time of the
//! function is almost up, and when the program panics.
//! (<https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>)

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::aws::{CODEDEPLOY, Endpoint};
use crate::better_auth::TestUser;
use crate::environment::required;
use crate::requests::{CLEANUP_TIMEOUT, smoke};
use crate::transport::Transport;
use crate::versions::Versions;

/// How long one attempt to send the result may take, how many there are, and the time between two.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);
const SEND_ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_millis(300);
/// The part of the function's time that is kept for the result: all attempts.
const RESULT_TIME: Duration = Duration::from_secs(7);

/// The callback of the hook in progress. The handler takes it to send the result, or the panic hook to send a failure.
static PENDING_CALLBACK: Mutex<Option<Callback>> = Mutex::new(None);

/// The event of the hook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Hook {
    deployment_id: String,
    lifecycle_event_hook_execution_id: String,
}

/// Where the result of one hook goes.
#[derive(Debug, Clone)]
struct Callback {
    codedeploy: Endpoint,
    hook: Hook,
}

/// Serves hooks until Lambda ends the process.
///
/// # Errors
/// The runtime API cannot be reached.
pub(crate) async fn serve() -> Result<(), lambda_runtime::Error> {
    install_panic_hook();
    lambda_runtime::run(service_fn(handle)).await
}

/// Fails only when the result could not be sent. Lambda invokes the function again then, which does no harm.
async fn handle(event: LambdaEvent<Hook>) -> Result<(), lambda_runtime::Error> {
    let (hook, context) = event.into_parts();
    let callback = Callback { codedeploy: Endpoint::from_lookup(CODEDEPLOY, SEND_TIMEOUT, required)?, hook };
    *pending_callback() = Some(callback.clone());
    let outcome = check(deadline(&context)).await;
    match &outcome {
        Ok(message) => log("INFO", message),
        Err(message) => log("ERROR", &format!("the new versions get no requests: {message}")),
    }
    pending_callback().take();
    Ok(callback.send(if outcome.is_ok() { "Succeeded" } else { "Failed" }).await?)
}

/// Tries the new versions until `deadline`; cleaning up may take until [`CLEANUP_TIMEOUT`] after it. Returns a sentence in
/// either case.
async fn check(deadline: Instant) -> Result<&'static str, String> {
    let transport = Transport::Versions(Versions::from_environment()?);
    let print = |line: &str| log("INFO", line);
    let Some(user) = TestUser::from_environment()? else {
        smoke(&transport, None, print, Some(deadline)).await.map_err(|error| error.to_string())?;
        return Ok("the new versions run; none was tried as a user");
    };
    let session = timeout_at(deadline, user.sign_in()).await;
    let session = session.map_err(|_| "the sign-in of the test user took too long")??;
    let outcome = smoke(&transport, Some(&session.token), print, Some(deadline)).await;
    let _ = timeout_at(deadline + CLEANUP_TIMEOUT, user.sign_out(&session)).await;
    outcome.map_err(|error| error.to_string())?;
    Ok("the new versions work")
}

/// When the requests have to end.
fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(RESULT_TIME + CLEANUP_TIMEOUT)
}

fn log(level: &str, message: &str) {
    println!("{}", json!({ "level": level, "message": message }));
}

fn pending_callback() -> MutexGuard<'static, Option<Callback>> {
    PENDING_CALLBACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a failure before a panic ends the process, on a new thread with a runtime of its own.
fn install_panic_hook() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default_hook(panic);
        let Some(callback) = pending_callback().take() else { return };
        let sent = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(callback.send("Failed")).ok()
        });
        // A failure is not reported: there is no other way to reach CodeDeploy.
        let _ = sent.join();
    }));
}

impl Callback {
    /// Sends the result: `Succeeded` or `Failed`.
    ///
    /// # Errors
    /// The failure of the last attempt, as a sentence.
    async fn send(&self, status: &str) -> Result<(), String> {
        let mut outcome = self.send_once(status).await;
        for _ in 1..SEND_ATTEMPTS {
            if outcome.is_ok() {
                break;
            }
            sleep(RETRY_DELAY).await;
            outcome = self.send_once(status).await;
        }
        outcome
    }

    async fn send_once(&self, status: &str) -> Result<(), String> {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"),
        ];
        let Hook { deployment_id, lifecycle_event_hook_execution_id } = &self.hook;
        let body = json!({
            "deploymentId": deployment_id,
            "lifecycleEventHookExecutionId": lifecycle_event_hook_execution_id,
            "status": status,
        });
        let response = self.codedeploy.post("/", &headers, body.to_string()).await;
        let response = response.map_err(|cause| format!("CodeDeploy did not answer: {cause}"))?;
        let code = response.status();
        if code.is_success() {
            return Ok(());
        }
        let text = response.text().await.unwrap_or_default();
        // An earlier attempt was received, and its response was lost.
        if text.contains("LifecycleEventAlreadyCompletedException") {
            return Ok(());
        }
        Err(format!("CodeDeploy answered {code}: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_panic_sends_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut received = Vec::new();
            let mut buffer = [0; 4096];
            while !received.ends_with(b"}") {
                let count = stream.read(&mut buffer).expect("bytes");
                received.extend_from_slice(&buffer[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("a response is sent");
            String::from_utf8_lossy(&received).into_owned()
        });
        install_panic_hook();
        let hook = Hook { deployment_id: "d-1".to_owned(), lifecycle_event_hook_execution_id: "e-1".to_owned() };
        let variable = |name: &str| match name {
            "AWS_ENDPOINT_URL_CODEDEPLOY" => Ok(url.clone()),
            name => Ok(name.to_owned()),
        };
        let codedeploy = Endpoint::from_lookup(CODEDEPLOY, SEND_TIMEOUT, variable).expect("an endpoint");
        *pending_callback() = Some(Callback { codedeploy, hook });
        let panicked = std::panic::catch_unwind(|| std::hint::black_box(None::<()>).expect("something")).is_err();
        let received = server.join().expect("no panic");
        assert!(
            panicked && received.contains(r#""status":"Failed""#) && received.contains("PutLifecycle"),
            "{received}"
        );
    }
}
