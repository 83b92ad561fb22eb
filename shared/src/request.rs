//! What a handler may read of a request.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::config::TaskRules;
use crate::error::ApiError;
use crate::event::Event;
use crate::precondition::IfMatch;
use crate::routes;
use crate::task::{Fields, FromJson, ListQuery, TaskId};

/// The largest body, in bytes after decoding.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// A request, with the rules of its input. Whose it is, the handler learns from its [`crate::UserTasks`].
#[derive(Debug)]
pub struct Request {
    method: String,
    path: String,
    path_parameters: HashMap<String, String>,
    query: String,
    content_type: Option<String>,
    if_match: Option<String>,
    body: Vec<u8>,
    /// Whose task ids and bodies may be named; none for the open operations.
    user_id: Option<String>,
    rules: TaskRules,
}

impl Request {
    /// A request of nobody in particular.
    pub(crate) fn open(event: Event, rules: TaskRules) -> Self {
        let header = |name| event.header(name).map(str::to_owned);
        let (content_type, if_match) = (header("content-type"), header("if-match"));
        let body = event.body_bytes();
        Self {
            method: event.request_context.http.method,
            path: event.raw_path,
            path_parameters: event.path_parameters,
            query: event.raw_query_string,
            content_type,
            if_match,
            body,
            user_id: None,
            rules,
        }
    }

    /// A request of the verified user `user_id`.
    ///
    /// # Errors
    /// [`ApiError::ForeignUser`] when the path names somebody else.
    pub(crate) fn of_user(event: Event, rules: TaskRules, user_id: &str) -> Result<Self, ApiError> {
        let mut request = Self::open(event, rules);
        request.user_id = Some(user_id.to_owned());
        match request.path_parameter("user_id") {
            Some(named) if named != user_id => Err(ApiError::ForeignUser),
            _ => Ok(request),
        }
    }

    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The `{id}` of the path.
    ///
    /// # Errors
    /// [`ApiError::TaskNotFound`] when no task can have it.
    pub fn task_id(&self) -> Result<TaskId, ApiError> {
        self.path_parameter("id").and_then(|id| TaskId::from_path(&id)).ok_or(ApiError::TaskNotFound)
    }

    /// Which versions of the task may be changed.
    ///
    /// # Errors
    /// [`ApiError::MalformedHeader`]; [`ApiError::PreconditionRequired`] where the deployment wants to be told.
    pub fn if_match(&self) -> Result<IfMatch, ApiError> {
        if self.rules.if_match_required && self.if_match.is_none() {
            return Err(ApiError::PreconditionRequired);
        }
        IfMatch::read(self.if_match.as_deref())
    }

    /// The query parameters of a list.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with every parameter that cannot be read.
    pub fn list_query(&self) -> Result<ListQuery, ApiError> {
        let pairs: Vec<_> = form_urlencoded::parse(self.query.as_bytes()).into_owned().collect();
        ListQuery::from_pairs(&pairs)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400, 403, 413, 415 or 422, as the contract has it.
    pub fn json<T: FromJson>(&self) -> Result<T, ApiError> {
        if self.body.len() > BODY_LIMIT {
            return Err(ApiError::BodyTooLarge);
        }
        if !self.body.is_empty() && !self.has_json_type() {
            return Err(ApiError::UnsupportedMediaType);
        }
        let value: Value = serde_json::from_slice(&self.body).map_err(|error| ApiError::MalformedBody(Some(error)))?;
        let Value::Object(object) = value else {
            return Err(ApiError::not_an_object());
        };
        let foreign = |name| object.get(name).is_some_and(|user| !user.is_null() && user.as_str() != self.user_id());
        if foreign("user_id") || foreign("userId") {
            return Err(ApiError::ForeignUser);
        }
        let mut fields = Fields::new(&object, self.rules);
        let value = T::from_json(&mut fields);
        fields.finish(value)
    }

    /// As [`Request::json`], but no body at all is the default.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub fn optional_json<T: FromJson + Default>(&self) -> Result<T, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) { Ok(T::default()) } else { self.json() }
    }

    /// Why no operation answers this request: the path does not exist, or not with this method.
    #[must_use]
    pub fn unrouted(&self) -> ApiError {
        let methods = routes::methods_of(&self.path);
        // A path that only reads like one of ours, with an encoded slash in it, is not refused for its method.
        if methods.is_empty() || methods.contains(&self.method.as_str()) {
            return ApiError::RouteNotFound;
        }
        ApiError::MethodNotAllowed(methods.join(", "))
    }

    fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// A path parameter, decoded: the gateway decodes them, `cargo lambda watch` does not, and none of our ids has a `%`.
    fn path_parameter(&self, name: &str) -> Option<String> {
        let raw = self.path_parameters.get(name)?;
        Some(percent_decode_str(raw).decode_utf8_lossy().into_owned())
    }

    /// `application/json`, `application/…+json`, or no type at all.
    fn has_json_type(&self) -> bool {
        let Some(content_type) = &self.content_type else { return true };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence.is_empty()
            || essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }
}
