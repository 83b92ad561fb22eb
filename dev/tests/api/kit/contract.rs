//! Checks responses against `openapi.yaml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use dev::aws::routes::{Route, find};
use dev::testing::client::{TestRequest, TestResponse};
use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The responses that `openapi.yaml` describes, by route and status.
pub(crate) struct Contract {
    document: Value,
    routes: Vec<Route>,
    responses: BTreeMap<(String, u16), ExpectedResponse>,
}

/// One response of the document.
struct ExpectedResponse {
    headers: Vec<ExpectedHeader>,
    /// The content types, and the schema of the body with each. Empty for a response without a body.
    content: Vec<(String, Validator)>,
}

struct ExpectedHeader {
    name: String,
    required: bool,
    validator: Validator,
}

/// The components that describe the responses to paths and methods that the document does not list. 200 is the response to
/// `HEAD` of the health checks.
const UNROUTED: [(&str, u16, &str); 4] = [
    ("$default", 200, "Healthy"),
    ("$default", 308, "TrailingSlash"),
    ("$default", 404, "RouteNotFound"),
    ("$default", 405, "MethodNotAllowed"),
];
/// Headers that the gateway or HTTP itself adds.
const FROM_OTHERS: [&str; 5] = ["content-type", "content-length", "date", "vary", "apigw-requestid"];

/// Checks a response for [`ApiClient::with_check`](dev::testing::client::ApiClient::with_check).
pub(super) fn check_contract(request: &TestRequest, response: &TestResponse) -> Result<(), String> {
    let path = request.path.split('?').next().unwrap_or_default();
    Contract::of_workspace().check(&request.method, path, response)
}

/// The same for a stack with `TASK_EXTRA_FIELDS`, whose tasks have further members.
pub(super) fn check_contract_with_extra(request: &TestRequest, response: &TestResponse) -> Result<(), String> {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    let path = request.path.split('?').next().unwrap_or_default();
    CONTRACT.get_or_init(|| Contract::read(document())).check(&request.method, path, response)
}

fn document() -> Value {
    let file = dev::workspace::root().join("openapi.yaml");
    let text = std::fs::read_to_string(file).expect("openapi.yaml");
    serde_norway::from_str(&text).expect("YAML")
}

impl Contract {
    /// The contract in the workspace, without members that only `TASK_EXTRA_FIELDS` adds. It is read once.
    pub(crate) fn of_workspace() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| {
            let mut document = document();
            document["components"]["schemas"]["Task"]["additionalProperties"] = json!(false);
            Self::read(document)
        })
    }

    fn read(document: Value) -> Self {
        let mut responses = BTreeMap::new();
        let mut routes = vec![Route::fallback("-")];
        for (method, path, operation) in operations(&document) {
            let route = Route::new(&method, &path, "-");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let status = status.parse().expect("a status");
                responses.insert(
                    (route.key.clone(), status),
                    ExpectedResponse::read(&document, resolved(&document, response)),
                );
            }
            routes.push(route);
        }
        for (key, status, name) in UNROUTED {
            let expected = ExpectedResponse::read(&document, &document["components"]["responses"][name]);
            responses.insert((key.to_owned(), status), expected);
        }
        Self { document, routes, responses }
    }

    /// Method, path and function of every operation.
    pub(crate) fn routes(&self) -> Vec<(String, String, String)> {
        let named = |operation: &Value| operation.get("x-function").unwrap_or(&operation["operationId"]).clone();
        let function = |operation: &Value| named(operation).as_str().expect("operationId").to_owned();
        operations(&self.document).map(|(method, path, operation)| (method, path, function(operation))).collect()
    }

    /// Whether the document describes this response to the method and path. The path is encoded and has no query.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self, method: &str, path: &str, response: &TestResponse) -> Result<(), String> {
        let key = &find(&self.routes, method, path).expect("at least the default route").route.key;
        let expected = self.responses.get(&(key.clone(), response.status));
        let expected = expected.ok_or_else(|| format!("{key} has no response {} in openapi.yaml", response.status))?;
        expected.check_headers(response)?;
        expected.check_content(response, method == "HEAD")
    }
}

