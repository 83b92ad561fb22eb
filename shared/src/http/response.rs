//! What a handler can respond.

use serde::Serialize;

use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, Resource, to_json};

/// A handler's response, before the common headers.
pub struct Response {
    pub(super) status: u16,
    pub(super) body: Option<Box<dyn Representation>>,
    pub(super) location: Option<Location>,
}

/// The header `Location`.
pub(super) enum Location {
    /// Below the path of the request: the id of what was created.
    Below(String),
    /// Another path, with the query as it was sent.
    At { path: String, query: String },
}

/// 201 with what was created, and its location.
#[must_use]
pub fn created(resource: impl Resource + 'static) -> Response {
    let location = Some(Location::Below(resource.id()));
    Response { status: 201, body: Some(Box::new(resource)), location }
}

/// 200 with a body.
#[must_use]
pub fn ok(body: impl Representation + 'static) -> Response {
    Response { status: 200, body: Some(Box::new(body)), location: None }
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    Response { status: 204, body: None, location: None }
}

/// 308: the same request, at another path.
#[must_use]
pub fn permanent_redirect(path: &str, query: &str) -> Response {
    let location = Some(Location::At { path: path.to_owned(), query: query.to_owned() });
    Response { status: 308, body: None, location }
}

/// 200 with `{"status": …}`.
#[must_use]
pub fn health(status: &'static str) -> Response {
    ok(Health { status })
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
}

impl Representation for Health {
    fn to_json(&self, _: JsonFormat) -> String {
        to_json(self)
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::None
    }
}
