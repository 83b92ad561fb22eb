//! The routes of `template.yaml`, for tests that call all of them.

use dev::aws::routes::find;
use dev::aws::template::Template;
use dev::workspace::root;
use serde_json::{Value, json};

/// `/api/{user_id}/tasks/{id}` with these parameters. The name of a tag is `home`.
pub(crate) fn path(template: &str, user_id: &str, id: &str) -> String {
    let template =
        template.replace("{version}/{file}", "1/docs.css").replace("/tags/{id}", "/tags/home").replace("{tag}", "home");
    template.replace("{user_id}", user_id).replace("{id}", id)
}

/// The methods with which a path is routed, in alphabetical order.
pub(crate) fn methods_of(path: &str) -> Vec<&'static str> {
    let template = Template::read(root(), |_| None).expect("template.yaml");
    let is_routed =
        |method: &&str| find(&template.routes, method, path).is_some_and(|found| !found.route.is_fallback());
    ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"].into_iter().filter(is_routed).collect()
}

/// All routes except the default route: method and path.
pub(crate) fn routes() -> Vec<(String, String)> {
    let template = Template::read(root(), |_| None).expect("template.yaml");
    let keys = template.routes.iter().filter(|route| !route.is_fallback()).map(|route| route.key.clone());
    let split = |key: String| key.split_once(' ').map(|(method, path)| (method.to_owned(), path.to_owned()));
    keys.map(|key| split(key).expect("method and path")).collect()
}

/// Whether a route needs no token.
pub(crate) fn is_public(path: &str) -> bool {
    path.starts_with("/health") || is_document(path)
}

/// Whether a route is one of the documentation, which never uses the database.
pub(crate) fn is_document(path: &str) -> bool {
    path.starts_with("/docs") || path == "/openapi.json"
}

/// The routes that require a user.
pub(crate) fn task_routes() -> Vec<(String, String)> {
    routes().into_iter().filter(|(_, path)| path.starts_with("/api/")).collect()
}

/// The routes that read a body.
pub(crate) fn routes_with_body() -> Vec<(String, String)> {
    let routes: Vec<_> = routes().into_iter().filter(|(method, path)| valid_body(method, path).is_some()).collect();
    assert!(routes.len() >= 12, "{routes:?}");
    routes
}

/// A valid body for a route. `None` if the route reads no body.
pub(crate) fn valid_body(method: &str, path: &str) -> Option<Value> {
    match method {
        "POST" if path.ends_with("/bulk") => Some(json!({"operations": [{"op": "create", "title": "Buy milk"}]})),
        "POST" | "PUT" if path.ends_with("/tasks/{id}/tags") => Some(json!({"tags": ["home"]})),
        "POST" | "PUT" | "PATCH" if path.contains("/tags") => Some(json!({"name": "home"})),
        "POST" if path.ends_with("/skip") || path.ends_with("/stop-recurrence") => None,
        "POST" | "PUT" => Some(json!({"title": "Buy milk"})),
        "PATCH" if path.ends_with("{id}") => Some(json!({"title": "Buy milk"})),
        "PATCH" => Some(json!({"completed": true})),
        _ => None,
    }
}