impl ExpectedResponse {
    fn read(document: &Value, response: &Value) -> Self {
        let headers = response["headers"].as_object().into_iter().flatten().map(|(name, header)| {
            let header = resolved(document, header);
            ExpectedHeader {
                name: name.to_lowercase(),
                required: header["required"] == json!(true),
                validator: validator(document, &header["schema"]),
            }
        });
        let content = response["content"].as_object().into_iter().flatten();
        let content = content.map(|(media_type, media)| (media_type.clone(), validator(document, &media["schema"])));
        Self { headers: headers.collect(), content: content.collect() }
    }

    fn check_headers(&self, response: &TestResponse) -> Result<(), String> {
        for ExpectedHeader { name, required, validator } in &self.headers {
            match response.headers.get(name).map(|value| value.to_str().map_err(|_| format!("{name} is not text"))) {
                None if *required => return Err(format!("{name} is missing")),
                None => {}
                Some(text) => {
                    let text = text?;
                    let number = text.parse::<u64>().ok().map(Value::from).filter(|number| validator.is_valid(number));
                    let value = number.unwrap_or_else(|| text.into());
                    validator.validate(&value).map_err(|error| format!("{name}: {error}"))?;
                }
            }
        }
        let is_described = |name: &str| self.headers.iter().any(|header| header.name == name);
        let known =
            |name: &str| is_described(name) || FROM_OTHERS.contains(&name) || name.starts_with("access-control-");
        match response.headers.keys().find(|name| !known(name.as_str())) {
            Some(name) => Err(format!("openapi.yaml does not know the header {name} of this response")),
            None => Ok(()),
        }
    }

    fn check_content(&self, response: &TestResponse, is_head: bool) -> Result<(), String> {
        let content_type = response.header("content-type");
        if self.content.is_empty() {
            let empty = response.body.is_empty() && content_type.is_none();
            return if empty { Ok(()) } else { Err("it must have no body".to_owned()) };
        }
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let Some((media_type, validator)) = self.content.iter().find(|(media_type, _)| media_type == essence) else {
            let expected: Vec<&str> = self.content.iter().map(|(media_type, _)| &**media_type).collect();
            return Err(format!("its type is {content_type:?} and not {}", expected.join(" or ")));
        };
        if is_head {
            return if response.body.is_empty() { Ok(()) } else { Err("the response to HEAD has a body".to_owned()) };
        }
        // Text, whose schema says no more.
        if !media_type.ends_with("json") {
            return Ok(());
        }
        let json = match response.header("content-encoding") {
            Some(_) => serde_json::from_reader(GzDecoder::new(&*response.body)),
            None => serde_json::from_slice(&response.body),
        };
        let json: Value = json.map_err(|error| format!("it is not JSON: {error}"))?;
        let problems: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let names_request = response.header("x-request-id") == json["request_id"].as_str();
        if media_type == "application/problem+json" && !names_request {
            return Err("request_id is not X-Request-Id".to_owned());
        }
        Ok(())
    }
}

/// Method, path and operation, for each operation.
fn operations(document: &Value) -> impl Iterator<Item = (String, String, &Value)> {
    const NO_METHODS: [&str; 5] = ["parameters", "summary", "description", "servers", "$ref"];
    document["paths"].as_object().expect("paths").iter().flat_map(|(path, item)| {
        let members = item.as_object().expect("a path item").iter();
        let operations = members.filter(|(name, _)| !NO_METHODS.contains(&name.as_str()));
        operations.map(|(name, operation)| (name.to_uppercase(), path.clone(), operation))
    })
}

/// Follows a `$ref` inside the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in openapi.yaml")),
        None => value,
    }
}

/// With the components beside it, to which its references point.
fn validator(document: &Value, schema: &Value) -> Validator {
    let root = json!({"components": document["components"], "allOf": [schema]});
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&root).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

mod tests {
    use super::*;

    fn task() -> Value {
        json!({
            "id": 42, "user_id": "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", "title": "Buy milk", "description": null,
            "completed": false, "priority": null, "due_date": null, "tags": ["Home"], "category": null,
            "status": "pending", "completed_at": null, "recurrence_rule": null, "next_occurrence": null,
            "time_zone": null, "version": 1,
            "created_at": "2026-11-21T02:51:49.233112Z", "updated_at": "2026-11-21T02:51:49.233112Z"
        })
    }

