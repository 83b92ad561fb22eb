//! The loop that every function runs.
//!
//! Requests are authenticated here, before the handler is called: a handler gets a [`UserScope`], which only a verified
//! user makes. Every failure is a response; none is reported to Lambda as an error.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lambda_http::{LambdaEvent, service_fn};

use super::app::App;
use super::log;
use super::shutdown::{register_extension, sigterm};
use crate::accounts::{Accounts, OwnAccount, StartAccountStatements};
use crate::config::{Config, StartError};
use crate::db::Readiness;
use crate::http::{ApiError, Event, Request, Response};
use crate::scope::{StartStatement, UserScope};

/// Serves an operation on the rows of the caller until Lambda ends the process.
///
/// `handler` is called for authenticated requests only, with the scope of the user that the token names. `statements` are
/// prepared before the first request, in the round trip that the start takes anyway.
///
/// # Errors
/// A setting is missing or invalid, or the Lambda Runtime API is unreachable.
pub async fn serve<H, F>(statements: &[StartStatement], handler: H) -> Result<(), StartError>
where
    H: Fn(UserScope, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Database(statements), async |app: &App, event: Event, request_id: String| {
        let user = app.authenticator.authenticate(event.header("authorization")).await?;
        let request = Request::of_user(event, app.config, user.id())?;
        handler(UserScope::new(user, Arc::clone(&app.database), request_id, app.extra), request).await
    })
    .await
}

/// Serves operations without authentication, which get no scope.
///
/// # Errors
/// As [`serve`].
pub async fn serve_public<H, F>(handler: H) -> Result<(), StartError>
where
    H: Fn(Readiness, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Nothing, async |app: &App, event: Event, _| {
        let request = Request::public(event, app.config);
        handler(Readiness::new(Arc::clone(&app.database)), request).await
    })
    .await
}

/// Serves an operation of users who sign up or sign in, and have no token yet. `statements` are prepared before the first
/// request, in a round trip that the start takes anyway.
///
/// # Errors
/// As [`serve`], and if the database has several tables of users and the settings do not say which is meant.
pub async fn serve_accounts<H, F>(statements: StartAccountStatements, handler: H) -> Result<(), StartError>
where
    H: Fn(Accounts, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Accounts(statements), async |app: &App, event: Event, _| {
        let store = app.accounts.as_ref().ok_or(ApiError::SignInElsewhere)?;
        handler(Accounts::new(Arc::clone(store)), Request::public(event, app.config)).await
    })
    .await
}

/// Serves an operation on the account of the caller. `statements` as for [`serve_accounts`].
///
/// # Errors
/// As [`serve_accounts`].
pub async fn serve_own_account<H, F>(statements: StartAccountStatements, handler: H) -> Result<(), StartError>
where
    H: Fn(OwnAccount, Request) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    run(WarmUp::Accounts(statements), async |app: &App, event: Event, _| {
        let store = app.accounts.as_ref().ok_or(ApiError::SignInElsewhere)?;
        let user = app.authenticator.authenticate(event.header("authorization")).await?;
        let request = Request::public(event, app.config);
        handler(OwnAccount::new(user, Arc::clone(store)), request).await
    })
    .await
}

/// What is done before the first request.
#[derive(Debug, Clone, Copy)]
enum WarmUp<'a> {
    /// A health check must not resume a suspended database.
    Nothing,
    /// Open the connection, prepare these statements on it, and fetch the public keys.
    Database(&'a [StartStatement]),
    /// Open the connection, find the table of users, prepare these statements, and fetch the public keys.
    Accounts(StartAccountStatements),
}

/// The longest time that the start spends on work that the first request could do as well.
const WARM_UP_TIMEOUT: Duration = Duration::from_millis(2500);

async fn run<O>(warm_up: WarmUp<'_>, operation: O) -> Result<(), StartError>
where
    O: AsyncFn(&App, Event, String) -> Result<Response, ApiError>,
{
    log::start();
    let mut app = App::new(Config::from_env()?)?;
    app.problems_have_message = matches!(warm_up, WarmUp::Accounts(_));
    let start = async {
        match warm_up {
            WarmUp::Nothing => {}
            WarmUp::Database(statements) => app.warm_up(statements).await,
            WarmUp::Accounts(statements) => app.warm_up_accounts(statements).await?,
        }
        Ok(())
    };
    if !matches!(warm_up, WarmUp::Nothing) {
        let (_, start) = tokio::join!(register_extension(), tokio::time::timeout(WARM_UP_TIMEOUT, start));
        start.unwrap_or(Ok(()))?;
    }
    let (app, operation) = (&app, &operation);
    let respond = |event: LambdaEvent<Event>| async move {
        Ok::<_, Infallible>(app.respond(event.payload, &event.context, operation).await)
    };
    tokio::select! {
        ended = lambda_runtime::run(service_fn(respond)) => {
            ended.map_err(|error| StartError::Runtime(error.to_string()))
        }
        () = sigterm() => {
            app.database.close().await;
            Ok(())
        }
    }
}
