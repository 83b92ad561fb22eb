//! Writes the response to one event.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::conditional;
use super::document::Document;
use super::error::ApiError;
use super::event::Event;
use super::problem::Problem;
use super::response::{Location, Response};
use crate::config::JsonFormat;
use crate::input::{Failure, InvalidInput};
use crate::output::{BODY_MAX_BYTES, EntityTag, size_for_lambda, to_json};

/// The response to one event, while it is written.
pub(crate) struct ResponseWriter<'a> {
    request_id: &'a str,
    /// The path of the event, percent-encoded for a header.
    path: String,
    /// GET or HEAD.
    is_read: bool,
    has_body: bool,
    if_none_match: Option<String>,
    format: JsonFormat,
    /// Whether problem documents have the member `message`.
    has_message: bool,
    status: u16,
    headers: HeaderMap,
    body: Option<Body>,
}

/// Characters that are percent-encoded in a path. `%` is not among them: a path that arrives encoded stays as it is.
const ENCODED_IN_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'\\');

/// Characters that are percent-encoded in an id, which is one segment of a path.
const ENCODED_IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl<'a> ResponseWriter<'a> {
    pub(crate) fn new(event: &Event, request_id: &'a str, format: JsonFormat) -> Self {
        let mut writer = Self {
            request_id,
            path: utf8_percent_encode(&event.raw_path, ENCODED_IN_PATH).to_string(),
            is_read: matches!(event.request_context.http.method.as_str(), "GET" | "HEAD"),
            has_body: event.request_context.http.method != "HEAD",
            if_none_match: event.header("if-none-match").map(str::to_owned),
            format,
            has_message: false,
            status: 500,
            headers: HeaderMap::new(),
            body: None,
        };
        writer.header("x-request-id", request_id);
        writer
    }

    /// Adds the member `message` to problem documents.
    pub(crate) fn with_message(self) -> Self {
        Self { has_message: true, ..self }
    }

    /// Writes what the handler responded.
    ///
    /// # Errors
    /// [`ApiError::InvalidInput`] if the body exceeds the limit of Lambda.
    pub(crate) fn respond(&mut self, response: &Response) -> Result<(), ApiError> {
        self.status = response.status;
        let location = response.location.as_ref().map(|location| match location {
            Location::Below(id) => format!("{}/{}", self.path, utf8_percent_encode(id, ENCODED_IN_SEGMENT)),
            Location::At { path, query } => {
                let separator = if query.is_empty() { "" } else { "?" };
                format!("{}{separator}{query}", utf8_percent_encode(path, ENCODED_IN_PATH))
            }
        });
        if let Some(location) = location {
            self.header("location", &location);
        }
        if let Some(transaction) = &response.transaction {
            self.header("x-transaction-id", transaction);
        }
        if response.is_replay {
            self.header("idempotent-replayed", "true");
        }
        if let Some(document) = &response.document {
            self.document(document);
        }
        let Some(representation) = &response.body else { return Ok(()) };
        if response.is_secret {
            self.header("cache-control", "no-store");
        } else if self.is_read {
            self.header("cache-control", "private, no-cache");
        }
        let next_page = representation.next_page();
        if let Some(query) = &next_page {
            // Relative to whatever path the client has requested, also behind a gateway that replaces paths.
            self.header("link", &format!("<?{query}>; rel=\"next\""));
        }
        let body = representation.to_json(self.format);
        // The body of a usual response is not counted.
        if body.len() > BODY_MAX_BYTES / 2 && size_for_lambda(&body) > BODY_MAX_BYTES {
            let detail = "limit must be smaller: these tasks are more than the 6 MB of one answer".to_owned();
            return Err(InvalidInput(vec![Failure { pointer: "/limit".to_owned(), detail }]).into());
        }
        let etag = match representation.entity_tag() {
            EntityTag::None => None,
            EntityTag::Version(version) => Some(conditional::etag_of_version(version)),
            EntityTag::Body => Some(conditional::etag_of_body(&body, next_page.is_some())),
        };
        if let Some(etag) = etag {
            self.header("etag", &etag);
            if self.is_read && self.if_none_match.as_deref().is_some_and(|known| conditional::matches(known, &etag)) {
                self.status = 304;
                return Ok(());
            }
        }
        self.body("application/json", body);
        Ok(())
    }

    /// Writes a problem document.
    pub(crate) fn fail(&mut self, error: &ApiError) {
        self.status = error.status();
        let has_message = self.has_message || matches!(error, ApiError::SignInElsewhere);
        let problem = Problem { error, request_id: Some(self.request_id), has_message };
        self.body("application/problem+json", to_json(&problem));
        match error {
            ApiError::Unauthenticated(_) | ApiError::InvalidCredentials => self.header("www-authenticate", "Bearer"),
            ApiError::MethodNotAllowed(methods) => self.header("allow", methods),
            _ => {}
        }
        if let Some(seconds) = error.retry_after() {
            self.header("retry-after", &seconds.to_string());
        }
    }

    /// The response as API Gateway expects it.
    pub(crate) fn finish(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = self.status.into();
        response.headers = self.headers;
        response.is_base64_encoded = matches!(self.body, Some(Body::Binary(_)));
        response.body = self.body.filter(|_| self.has_body);
        response
    }

    /// Writes a document, or that the client has it.
    fn document(&mut self, document: &Document) {
        self.header("cache-control", document.cache_control);
        self.header("etag", &document.etag);
        self.header("vary", "accept-encoding");
        if self.if_none_match.as_deref().is_some_and(|known| conditional::matches(known, &document.etag)) {
            self.status = 304;
            return;
        }
        self.header("content-type", document.content_type);
        self.header("x-content-type-options", "nosniff");
        for (name, value) in
            [("content-encoding", document.content_encoding), ("content-security-policy", document.policy)]
        {
            if let Some(value) = value {
                self.header(name, value);
            }
        }
        self.body = Some(Body::Binary(document.body.clone()));
    }

    fn body(&mut self, content_type: &'static str, body: String) {
        self.header("content-type", content_type);
        self.body = Some(Body::Text(body));
    }

    /// A value that a header cannot have is left out; the body has the same information.
    fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }
}
