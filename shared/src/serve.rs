//! From an event to an answer: the loop that every function runs.
//!
//! Authentication happens here, before the handler exists: a handler is given [`UserTasks`], which takes a verified
//! user to make. Every failure is an answer; nothing is ever reported to the Lambda runtime as an error.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::{Context, LambdaEvent, service_fn};

use crate::auth::Authenticator;
use crate::config::{Config, StartError, TaskRules, TaskShape};
use crate::db::Database;
use crate::error::{ApiError, Remedy};
use crate::event::Event;
use crate::log;
use crate::metrics::Metrics;
use crate::request::Request;
use crate::response::{Answer, Response};
use crate::shutdown;
use crate::store::{Readiness, SignIn, UserTasks};

/// What lives as long as the process.
struct App {
    authenticator: Authenticator,
    sign_in: SignIn,
    database: Arc<Database>,
    rules: TaskRules,
    shape: TaskShape,
    metrics: Option<Metrics>,
}

/// Serves an operation on the caller's tasks until Lambda ends the process.
///
/// `handler` is called for authenticated requests only, with the tasks of the user whom the token names.
///
/// # Errors
/// A setting that is missing or wrong; the end of the Lambda Runtime API.
pub async fn serve<H, F>(handler: H) -> Result<(), StartError>
where
    H: Fn(UserTasks, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Database, async |app: &App, event: Event, request_id: String| {
        let user = app.authenticator.authenticate(event.header("authorization"), &app.sign_in).await?;
        let request = Request::of_user(event, app.rules, user.id())?;
        let tasks = UserTasks::of(user, Arc::clone(&app.database), app.shape.list_object, request_id);
        handler(tasks, request).await
    })
    .await
}

/// Serves operations that need no user, and so get no tasks.
///
/// # Errors
/// As [`serve`].
pub async fn serve_open<H, F>(handler: H) -> Result<(), StartError>
where
    H: Fn(Readiness, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Nothing, async |app: &App, event: Event, _| {
        let request = Request::open(event, app.rules);
        handler(Readiness::of(Arc::clone(&app.database)), request).await
    })
    .await
}

/// What is done before the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WarmUp {
    /// A sign of life must not wake a database up.
    Nothing,
    /// The connection, and the keys of the sign-in.
    Database,
}

async fn run<O>(warm_up: WarmUp, operation: O) -> Result<(), StartError>
where
    O: AsyncFn(&App, Event, String) -> Result<Response, ApiError>,
{
    log::start();
    let config = Config::from_env()?;
    if !config.database.ignored().is_empty() {
        tracing::warn!(parameters = ?config.database.ignored(), "DATABASE_URL has parameters that make no difference here");
    }
    let app = App::new(config);
    if warm_up == WarmUp::Database {
        // Lambda gives the start more processor time than a request. What fails here is tried again by the request.
        let both = async { tokio::join!(app.authenticator.warm_up(&app.sign_in), app.database.warm_up()) };
        tokio::join!(shutdown::announce(), async { tokio::time::timeout(WARM_UP_LIMIT, both).await.ok() });
    }
    let (app, operation) = (&app, &operation);
    let answer = |event: LambdaEvent<Event>| async move {
        Ok::<_, Infallible>(app.answer(event.payload, &event.context, operation).await)
    };
    tokio::select! {
        ended = lambda_runtime::run(service_fn(answer)) => {
            ended.map_err(|error| StartError::Runtime(error.to_string()))
        }
        () = shutdown::told() => {
            app.database.close().await;
            Ok(())
        }
    }
}

impl App {
    fn new(config: Config) -> Self {
        let database = Arc::new(Database::new(&config.database));
        Self {
            authenticator: Authenticator::new(config.identity),
            sign_in: SignIn::of(Arc::clone(&database)),
            database,
            rules: config.rules,
            shape: config.shape,
            metrics: config.metrics_namespace.map(Metrics::new),
        }
    }

    async fn answer<O>(&self, event: Event, context: &Context, operation: &O) -> ApiGatewayV2httpResponse
    where
        O: AsyncFn(&Self, Event, String) -> Result<Response, ApiError>,
    {
        let mut answer = Answer::to(&event, &context.request_id, self.shape);
        // A timer is polled after what it limits: with no time at all a statement would still be sent.
        let in_time = match time_left(context) {
            Duration::ZERO => None,
            left => tokio::time::timeout(left, operation(self, event, context.request_id.clone())).await.ok(),
        };
        let late = ApiError::DatabaseUnavailable { retry_after: 1, remedy: Remedy::Wait, source: None };
        let outcome = in_time.unwrap_or(Err(late)).and_then(|response| answer.respond(&response));
        let tally = self.database.take_tally();
        if let Some(metrics) = &self.metrics {
            metrics.write(&tally, outcome.as_ref().err(), context);
        }
        if let Err(error) = outcome {
            log::failure(&error, &context.request_id);
            answer.fail(&error);
        }
        answer.finish()
    }
}

/// The most time that the start spends on what the first request could do as well.
const WARM_UP_LIMIT: Duration = Duration::from_millis(2500);
/// The most time that a request gets.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// What Lambda needs after us to hand the answer over before it kills the function.
const TIME_TO_ANSWER: Duration = Duration::from_millis(700);

/// Until Lambda's deadline, less the time to answer, and never more than the limit.
///
/// `cargo lambda watch` sets deadlines in 1970; one that far in the past says nothing.
fn time_left(context: &Context) -> Duration {
    match context.deadline().duration_since(SystemTime::now()) {
        Ok(left) => left.saturating_sub(TIME_TO_ANSWER).min(TIME_LIMIT),
        Err(past) if past.duration() > Duration::from_secs(24 * 60 * 60) => TIME_LIMIT,
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn time_left_until(deadline: SystemTime) -> Duration {
        let since_1970 = deadline.duration_since(UNIX_EPOCH).expect("a time after 1970");
        let mut context = Context::default();
        context.deadline = u64::try_from(since_1970.as_millis()).expect("a time before the end of the universe");
        time_left(&context)
    }

    #[test]
    fn a_request_ends_before_lambda_ends_it() {
        let now = SystemTime::now();
        let left = time_left_until(now + Duration::from_secs(5));
        assert!(left <= Duration::from_millis(4300) && left > Duration::from_secs(3), "{left:?}");
        assert_eq!(time_left_until(now + Duration::from_secs(60)), TIME_LIMIT);
        assert_eq!(time_left_until(now + Duration::from_millis(300)), Duration::ZERO);
        assert_eq!(time_left_until(now - Duration::from_secs(3)), Duration::ZERO);
        assert_eq!(time_left_until(UNIX_EPOCH + Duration::from_secs(1)), TIME_LIMIT);
    }
}
