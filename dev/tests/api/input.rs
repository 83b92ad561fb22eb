//! Form, size and type of request bodies, for every operation that reads one.

use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database, path, routes_with_body};

/// A body that every operation accepts.
const BODY: &str = r#"{
    "title": "t", "completed": true, "operations": [{"op": "create", "title": "t"}], "name": "home", "tags": ["home"]
}"#;

/// In KiB, of a request for one task.
const LIMIT: usize = 64;

/// In KiB.
fn limit(request: &TestRequest) -> usize {
    if request.path.ends_with("/bulk") { 1024 } else { LIMIT }
}

/// A request to each route that reads a body, without one.
async fn requests(ada: &TestUser) -> Vec<TestRequest> {
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let request = |(method, route): (String, String)| ada.request(&method, &path(&route, &ada.id, &id));
    routes_with_body().into_iter().map(request).collect()
}

/// Whether the request is a completion, whose body can be absent.
fn has_optional_body(request: &TestRequest) -> bool {
    ["/complete", "/toggle", "/status"].iter().any(|ending| request.path.ends_with(ending))
}

#[track_caller]
fn assert_malformed(response: TestResponse) {
    response.expect_problem(400, "malformed_request", "The request body is not valid JSON");
}

#[track_caller]
fn assert_wrong_content_type(response: TestResponse) {
    response.expect_problem(415, "unsupported_media_type", "The request body must be application/json");
}

#[track_caller]
fn assert_success(response: &TestResponse) {
    assert!([200, 201].contains(&response.status), "{}: {}", response.request, response.json);
}

