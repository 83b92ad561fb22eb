//! Which path has which document.

use shared::{ApiError, DocsConfig, Request, Response};

use crate::errors;
use crate::openapi;
use crate::pages::{self, Assets};
use crate::stored::Stored;

/// Of what changes with a deployment: clients ask at most every five minutes, and then the entity tag usually spares the
/// body. Longer would show the contract of an earlier deployment, shorter would ask with each click between the pages.
const SHORT: &str = "public, max-age=300";
/// Of files whose path changes with their content: they are never asked for again.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

const JSON: &str = "application/json";

/// All documents.
pub(crate) struct Site {
    config: DocsConfig,
    openapi: Stored,
    docs: Stored,
    errors: Stored,
    assets: Assets,
}

impl Site {
    pub(crate) fn new(config: DocsConfig) -> Self {
        let assets = Assets::new();
        Self {
            openapi: Stored::from_text(JSON, &openapi::document(&config, "")),
            docs: pages::docs(&assets),
            errors: errors::page(&assets),
            assets,
            config,
        }
    }

    /// The response to a request. The gateway can be below a path of its own, which is part of every path.
    ///
    /// # Errors
    /// [`ApiError::RouteNotFound`]
    pub(crate) fn respond(&self, request: &Request) -> Result<Response, ApiError> {
        let path = request.path();
        let not_found = || ApiError::RouteNotFound(path.to_owned());
        if self.config.api.docs_are_off {
            return Err(not_found());
        }
        if let Some(base) = path.strip_suffix("/openapi.json") {
            if base.is_empty() {
                return self.openapi.response(request, SHORT);
            }
            return Stored::from_text(JSON, &openapi::document(&self.config, base)).response(request, SHORT);
        }
        if let Some((_, file)) = path.split_once("/docs/assets/") {
            let (version, name) = file.split_once('/').ok_or_else(not_found)?;
            let asset = self.assets.find(name).ok_or_else(not_found)?;
            // While traffic moves to another version, a page can ask for files of the other one. It gets the present ones,
            // which caches must not keep under that path.
            let cache_control = if version == self.assets.version() { IMMUTABLE } else { "no-cache" };
            return asset.response(request, cache_control);
        }
        if path.ends_with("/docs/errors") {
            return self.errors.response(request, SHORT);
        }
        if path.ends_with("/docs") { self.docs.response(request, SHORT) } else { Err(not_found()) }
    }
}
