//! What a handler can read of a request.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::conditional;
use super::error::ApiError;
use super::event::Event;
use super::idempotency;
use super::response::{self, Response};
use super::routes;
use crate::accounts::ClientAddress;
use crate::config::ApiConfig;
use crate::input::{FromJson, FromPath, FromQuery, InvalidInput, ObjectReader, QueryReader};
use crate::scope::{IdempotencyKey, Versions};

/// `/api/v1/tasks` matches `/api/{user_id}/tasks`, and no user has this id.
const API_VERSION: &str = "v1";
/// The content type of HTML forms, which OAuth's password grant uses too.
const FORM: &str = "application/x-www-form-urlencoded";

/// A request.
#[derive(Debug)]
pub struct Request {
    event: Event,
    /// The verified user; the path and the body must not name another one. `None` for public operations.
    user_id: Option<String>,
    config: ApiConfig,
}

impl Request {
    /// A request of a public operation.
    pub(crate) fn public(event: Event, config: ApiConfig) -> Self {
        Self { event, user_id: None, config }
    }

    /// A request of the verified user `user_id`.
    ///
    /// # Errors
    /// [`ApiError::ForeignUser`] if the path names another user.
    pub(crate) fn of_user(event: Event, config: ApiConfig, user_id: &str) -> Result<Self, ApiError> {
        let request = Self { event, user_id: Some(user_id.to_owned()), config };
        match request.path_parameter("user_id") {
            Some(named) if named != user_id && named != API_VERSION => Err(ApiError::ForeignUser),
            _ => Ok(request),
        }
    }

    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.event.request_context.http.method
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.event.raw_path
    }

    /// A header by its lower-case name. Repeated headers are joined with a comma.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.event.header(name)
    }

    /// The `{id}` of the path.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] if nothing can have it.
    pub fn id<T: FromPath>(&self) -> Result<T, ApiError> {
        self.parameter("id")
    }

    /// As [`Request::id`], of another parameter of the path.
    ///
    /// # Errors
    /// As [`Request::id`].
    pub fn parameter<T: FromPath>(&self, name: &str) -> Result<T, ApiError> {
        self.path_parameter(name).and_then(|id| T::from_path(&id)).ok_or(ApiError::NotFound(T::NOUN))
    }

    /// The versions of a row that may be changed: those of `If-Match`, or any without it.
    ///
    /// # Errors
    /// [`ApiError::MalformedHeader`]; [`ApiError::PreconditionRequired`] if the deployment requires the header.
    pub fn if_match(&self) -> Result<Versions, ApiError> {
        match self.header("if-match") {
            Some(header) => conditional::parse_if_match(header),
            None if self.config.require_if_match => Err(ApiError::PreconditionRequired),
            None => Ok(Versions::ANY),
        }
    }

    /// What the client calls this operation, so that it can repeat it: `Idempotency-Key`.
    ///
    /// # Errors
    /// [`ApiError::MalformedHeader`]
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        self.header("idempotency-key").map(idempotency::parse_key).transpose()
    }

    /// The query string.
    ///
    /// # Errors
    /// [`ApiError::InvalidInput`] with every invalid parameter; [`ApiError::InvalidCursor`].
    pub fn query<T: FromQuery>(&self) -> Result<T, ApiError> {
        let mut reader = QueryReader::new(&self.event.raw_query_string);
        let value = T::from_query(&mut reader, &self.config);
        Ok(reader.finish(value)?)
    }

    /// The body, a JSON object.
    ///
    /// # Errors
    /// 400, 403, 413, 415 or 422, as the contract says.
    pub fn json<T: FromJson>(&self) -> Result<T, ApiError> {
        self.parse_object(self.parse_json(&self.event.body_bytes(), T::BODY_MAX_KIB)?)
    }

    /// As [`Request::json`], with the default for no body, `null` and `""`, which clients send when they have none.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub fn optional_json<T: FromJson + Default>(&self) -> Result<T, ApiError> {
        let body = self.event.body_bytes();
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(T::default());
        }
        match self.parse_json(&body, T::BODY_MAX_KIB)? {
            Value::Null => Ok(T::default()),
            Value::String(text) if text.is_empty() => Ok(T::default()),
            value => self.parse_object(value),
        }
    }

    /// The body of an operation on an account: a JSON object, or a form with the same members. Other members, such as the id of
    /// a user, are ignored.
    ///
    /// # Errors
    /// 400, 413, 415 or 422, as the contract says.
    pub fn json_or_form<T: FromJson>(&self) -> Result<T, ApiError> {
        let body = self.event.body_bytes();
        if self.content_type().as_deref() != Some(FORM) {
            return self.read_object(&self.parse_json(&body, T::BODY_MAX_KIB)?);
        }
        if body.len() > T::BODY_MAX_KIB * 1024 {
            return Err(ApiError::BodyTooLarge(T::BODY_MAX_KIB));
        }
        let members = form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into()));
        self.read_object(&Value::Object(members.collect()))
    }

    /// The address of the client.
    #[must_use]
    pub fn client_address(&self) -> ClientAddress {
        let source = &self.event.request_context.http.source_ip;
        ClientAddress::new(source, self.header("x-forwarded-for"), self.config.trusted_proxies)
    }

    /// The response to a request that matches no route: a redirect if the path exists without its trailing slash.
    ///
    /// # Errors
    /// [`ApiError::RouteNotFound`]; [`ApiError::MethodNotAllowed`] if the path exists with other methods.
    pub fn unrouted(&self) -> Result<Response, ApiError> {
        let path = self.path();
        if !self.config.has_accounts && routes::is_account_path(path) {
            return Err(ApiError::SignInElsewhere);
        }
        if self.config.docs_are_off && routes::is_docs_path(path.trim_end_matches('/')) {
            return Err(ApiError::RouteNotFound(path.to_owned()));
        }
        if let Some(path) = path.strip_suffix('/').filter(|path| !routes::methods_of(path).is_empty()) {
            return Ok(response::permanent_redirect(path, &self.event.raw_query_string));
        }
        let methods = routes::methods_of(path);
        // A path with an encoded slash matches here and not at the gateway, so the method is not the reason.
        if methods.is_empty() || methods.contains(&self.method()) {
            return Err(ApiError::RouteNotFound(path.to_owned()));
        }
        Err(ApiError::MethodNotAllowed(methods.join(", ")))
    }

    fn parse_json(&self, body: &[u8], max_kib: usize) -> Result<Value, ApiError> {
        if body.len() > max_kib * 1024 {
            return Err(ApiError::BodyTooLarge(max_kib));
        }
        if !body.is_empty() && !self.has_json_type() {
            return Err(ApiError::UnsupportedMediaType);
        }
        serde_json::from_slice(body).map_err(ApiError::MalformedBody)
    }

    fn parse_object<T: FromJson>(&self, value: Value) -> Result<T, ApiError> {
        let Value::Object(object) = value else { return Err(not_an_object()) };
        let lists = T::LISTS_OF_OBJECTS.iter().filter_map(|name| object.get(*name)?.as_array());
        let listed = lists.flatten().filter_map(Value::as_object);
        if self.names_another_user(&object) || listed.into_iter().any(|object| self.names_another_user(object)) {
            return Err(ApiError::ForeignUser);
        }
        self.read_object(&Value::Object(object))
    }

    fn read_object<T: FromJson>(&self, value: &Value) -> Result<T, ApiError> {
        let Value::Object(object) = value else { return Err(not_an_object()) };
        let mut reader = ObjectReader::new(object, "");
        let value = T::from_json(&mut reader, &self.config);
        Ok(reader.finish(value)?)
    }

    fn names_another_user(&self, object: &Map<String, Value>) -> bool {
        let user_id = self.user_id.as_deref();
        ["user_id", "userId"].into_iter().any(|name| match object.get(name) {
            None | Some(Value::Null) => false,
            // Front ends with integer ids send the caller's id as a number.
            Some(Value::Number(number)) => Some(number.to_string().as_str()) != user_id,
            Some(value) => value.as_str() != user_id,
        })
    }

    /// A decoded path parameter. The gateway decodes them, `cargo lambda watch` does not; no id contains `%`.
    fn path_parameter(&self, name: &str) -> Option<String> {
        let raw = self.event.path_parameters.get(name)?;
        Some(percent_decode_str(raw).decode_utf8_lossy().into_owned())
    }

    /// The content type without its parameters, in lower case.
    fn content_type(&self) -> Option<String> {
        let essence = self.header("content-type")?.split(';').next().unwrap_or_default();
        Some(essence.trim().to_ascii_lowercase())
    }

    /// `application/json`, `application/…+json`, or no type at all.
    fn has_json_type(&self) -> bool {
        let Some(essence) = self.content_type() else { return true };
        essence.is_empty()
            || essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }
}

fn not_an_object() -> ApiError {
    InvalidInput::of_body("the request body must be a JSON object").into()
}