    fn problem() -> Value {
        json!({
            "type": "/docs/errors#task-not-found", "title": "Not Found", "status": 404,
            "detail": "Task not found", "code": "task_not_found", "request_id": "r-1"
        })
    }

    fn response(status: u16, headers: &[(&'static str, &str)], json: &Value) -> TestResponse {
        let mut map = axum::http::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        let body = if json.is_null() { String::new() } else { json.to_string() };
        TestResponse {
            request: String::new(),
            status,
            headers: map,
            body: body.into(),
            json: json.clone(),
            transaction: None,
        }
    }

    const READ: [(&str, &str); 4] = [
        ("content-type", "application/json"),
        ("x-request-id", "r-1"),
        ("cache-control", "private, no-cache"),
        ("etag", "\"7\""),
    ];
    const LIST: [(&str, &str); 4] = [READ[0], READ[1], READ[2], ("etag", "W/\"0123456789abcdef\"")];
    const PROBLEM: [(&str, &str); 2] = [("content-type", "application/problem+json"), ("x-request-id", "r-1")];

    fn verdict(method: &str, path: &str, response: &TestResponse) -> Result<(), String> {
        Contract::of_workspace().check(method, path, response)
    }

    #[test]
    fn described_responses_are_accepted() {
        assert_eq!(verdict("GET", "/api/tasks/42", &response(200, &READ, &task())), Ok(()));
        assert_eq!(verdict("GET", "/api/tasks", &response(200, &LIST, &json!([task()]))), Ok(()));
        assert_eq!(verdict("GET", "/api/tasks/42", &response(404, &PROBLEM, &problem())), Ok(()));
        assert_eq!(verdict("DELETE", "/api/u/tasks/4", &response(204, &PROBLEM[1..], &Value::Null)), Ok(()));
    }

    #[test]
    fn undescribed_responses_are_rejected() {
        let changed = |member: &str, value: Value| {
            let mut task = task();
            task[member] = value;
            task
        };
        let mut without = task();
        without.as_object_mut().expect("an object").remove("priority");
        for (bad, complaint) in [
            (response(418, &READ, &task()), "no response 418"),
            (response(200, &[READ[0], READ[1], READ[3]], &task()), "cache-control is missing"),
            (response(200, &[READ[0], READ[2], READ[3]], &task()), "x-request-id is missing"),
            (response(200, &READ[..3], &task()), "etag is missing"),
            (response(200, &LIST, &task()), "etag: "),
            (response(200, &[READ[0], READ[1], READ[3], ("cache-control", "public")], &task()), "cache-control: "),
            (response(200, &[READ[0], READ[1], READ[2], READ[3], ("x-powered-by", "x")], &task()), "x-powered-by"),
            (response(200, &[PROBLEM[0], READ[1], READ[2], READ[3]], &task()), "its type is"),
            (response(200, &READ, &without), "priority"),
            (response(200, &READ, &json!([task()])), "is not of type \"object\""),
            (response(200, &READ, &changed("priority", json!(1))), "/priority"),
            (response(200, &READ, &changed("created_at", json!("2026-11-21T02:51:49Z"))), "/created_at"),
            (response(200, &READ, &changed("surprise", json!(1))), "surprise"),
            (response(404, &READ[..2], &problem()), "its type is"),
            (response(404, &[PROBLEM[0], ("x-request-id", "r-2")], &problem()), "request_id"),
            (response(401, &PROBLEM, &problem()), "www-authenticate is missing"),
        ] {
            let complaints = verdict("GET", "/api/tasks/42", &bad).expect_err(complaint);
            assert!(complaints.contains(complaint), "{complaints}");
        }
        let problem_of_another_code = response(404, &PROBLEM, &problem());
        assert!(verdict("GET", "/nowhere", &problem_of_another_code).is_err());
        let full = response(204, &PROBLEM, &task());
        assert!(verdict("DELETE", "/api/tasks/42", &full).is_err());
        let task_in_list = response(200, &LIST, &json!([{"id": 1}]));
        assert!(verdict("GET", "/api/tasks", &task_in_list).is_err());
    }
}