#[tokio::test]
async fn invalid_json_is_malformed() {
    let ada = api().new_user().await;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let deep_member =
        format!(r#"{{"title":"t","completed":true,"x":{}{}}}"#, r#"{"a":"#.repeat(2000), "}".repeat(2000));
    let bodies: [&[u8]; 20] = [
        b"{",
        b"}",
        b"title=Buy+milk",
        b"{\"title\": \"t\", \"completed\": true,}",
        b"{'title': 't'}",
        b"{\"title\": \"t\"} {\"title\": \"t\"}",
        b"{\"title\": \"t\"}x",
        b"{title: \"t\"}",
        b"{\"title\": \"t\nt\"}",
        b"{\"title\": \"t\", \"completed\": True}",
        b"{\"title\": \"t\", \"n\": 01}",
        b"{\"title\": \"t\", \"n\": NaN}",
        b"\xff",
        b"{\"title\": \"\xff\", \"completed\": true}",
        b"{\"title\": \"\xc0\x80\", \"completed\": true}",
        b"{\"title\": \"\xed\xa0\x80\", \"completed\": true}",
        br#"{"title": "\ud83e", "completed": true}"#,
        br#"{"title": "\udd5b\ud83e", "completed": true}"#,
        deep.as_bytes(),
        deep_member.as_bytes(),
    ];
    for request in requests(&ada).await {
        for body in bodies {
            assert_malformed(ada.send(request.clone().typed("application/json", body)).await);
            assert_malformed(ada.send(request.clone().body(body)).await);
        }
    }
    assert_eq!(database::rows_of(&ada).await.len(), 1);
}

#[tokio::test]
async fn json_that_is_no_object_is_invalid() {
    let ada = api().new_user().await;
    for request in requests(&ada).await {
        // An optional body can be null.
        let is_optional = has_optional_body(&request);
        for body in ["null", "true", "5", "\"title\"", "[]", "[{\"title\": \"t\"}]"] {
            if is_optional && body == "null" {
                continue;
            }
            let response = ada.send(request.clone().typed("application/json", body)).await;
            assert_eq!(response.expect_invalid_at(&[""])["detail"], "the request body must be a JSON object");
        }
    }
}

#[tokio::test]
async fn missing_body_is_malformed_unless_optional() {
    let ada = api().new_user().await;
    for request in requests(&ada).await {
        let is_optional = has_optional_body(&request);
        for empty in [&b""[..], b" ", b"\r\n\t "] {
            for request in [request.clone().body(empty), request.clone().typed("application/json", empty)] {
                let response = ada.send(request).await;
                if is_optional { assert_success(&response) } else { assert_malformed(response) }
            }
        }
    }
}

#[tokio::test]
async fn body_has_a_limit() {
    let ada = api().new_user().await;
    for request in requests(&ada).await {
        let padded = |length: usize| {
            let mut body = BODY.as_bytes().to_vec();
            body.resize(length, b' ');
            body
        };
        let limit = limit(&request);
        assert_success(&ada.send(request.clone().typed("application/json", padded(limit * 1024))).await);
        for length in [limit * 1024 + 1, limit * 3000] {
            let response = ada.send(request.clone().typed("application/json", padded(length))).await;
            let detail = format!("The request body is larger than {limit} KiB");
            response.expect_problem(413, "body_too_large", &detail);
        }
        let blank = request.path.ends_with("/complete").then(|| request.clone().body(vec![b' '; LIMIT * 1024 + 1]));
        if let Some(blank) = blank {
            assert_success(&ada.send(blank).await);
        }
    }
}

/// The gateway encodes a body that is not UTF-8 as base64, which makes it longer.
#[tokio::test]
async fn body_size_is_measured_after_decoding() {
    let ada = api().new_user().await;
    let of = |length: usize| {
        let mut body = br#"{"title": "t", "x": ""#.to_vec();
        body.resize(length - 3, b'x');
        body.extend(b"\xff\"}");
        body
    };
    assert_malformed(ada.send(ada.request("POST", "/api/tasks").body(of(LIMIT * 1024))).await);
    ada.send(ada.request("POST", "/api/tasks").body(of(LIMIT * 1024 + 1))).await.expect_status(413);
}

#[tokio::test]
async fn content_type_is_json_or_absent() {
    let ada = api().new_user().await;
    let body = BODY;
    for request in requests(&ada).await {
        assert_success(&ada.send(request.clone().body(body)).await);
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "Application/JSON",
            "application/merge-patch+json",
            "application/vnd.api+json; v=1",
        ] {
            assert_success(&ada.send(request.clone().typed(good, body)).await);
        }
        for wrong in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/xml",
            "application/jsonp",
            "image/svg+json",
            "json",
        ] {
            assert_wrong_content_type(ada.send(request.clone().typed(wrong, body)).await);
        }
    }
}

/// The gateway encodes bodies of unknown types as base64.
#[tokio::test]
async fn base64_body_is_decoded() {
    let ada = api().new_user().await;
    let task = json!({"title": "Bücher & \u{1f4da}"});
    let request = ada.request("POST", "/api/tasks").typed("", task.to_string());
    assert_eq!(ada.send(request).await.expect_status(201)["title"], task["title"]);
    assert_wrong_content_type(
        ada.send(ada.request("POST", "/api/tasks").typed("application/octet-stream", "\u{0}")).await,
    );
}

