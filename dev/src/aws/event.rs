//! An HTTP request as the event that a function receives: API Gateway's payload format 2.0.
//!
//! The form is that of the AWS documentation, "Working with AWS Lambda proxy integrations for HTTP APIs". What is
//! empty there is absent: `cookies`, `queryStringParameters`, `pathParameters`, `body`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::aws::routes::{Match, decoded};

/// The account and the API that the events claim to come from.
pub(crate) const ACCOUNT: &str = "123456789012";
const API_ID: &str = "local";

/// What the gateway knows about a request beyond the request itself.
#[derive(Debug)]
pub(crate) struct RequestContext<'a> {
    /// Who sent it.
    pub(crate) client: SocketAddr,
    /// The port of the gateway.
    pub(crate) port: u16,
    /// The id that the answer carries as `apigw-requestid`.
    pub(crate) request_id: &'a str,
    /// The value of `x-amzn-trace-id`.
    pub(crate) trace_id: &'a str,
    /// When it arrived.
    pub(crate) now: Timestamp,
}

/// Builds the event.
pub(crate) fn request_event(parts: &Parts, body: &Bytes, found: &Match<'_>, context: &RequestContext<'_>) -> Value {
    let headers = headers(&parts.headers, body, context);
    let host = headers.get(HOST.as_str()).and_then(Value::as_str).unwrap_or_default();
    let domain = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
    // An HTTP API decodes the path before it hands it on, though the field is called raw.
    let path = decoded(parts.uri.path());
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": found.route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": domain,
            "domainPrefix": domain.split('.').next().unwrap_or_default(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": context.client.ip().to_string(),
                "userAgent": parts.headers.get(USER_AGENT).map(header_text).unwrap_or_default(),
            },
            "requestId": context.request_id,
            "routeKey": found.route.key,
            "stage": "$default",
            "time": context.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": context.now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = json!(parameters);
    }
    if !found.parameters.is_empty() {
        event["pathParameters"] = json!(found.parameters);
    }
    if !body.is_empty() {
        let as_text = if is_text(&parts.headers) { std::str::from_utf8(body).ok() } else { None };
        event["isBase64Encoded"] = json!(as_text.is_none());
        event["body"] = as_text.map_or_else(|| json!(BASE64_STANDARD.encode(body)), |text| json!(text));
    }
    event
}

/// The value of a header as text. Bytes that are not UTF-8 are read as Latin-1, so that nothing is lost.
pub(crate) fn header_text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

fn headers(sent: &HeaderMap, body: &Bytes, context: &RequestContext<'_>) -> Map<String, Value> {
    // About the connection, which ends at the gateway; cookies have their own place in the event.
    const LEFT_OUT: [HeaderName; 6] = [CONNECTION, COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let mut headers = Map::new();
    for name in sent.keys().filter(|name| !LEFT_OUT.contains(name)) {
        let values: Vec<String> = sent.get_all(name).iter().map(header_text).collect();
        headers.insert(name.to_string(), values.join(",").into());
    }
    let client = context.client.ip().to_string();
    let forwarded = match sent.get("x-forwarded-for") {
        Some(before) => format!("{}, {client}", header_text(before)),
        None => client,
    };
    headers.insert("x-forwarded-for".to_owned(), forwarded.into());
    headers.insert("x-forwarded-port".to_owned(), context.port.to_string().into());
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    headers.insert("x-amzn-trace-id".to_owned(), context.trace_id.into());
    headers.insert(CONTENT_LENGTH.to_string(), body.len().to_string().into());
    headers.entry(HOST.as_str()).or_insert_with(|| format!("localhost:{}", context.port).into());
    headers
}

fn cookies(sent: &HeaderMap) -> Vec<String> {
    let lines = sent.get_all(COOKIE).iter().map(header_text);
    let cookies = lines.flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>());
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match parameters.get_mut(name.as_ref()) {
            Some(values) => *values = format!("{values},{value}"),
            None => drop(parameters.insert(name.into_owned(), value.into_owned())),
        }
    }
    parameters
}

