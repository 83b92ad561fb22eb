//! The HTTP response for what a function returns, in API Gateway's response format 2.0.

use axum::body::{Body, Bytes};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SET_COOKIE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// The function returned something that is not a response.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function returned a malformed response: {0}")]
pub(crate) struct MalformedResponse(&'static str);

/// Parses what a function returned.
///
/// # Errors
/// [`MalformedResponse`].
pub(crate) fn parse_response(payload: &[u8]) -> Result<Response, MalformedResponse> {
    let value: Value = serde_json::from_slice(payload).map_err(|_| MalformedResponse("it is not JSON"))?;
    let returned = match &value {
        Value::Object(returned) if returned.contains_key("statusCode") => returned,
        // The gateway treats JSON without a status as the body of a response with status 200.
        _ => return Ok(plain_json(payload)),
    };
    let mut response = Response::new(Body::from(body(returned)?));
    *response.status_mut() = status(&returned["statusCode"])?;
    let headers = response.headers_mut();
    insert_single(headers, returned.get("headers"))?;
    insert_multi(headers, returned.get("multiValueHeaders"))?;
    for cookie in strings(returned.get("cookies"), "cookies must be a list of text")? {
        headers.append(SET_COOKIE, header_value(cookie)?);
    }
    if returned.get("body").and_then(Value::as_str).is_some_and(|body| !body.is_empty()) {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    // Headers of the connection, which the gateway sets itself.
    for name in [CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status()) {
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

/// A response of the gateway itself.
pub(crate) fn error_response(status: StatusCode, message: &str) -> Response {
    let mut response = plain_json(serde_json::json!({ "message": message }).to_string().as_bytes());
    *response.status_mut() = status;
    response
}

fn plain_json(body: &[u8]) -> Response {
    let mut response = Response::new(Body::from(Bytes::copy_from_slice(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(value: &Value) -> Result<StatusCode, MalformedResponse> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let number = number.and_then(|number| u16::try_from(number).ok()).filter(|number| (200..=599).contains(number));
    number.and_then(|number| StatusCode::from_u16(number).ok()).ok_or(MalformedResponse("statusCode is no HTTP status"))
}

fn body(returned: &Map<String, Value>) -> Result<Bytes, MalformedResponse> {
    let text = match returned.get("body") {
        None | Some(Value::Null) => return Ok(Bytes::new()),
        Some(body) => body.as_str().ok_or(MalformedResponse("body is not text"))?,
    };
    if returned.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false) {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| MalformedResponse("body is not base64"))?;
        return Ok(bytes.into());
    }
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

/// Inserts headers with one value each.
fn insert_single(headers: &mut HeaderMap, map: Option<&Value>) -> Result<(), MalformedResponse> {
    for (name, value) in object(map, "headers is not an object")? {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(MalformedResponse("a header is not text")),
        };
        headers.insert(header_name(name)?, header_value(&value)?);
    }
    Ok(())
}

/// Inserts headers with several values, unless there is a header of the name already.
fn insert_multi(headers: &mut HeaderMap, map: Option<&Value>) -> Result<(), MalformedResponse> {
    for (name, values) in object(map, "multiValueHeaders is not an object")? {
        let name = header_name(name)?;
        if headers.contains_key(&name) {
            continue;
        }
        for value in strings(Some(values), "a header is not a list of text")? {
            headers.append(name.clone(), header_value(value)?);
        }
    }
    Ok(())
}

fn object<'a>(
    value: Option<&'a Value>,
    problem: &'static str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, MalformedResponse> {
    match value {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(value) => Ok(Some(value.as_object().ok_or(MalformedResponse(problem))?).into_iter().flatten()),
    }
}

fn strings<'a>(value: Option<&'a Value>, problem: &'static str) -> Result<Vec<&'a str>, MalformedResponse> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => {
            let items = value.as_array().ok_or(MalformedResponse(problem))?;
            items.iter().map(|item| item.as_str().ok_or(MalformedResponse(problem))).collect()
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, MalformedResponse> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| MalformedResponse("a header has an impossible name"))
}

fn header_value(value: &str) -> Result<HeaderValue, MalformedResponse> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| MalformedResponse("a header has an impossible value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn read(returned: &Value) -> (u16, Vec<String>, Vec<u8>) {
        let (parts, body) = parse_response(returned.to_string().as_bytes()).expect("a response").into_parts();
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", crate::aws::event::header_text(value));
        let mut headers: Vec<String> = parts.headers.iter().map(line).collect();
        headers.sort();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        (parts.status.as_u16(), headers, body.to_vec())
    }

    #[tokio::test]
    async fn every_member_is_translated() {
        let returned = json!({
            "statusCode": 201,
            "headers": {"Content-Type": "application/json", "ETag": "\"7\"", "content-length": "999"},
            "multiValueHeaders": {"ETag": ["\"8\""], "Link": ["<a>", "<b>"]},
            "cookies": ["a=1", "b=2"],
            "body": "eyJ9",
            "isBase64Encoded": true,
        });
        let headers = [
            "content-type: application/json",
            "etag: \"7\"",
            "link: <a>",
            "link: <b>",
            "set-cookie: a=1",
            "set-cookie: b=2",
        ];
        assert_eq!(read(&returned).await, (201, headers.map(str::to_owned).into(), b"{\"}".to_vec()));
    }

    #[tokio::test]
    async fn json_without_a_status_is_a_body() {
        let (status, headers, body) = read(&json!({"hello": "world"})).await;
        assert_eq!((status, body), (200, b"{\"hello\":\"world\"}".to_vec()));
        assert_eq!(headers, ["content-type: application/json"]);
    }

    #[tokio::test]
    async fn no_content_has_no_body() {
        assert_eq!(read(&json!({"statusCode": 204, "body": "x", "headers": {}})).await.2, b"");
        assert_eq!(read(&json!({"statusCode": 204})).await, (204, Vec::new(), Vec::new()));
    }

    #[test]
    fn invalid_responses_are_refused() {
        for returned in [
            "",
            "not json",
            r#"{"statusCode": "x"}"#,
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": null}"#,
            r#"{"statusCode": 200, "body": {}}"#,
            r#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#,
            r#"{"statusCode": 200, "headers": []}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "headers": {"a": "b\nc"}}"#,
            r#"{"statusCode": 200, "cookies": "a=1"}"#,
        ] {
            assert!(parse_response(returned.as_bytes()).is_err(), "{returned}");
        }
    }
}
