//! Bodies as such, of every operation that reads one: their form, size and type, before what they say.

use serde_json::{Value, json};

use crate::kit::{Answer, Call, Caller, Id, api, path, routes};

/// 64 KiB
const LIMIT: usize = 64 * 1024;

/// The routes that read a body: POST, PUT and PATCH.
fn routes_with_body() -> Vec<(String, String)> {
    let routes = routes().into_iter().filter(|(method, _)| !["GET", "DELETE"].contains(&method.as_str()));
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() >= 12, "{routes:?}");
    routes
}

/// A request to each of these routes, without a body yet.
async fn calls(ada: &Caller) -> Vec<Call> {
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let call = |(method, route): (String, String)| ada.call(&method, &path(&route, &ada.id, &id));
    routes_with_body().into_iter().map(call).collect()
}

#[track_caller]
fn is_malformed(answer: Answer) {
    answer.problem(400, "malformed_request", "The request body is not valid JSON");
}

#[track_caller]
fn is_of_wrong_type(answer: Answer) {
    answer.problem(415, "unsupported_media_type", "The request body must be application/json");
}

#[track_caller]
fn is_good(answer: &Answer) {
    assert!([200, 201].contains(&answer.status), "{} was answered with {}", answer.call, answer.json);
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
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
    for call in calls(&ada).await {
        for body in bodies {
            is_malformed(ada.send(call.clone().typed("application/json", body)).await);
            is_malformed(ada.send(call.clone().body(body)).await);
        }
    }
    assert_eq!(ada.rows().await.len(), 1);
}

#[tokio::test]
async fn json_that_is_no_object_is_invalid() {
    let ada = api().new_user().await;
    for call in calls(&ada).await {
        for body in ["null", "true", "5", "\"title\"", "[]", "[{\"title\": \"t\"}]"] {
            let answer = ada.send(call.clone().typed("application/json", body)).await;
            assert_eq!(answer.invalid_at(&[""])["detail"], "the request body must be a JSON object");
        }
    }
}

#[tokio::test]
async fn no_body_is_malformed_where_one_is_needed() {
    let ada = api().new_user().await;
    for call in calls(&ada).await {
        let is_optional = ["/complete", "/toggle", "/status"].iter().any(|ending| call.path.ends_with(ending));
        for empty in [&b""[..], b" ", b"\r\n\t "] {
            for call in [call.clone().body(empty), call.clone().typed("application/json", empty)] {
                let answer = ada.send(call).await;
                if is_optional { is_good(&answer) } else { is_malformed(answer) }
            }
        }
    }
}

#[tokio::test]
async fn a_body_has_up_to_64_kib() {
    let ada = api().new_user().await;
    for call in calls(&ada).await {
        let padded = |length: usize| {
            let mut body = br#"{"title": "t", "completed": true}"#.to_vec();
            body.resize(length, b' ');
            body
        };
        is_good(&ada.send(call.clone().typed("application/json", padded(LIMIT))).await);
        for length in [LIMIT + 1, 200_000] {
            let answer = ada.send(call.clone().typed("application/json", padded(length))).await;
            answer.problem(413, "body_too_large", "The request body is larger than 64 KiB");
        }
        let blank = call.path.ends_with("/complete").then(|| call.clone().body(vec![b' '; LIMIT + 1]));
        if let Some(blank) = blank {
            is_good(&ada.send(blank).await);
        }
    }
}

/// The gateway encodes such a body as base64, which makes it longer.
#[tokio::test]
async fn the_size_is_counted_after_decoding() {
    let ada = api().new_user().await;
    let of = |length: usize| {
        let mut body = br#"{"title": "t", "x": ""#.to_vec();
        body.resize(length - 3, b'x');
        body.extend(b"\xff\"}");
        body
    };
    is_malformed(ada.send(ada.call("POST", "/api/tasks").body(of(LIMIT))).await);
    ada.send(ada.call("POST", "/api/tasks").body(of(LIMIT + 1))).await.is(413);
}

#[tokio::test]
async fn a_type_is_json_or_absent() {
    let ada = api().new_user().await;
    let body = r#"{"title": "t", "completed": true}"#;
    for call in calls(&ada).await {
        is_good(&ada.send(call.clone().body(body)).await);
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "Application/JSON",
            "application/merge-patch+json",
            "application/vnd.api+json; v=1",
        ] {
            is_good(&ada.send(call.clone().typed(good, body)).await);
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
            is_of_wrong_type(ada.send(call.clone().typed(wrong, body)).await);
        }
    }
}