/// Whether the gateway takes a body of this type for text.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE).map(header_text) else { return true };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&essence.as_str())
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::routes::{Route, find};
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use axum::http::Request;

    fn build(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let routes = [Route::new("POST", "/api/tasks/{id}", "f"), Route::fallback("f")];
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let found = find(&routes, parts.method.as_str(), parts.uri.path()).expect("a route");
        let context = RequestContext {
            client: SocketAddr::from(([192, 0, 2, 1], 5555)),
            port: 9000,
            request_id: "JKJaXmPLvHcESHA=",
            trace_id: "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            now: Timestamp::from_millisecond(1_583_348_638_390).expect("a time"),
        };
        request_event(&parts, &Bytes::copy_from_slice(body), &found, &context)
    }

    #[test]
    fn a_whole_event_has_the_documented_form() {
        let request = Request::post("http://api.test:9000/api/tasks/a%2Fb?p=1&p=2&q=x+y%26&empty=")
            .header("Host", "api.test:9000")
            .header("User-Agent", "agent")
            .header("Content-Type", "application/json")
            .header("Header1", "value1")
            .header("Header1", "value2")
            .header("Connection", "keep-alive")
            .header("Cookie", "a=1; b=2")
            .header("Cookie", "c=3")
            .header("X-Forwarded-For", "198.51.100.7");
        assert_eq!(
            build(request, b"{}"),
            json!({
                "version": "2.0",
                "routeKey": "POST /api/tasks/{id}",
                "rawPath": "/api/tasks/a/b",
                "rawQueryString": "p=1&p=2&q=x+y%26&empty=",
                "cookies": ["a=1", "b=2", "c=3"],
                "headers": {
                    "content-length": "2",
                    "content-type": "application/json",
                    "header1": "value1,value2",
                    "host": "api.test:9000",
                    "user-agent": "agent",
                    "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
                    "x-forwarded-for": "198.51.100.7, 192.0.2.1",
                    "x-forwarded-port": "9000",
                    "x-forwarded-proto": "http",
                },
                "queryStringParameters": {"p": "1,2", "q": "x y&", "empty": ""},
                "pathParameters": {"id": "a/b"},
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "local",
                    "domainName": "api.test",
                    "domainPrefix": "api",
                    "http": {
                        "method": "POST",
                        "path": "/api/tasks/a/b",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "192.0.2.1",
                        "userAgent": "agent",
                    },
                    "requestId": "JKJaXmPLvHcESHA=",
                    "routeKey": "POST /api/tasks/{id}",
                    "stage": "$default",
                    "time": "04/Mar/2020:19:03:58 +0000",
                    "timeEpoch": 1_583_348_638_390_u64,
                },
                "body": "{}",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn what_is_empty_is_absent() {
        let event = build(Request::get("/nowhere"), b"");
        for absent in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
        assert_eq!((&event["routeKey"], &event["rawQueryString"]), (&json!("$default"), &json!("")));
    }

    #[test]
    fn a_body_is_text_or_base64_as_its_type_says() {
        let base64 = |content_type: Option<&str>, body: &[u8]| {
            let request = content_type
                .into_iter()
                .fold(Request::post("/"), |request, content_type| request.header("Content-Type", content_type));
            build(request, body)["isBase64Encoded"] == json!(true)
        };
        for text in ["application/json; charset=utf-8", "TEXT/plain", "application/problem+json", "image/svg+xml"] {
            assert!(!base64(Some(text), b"x"), "{text}");
        }
        for binary in ["application/octet-stream", "application/x-www-form-urlencoded", ""] {
            assert!(base64(Some(binary), b"x"), "{binary}");
        }
        assert!(!base64(None, b"x") && base64(None, b"\xff") && base64(Some("application/json"), b"\xff"));
    }

    #[test]
    fn header_values_that_are_not_ascii_are_kept() {
        let latin = HeaderValue::from_bytes(b"caf\xe9").expect("a header value");
        let event = build(Request::get("/").header("X-A", latin).header("X-B", "caf\u{e9}"), b"");
        assert_eq!((&event["headers"]["x-a"], &event["headers"]["x-b"]), (&json!("café"), &json!("café")));
    }

    #[test]
    fn the_runtime_understands_the_event() {
        let event = build(Request::post("/api/tasks/7?limit=1").header("Cookie", "a=1"), b"{}");
        let read: ApiGatewayV2httpRequest = serde_json::from_value(event).expect("the runtime's form");
        assert_eq!(read.request_context.time_epoch, 1_583_348_638_390);
        assert_eq!(read.path_parameters.get("id").map(String::as_str), Some("7"));
        assert_eq!(read.request_context.http.source_ip.as_deref(), Some("192.0.2.1"));
    }
}
