//! What a handler can respond.

use serde::Serialize;

use super::document::Document;
use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, Resource, Written, to_json};

/// A handler's response, before the common headers.
pub struct Response {
    pub(super) status: u16,
    pub(super) body: Option<Box<dyn Representation>>,
    /// Instead of a body.
    pub(super) document: Option<Document>,
    pub(super) location: Option<Location>,
    /// The number of the transaction of a write. See [`Representation::transaction`].
    pub(super) transaction: Option<String>,
    /// It is the answer to an earlier request. See [`Representation::is_replay`].
    pub(super) is_replay: bool,
    /// It must not be stored by any cache: it has a token.
    pub(super) is_secret: bool,
}

impl Response {
    fn new(status: u16, body: Option<Box<dyn Representation>>) -> Self {
        let transaction = body.as_ref().and_then(|body| body.transaction()).map(str::to_owned);
        let is_replay = body.as_ref().is_some_and(|body| body.is_replay());
        Self { status, body, document: None, location: None, transaction, is_replay, is_secret: false }
    }
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
    Response { location, ..Response::new(201, Some(Box::new(resource))) }
}

/// 200 with a body.
#[must_use]
pub fn ok(body: impl Representation + 'static) -> Response {
    Response::new(200, Some(Box::new(body)))
}

/// 200 with a document that every client may read and store.
#[must_use]
pub fn document(document: Document) -> Response {
    Response { document: Some(document), ..Response::new(200, None) }
}

/// 201 with a token.
#[must_use]
pub fn signed_up(body: impl Representation + 'static) -> Response {
    Response { is_secret: true, ..Response::new(201, Some(Box::new(body))) }
}

/// 200 with a token.
#[must_use]
pub fn signed_in(body: impl Representation + 'static) -> Response {
    Response { is_secret: true, ..Response::new(200, Some(Box::new(body))) }
}

/// 204 after the deletion of an account.
#[must_use]
pub fn account_deleted() -> Response {
    Response::new(204, None)
}

/// 204 after a write that returned its transaction.
#[must_use]
pub fn no_content(Written { value: transaction, is_replay }: Written<Option<String>>) -> Response {
    Response { transaction, is_replay, ..Response::new(204, None) }
}

/// 308: the same request, at another path.
#[must_use]
pub fn permanent_redirect(path: &str, query: &str) -> Response {
    let location = Some(Location::At { path: path.to_owned(), query: query.to_owned() });
    Response { location, ..Response::new(308, None) }
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