/// The gateway takes every type that it does not know for binary, and encodes it.
#[tokio::test]
async fn a_base64_body_is_decoded() {
    let ada = api().new_user().await;
    let task = json!({"title": "Bücher & \u{1f4da}"});
    let call = ada.call("POST", "/api/tasks").typed("", task.to_string());
    assert_eq!(ada.send(call).await.is(201)["title"], task["title"]);
    is_of_wrong_type(ada.send(ada.call("POST", "/api/tasks").typed("application/octet-stream", "\u{0}")).await);
}

#[tokio::test]
async fn of_equal_members_the_last_counts() {
    let ada = api().new_user().await;
    let send = async |body: &str| ada.send(ada.call("POST", "/api/tasks").typed("application/json", body)).await;
    let answer =
        send(r#"{"title": 5, "title": "first", "priority": "urgent", "title": "last", "priority": "low"}"#).await;
    let answer = answer.is(201);
    assert_eq!((&answer["title"], &answer["priority"]), (&json!("last"), &json!("low")));
    send(r#"{"title": "first", "title": null}"#).await.invalid_at(&["/title"]);
    send(r#"{"title": "t", "user_id": null, "user_id": "somebody else"}"#).await.is(403);
    send(r#"{"title": "t", "user_id": "somebody else", "user_id": null}"#).await.is(201);
}

#[tokio::test]
async fn escapes_and_a_byte_order_mark_are_read_as_json_has_them() {
    let ada = api().new_user().await;
    let send = async |body: &str| ada.send(ada.call("POST", "/api/tasks").typed("application/json", body)).await;
    assert_eq!(send(r#"{"\u0074itle": "\ud83e\udd5b \u00fc \/ \"\\"}"#).await.is(201)["title"], "🥛 ü / \"\\");
    is_malformed(send("\u{feff}{\"title\": \"t\"}").await);
    send(r#"{"title": "a\u0000b"}"#).await.invalid_at(&["/title"]);
}

#[tokio::test]
async fn what_is_not_known_is_ignored_however_large_or_odd() {
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
        let answer = ada.send(ada.call("POST", "/api/tasks").typed("application/json", &body)).await;
        assert_eq!(answer.is(201)["title"], "t", "{body}");
    }
}

/// Where SQL could hide. All of it is data, or the id of no task.
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
        let answer = ada.put(&path, &json!({"title": text, "description": text})).await.is(200);
        assert_eq!((&answer["title"], &answer["description"]), (&json!(text), &json!(text)));
        ada.put(&path, &json!({"priority": text, "due_date": text})).await.invalid_at(&["/priority", "/due_date"]);
        ada.patch(&format!("{path}/complete"), &json!({"completed": text})).await.invalid_at(&["/completed"]);
        ada.post("/api/tasks", &json!({"title": "t", "user_id": text})).await.is(403);
    }
    assert_eq!(ada.rows().await.len(), 1 + INJECTIONS.len());
}

#[tokio::test]
async fn sql_in_a_path_names_nothing() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "Buy milk"})).await;
    let before = ada.rows().await;
    for text in INJECTIONS.map(encoded) {
        for (method, body) in [("GET", None), ("PUT", Some(json!({"title": "t"}))), ("DELETE", None)] {
            let call = |path: &str| ada.call(method, path).maybe_json(body.as_ref());
            ada.send(call(&format!("/api/tasks/{text}"))).await.is(404);
            ada.send(call(&format!("/api/{}/tasks/{text}", ada.id))).await.is(404);
            ada.send(call(&format!("/api/{text}/tasks/{}", Id::of(&before[0])))).await.is(403);
        }
    }
    assert_eq!(ada.rows().await, before);
}

#[tokio::test]
async fn sql_in_a_query_is_invalid_or_ignored() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    for text in INJECTIONS.map(encoded) {
        for name in ["status", "completed", "priority", "sort", "order", "limit", "offset"] {
            ada.get(&format!("/api/tasks?{name}={text}")).await.invalid_at(&[&format!("/{name}")]);
        }
        for ignored in [format!("user_id={text}"), format!("{text}=1"), format!("{text}={text}")] {
            assert_eq!(ada.get(&format!("/api/tasks?{ignored}")).await.is(200).json, Value::from(vec![task.clone()]));
        }
    }
}
