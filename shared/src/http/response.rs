//! What a handler can respond.

use serde::Serialize;

use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, Resource, to_json};

/// A handler's response, before the common headers.
pub struct Response {
    pub(super) status: u16,
    pub(super) body: Option<Box<dyn Representation>>,
    /// The id of what was created, the last segment of its location.
    pub(super) created_id: Option<String>,
}

/// 201 with what was created, and its location.
#[must_use]
pub fn created(resource: impl Resource + 'static) -> Response {
    let created_id = Some(resource.id());
    Response { status: 201, body: Some(Box::new(resource)), created_id }
}

/// 200 with a body.
#[must_use]
pub fn ok(body: impl Representation + 'static) -> Response {
    Response { status: 200, body: Some(Box::new(body)), created_id: None }
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    Response { status: 204, body: None, created_id: None }
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