#[tokio::test]
async fn last_of_duplicate_members_counts() {
    let ada = api().new_user().await;
    let send = async |body: &str| ada.send(ada.request("POST", "/api/tasks").typed("application/json", body)).await;
    let response =
        send(r#"{"title": 5, "title": "first", "priority": "urgent", "title": "last", "priority": "low"}"#).await;
    let response = response.expect_status(201);
    assert_eq!((&response["title"], &response["priority"]), (&json!("last"), &json!("low")));
    send(r#"{"title": "first", "title": null}"#).await.expect_invalid_at(&["/title"]);
    send(r#"{"title": "t", "user_id": null, "user_id": "somebody else"}"#).await.expect_status(403);
    send(r#"{"title": "t", "user_id": "somebody else", "user_id": null}"#).await.expect_status(201);
}

#[tokio::test]
async fn json_escapes_are_decoded() {
    let ada = api().new_user().await;
    let send = async |body: &str| ada.send(ada.request("POST", "/api/tasks").typed("application/json", body)).await;
    assert_eq!(
        send(r#"{"\u0074itle": "\ud83e\udd5b \u00fc \/ \"\\"}"#).await.expect_status(201)["title"],
        "🥛 ü / \"\\"
    );
    assert_malformed(send("\u{feff}{\"title\": \"t\"}").await);
    send(r#"{"title": "a\u0000b"}"#).await.expect_invalid_at(&["/title"]);
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let ada = api().new_user().await;
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for member in [
        r#""n": 123456789012345678901234567890"#.to_owned(),
        r#""n": -0.0000000000000000000001e-300"#.to_owned(),
        format!(r#""deep": {deep}"#),
        r#""__proto__": {"title": 5}, "constructor": null"#.to_owned(),
        r#""a\u0000b": "a\u0000b", "$where": "1=1", "": """#.to_owned(),
    ] {
        let body = format!(r#"{{{member}, "title": "t"}}"#);
        let response = ada.send(ada.request("POST", "/api/tasks").typed("application/json", &body)).await;
        assert_eq!(response.expect_status(201)["title"], "t", "{body}");
    }
}

/// SQL injections. They are data, or ids of no task.
const INJECTIONS: [&str; 8] = [
    "'; drop table tasks; --",
    "' or '1'='1",
    "1 or 1=1",
    "1; select pg_sleep(10)",
    "\\'; delete from tasks where ''='",
    "$$; drop table tasks; $$",
    "1) union select id, user_id from tasks --",
    "%27 or 1=1",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn sql_in_a_body_is_data() {
    let ada = api().new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    for text in INJECTIONS {
        let task = ada.create(json!({"title": text, "description": text})).await;
        assert_eq!((&task["title"], &task["description"]), (&json!(text), &json!(text)));
        let response = ada.put(&path, &json!({"title": text, "description": text})).await.expect_status(200);
        assert_eq!((&response["title"], &response["description"]), (&json!(text), &json!(text)));
        ada.put(&path, &json!({"priority": text, "due_date": text}))
            .await
            .expect_invalid_at(&["/priority", "/due_date"]);
        ada.patch(&format!("{path}/complete"), &json!({"completed": text})).await.expect_invalid_at(&["/completed"]);
        ada.post("/api/tasks", &json!({"title": "t", "user_id": text})).await.expect_status(403);
    }
    assert_eq!(database::rows_of(&ada).await.len(), 1 + INJECTIONS.len());
}

#[tokio::test]
async fn sql_in_a_path_is_not_found() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "Buy milk"})).await;
    let before = database::rows_of(&ada).await;
    for text in INJECTIONS.map(encoded) {
        for (method, body) in [("GET", None), ("PUT", Some(json!({"title": "t"}))), ("DELETE", None)] {
            let request = |path: &str| ada.request(method, path).maybe_json(body.as_ref());
            ada.send(request(&format!("/api/tasks/{text}"))).await.expect_status(404);
            ada.send(request(&format!("/api/{}/tasks/{text}", ada.id))).await.expect_status(404);
            ada.send(request(&format!("/api/{text}/tasks/{}", TaskId::from_task(&before[0])))).await.expect_status(403);
        }
    }
    assert_eq!(database::rows_of(&ada).await, before);
}

#[tokio::test]
async fn sql_in_a_query_is_invalid_or_ignored() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    for text in INJECTIONS.map(encoded) {
        for name in ["status", "completed", "priority", "sort", "order", "limit", "offset"] {
            ada.get(&format!("/api/tasks?{name}={text}")).await.expect_invalid_at(&[&format!("/{name}")]);
        }
        for ignored in [format!("user_id={text}"), format!("{text}=1"), format!("{text}={text}")] {
            assert_eq!(
                ada.get(&format!("/api/tasks?{ignored}")).await.expect_status(200).json,
                Value::from(vec![task.clone()])
            );
        }
    }
}
