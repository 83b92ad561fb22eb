//! The loop of a function that serves documents.

use std::convert::Infallible;

use lambda_http::{LambdaEvent, service_fn};

use super::log;
use crate::config::{DocsConfig, StartError};
use crate::http::{ApiError, Event, Request, Response, ResponseWriter};

/// Serves documents, which need neither a user nor the database: nothing here could connect to one.
///
/// `make` makes the documents at the start, and `respond` finds the one of a request.
///
/// # Errors
/// A setting is missing or invalid, or the Lambda Runtime API is unreachable.
pub async fn serve_documents<D>(
    make: impl FnOnce(DocsConfig) -> D,
    respond: impl Fn(&D, &Request) -> Result<Response, ApiError>,
) -> Result<(), StartError> {
    log::start();
    let config = DocsConfig::from_env()?;
    let (api, documents, respond) = (config.api, &make(config), &respond);
    let handle = |event: LambdaEvent<Event>| async move {
        let LambdaEvent { payload: event, context } = event;
        let mut writer = ResponseWriter::new(&event, &context.request_id, api.json);
        let outcome = respond(documents, &Request::public(event, api)).and_then(|response| writer.respond(&response));
        if let Err(error) = outcome {
            log::failure(&error, &context.request_id);
            writer.fail(&error);
        }
        Ok::<_, Infallible>(writer.finish())
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| StartError::Runtime(error.to_string()))
}
