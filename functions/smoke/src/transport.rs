//! How requests reach the functions.

use crate::functions::OPTIONAL_FUNCTIONS;
use crate::gateway::Gateway;
use crate::message::{Request, Response};
use crate::versions::Versions;

/// How requests reach the functions.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Through the API Gateway, like those of users.
    Gateway(Gateway),
    /// Directly to the new versions: the gateway still leads to those before.
    Versions(Versions),
}

impl Transport {
    /// Sends a request.
    ///
    /// # Errors
    /// Why there was no response.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        match self {
            Self::Gateway(gateway) => gateway.send(request).await,
            Self::Versions(versions) => versions.send(request).await,
        }
    }

    /// Whether the deployment has this function, as far as that is known.
    pub(crate) fn has(&self, function: &str) -> bool {
        match self {
            // Where a deployment has no account functions, the gateway answers for them.
            Self::Gateway(_) => !OPTIONAL_FUNCTIONS.contains(&function),
            Self::Versions(versions) => versions.has(function),
        }
    }

    /// The request as logs and errors name it: `GET /api/tasks of tasks-prod-list-tasks:41`.
    pub(crate) fn describe(&self, request: &Request<'_>) -> String {
        let line = format!("{} {}", request.operation.method, request.path_and_query());
        match self {
            Self::Gateway(_) => line,
            Self::Versions(versions) => format!("{line} of {}", versions.name(request.operation)),
        }
    }
}
