//! An event of API Gateway (payload format 2.0), as far as it is read.
//!
//! The conversion of `lambda_http` expects well-formed events: it panics on a malformed host, query or base64 body, and
//! refuses an event with a header that is not ASCII. A client must not be able to make a function fail, so the event is
//! deserialized here, with plain text and with defaults for what is absent.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

/// One request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Event {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) raw_path: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) raw_query_string: String,
    /// Names in lower case; repeated headers joined with a comma.
    #[serde(deserialize_with = "null_is_default")]
    headers: HashMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) path_parameters: HashMap<String, String>,
    pub(crate) request_context: RequestContext,
    #[serde(deserialize_with = "null_is_default")]
    body: String,
    #[serde(deserialize_with = "null_is_default")]
    is_base64_encoded: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequestContext {
    pub(crate) http: Http,
}

/// `routeKey` is not read: `cargo lambda watch` does not set it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    pub(crate) method: String,
    /// The address from which the gateway got the request.
    #[serde(rename = "sourceIp", deserialize_with = "null_is_default")]
    pub(crate) source_ip: String,
}

impl Event {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The decoded body. A body that is marked as base64 and is not is returned unchanged.
    pub(crate) fn body_bytes(&self) -> Vec<u8> {
        let decoded = self.is_base64_encoded.then(|| STANDARD.decode(&self.body).ok()).flatten();
        decoded.unwrap_or_else(|| self.body.clone().into_bytes())
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(value: serde_json::Value) -> Event {
        serde_json::from_value(value).expect("an event")
    }

    #[test]
    fn absent_and_null_members_are_empty() {
        for value in [json!({}), json!({"body": null, "headers": null, "pathParameters": null, "rawQueryString": null})]
        {
            let event = event(value);
            assert_eq!((event.body_bytes(), event.raw_query_string.as_str()), (vec![], ""));
            assert_eq!(event.header("authorization"), None);
        }
    }

    #[test]
    fn a_valid_base64_body_is_decoded() {
        let body = |body: &str, is_base64| event(json!({"body": body, "isBase64Encoded": is_base64})).body_bytes();
        assert_eq!(body("eyJhIjoxfQ==", true), br#"{"a":1}"#);
        assert_eq!(body("/w==", true), [0xff]);
        assert_eq!(body("{\"a\":1}", true), br#"{"a":1}"#);
        assert_eq!(body("eyJhIjoxfQ==", false), b"eyJhIjoxfQ==");
    }

    #[test]
    fn headers_can_have_any_text() {
        let event = event(json!({"headers": {"user-agent": "Zoë\u{0}", "content-type": "application/json"}}));
        assert_eq!(event.header("content-type"), Some("application/json"));
    }
}
