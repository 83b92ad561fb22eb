//! In AWS: CodeDeploy's hook before the traffic.
//!
//! CodeDeploy waits, for an hour, until somebody tells it what the check has found; so it is told whatever happens:
//! when a version fails, when the time is almost up, and when the program panics.
//! (<https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>)

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::Way;
use crate::aws::{CODEDEPLOY, Endpoint};
use crate::better_auth::TestUser;
use crate::environment::required;
use crate::requests::{TIME_TO_CLEAN_UP, smoke};
use crate::versions::Versions;

/// How long CodeDeploy may take to take an answer, how often it is told, and the time between.
const TELL_LIMIT: Duration = Duration::from_secs(2);
const TELLS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// What is kept of Lambda's time for the answer.
const TIME_TO_TELL: Duration = Duration::from_secs(7);

/// The answer that has not been given yet.
static OWED: Mutex<Option<Office>> = Mutex::new(None);

/// What CodeDeploy waits for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Hook {
    deployment_id: String,
    lifecycle_event_hook_execution_id: String,
}

/// Where the answer goes.
#[derive(Debug, Clone)]
struct Office {
    codedeploy: Endpoint,
    hook: Hook,
}

/// Serves hooks until Lambda ends the process.
///
/// # Errors
/// The runtime cannot be reached.
pub(crate) async fn serve() -> Result<(), lambda_runtime::Error> {
    answer_when_panicking();
    lambda_runtime::run(service_fn(handle)).await
}

/// An error says that CodeDeploy could not be told: Lambda then calls again, and checking again does no harm.
async fn handle(event: LambdaEvent<Hook>) -> Result<(), lambda_runtime::Error> {
    let (hook, context) = event.into_parts();
    let office = Office { codedeploy: Endpoint::of(CODEDEPLOY, TELL_LIMIT, required)?, hook };
    *owed() = Some(office.clone());
    let outcome = check(end(&context)).await;
    match &outcome {
        Ok(message) => log("INFO", message),
        Err(message) => log("ERROR", &format!("the new versions get no requests: {message}")),
    }
    owed().take();
    Ok(office.tell(if outcome.is_ok() { "Succeeded" } else { "Failed" }).await?)
}

/// Tries the new versions until `end`, and cleans up after it. A sentence in either case.
async fn check(end: Instant) -> Result<&'static str, String> {
    let way = Way::Versions(Versions::from_environment()?);
    let say = |line: &str| log("INFO", line);
    let Some(user) = TestUser::from_environment()? else {
        smoke(&way, None, say, Some(end)).await.map_err(|error| error.to_string())?;
        return Ok("the new versions run; none was tried as a user");
    };
    let session = timeout_at(end, user.sign_in()).await;
    let session = session.map_err(|_| "the sign-in of the test user took too long")??;
    let outcome = smoke(&way, Some(&session.token), say, Some(end)).await;
    let _ = timeout_at(end + TIME_TO_CLEAN_UP, user.sign_out(&session)).await;
    outcome.map_err(|error| error.to_string())?;
    Ok("the new versions work")
}

/// When a check has to end.
fn end(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(TIME_TO_TELL + TIME_TO_CLEAN_UP)
}

fn log(level: &str, message: &str) {
    println!("{}", json!({ "level": level, "message": message }));
}

fn owed() -> MutexGuard<'static, Option<Office>> {
    OWED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic ends the process, and still CodeDeploy is told first, on a thread that the panic has not touched.
fn answer_when_panicking() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        let Some(office) = owed().take() else { return };
        let told = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(office.tell("Failed")).ok()
        });
        // Nothing can be done any more for one that fails.
        let _ = told.join();
    }));
}

impl Office {
    /// Tells CodeDeploy how it stands, `Succeeded` or `Failed`.
    ///
    /// # Errors
    /// It does not want to know, as a sentence.
    async fn tell(&self, status: &str) -> Result<(), String> {
        let mut outcome = self.tell_once(status).await;
        for _ in 1..TELLS {
            if outcome.is_ok() {
                break;
            }
            sleep(PAUSE).await;
            outcome = self.tell_once(status).await;
        }
        outcome
    }

    async fn tell_once(&self, status: &str) -> Result<(), String> {
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
        // It was told before, and its answer was lost.
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
    fn a_panic_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let told = std::thread::spawn(move || {
            let (mut visitor, _) = listener.accept().expect("a visitor");
            let mut heard = Vec::new();
            let mut buffer = [0; 4096];
            while !heard.ends_with(b"}") {
                let count = visitor.read(&mut buffer).expect("bytes");
                heard.extend_from_slice(&buffer[..count]);
            }
            visitor.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("an answer");
            String::from_utf8_lossy(&heard).into_owned()
        });
        answer_when_panicking();
        let hook = Hook { deployment_id: "d-1".to_owned(), lifecycle_event_hook_execution_id: "e-1".to_owned() };
        let variable = |name: &str| match name {
            "AWS_ENDPOINT_URL_CODEDEPLOY" => Ok(url.clone()),
            name => Ok(name.to_owned()),
        };
        let codedeploy = Endpoint::of(CODEDEPLOY, TELL_LIMIT, variable).expect("an endpoint");
        *owed() = Some(Office { codedeploy, hook });
        let panicked = std::panic::catch_unwind(|| std::hint::black_box(None::<()>).expect("something")).is_err();
        let heard = told.join().expect("no panic");
        assert!(panicked && heard.contains(r#""status":"Failed""#) && heard.contains("PutLifecycle"), "{heard}");
    }
}
