//! What the tests are written with.
//!
//! ```text
//! let api = api();                                        the stack that all tests share
//! let ada = api.new_user().await;                         a user whom nobody else knows
//! let task = ada.create(json!({"title": "Buy milk"})).await;
//! ada.get(&format!("/api/tasks/{}", Id::of(&task))).await.is(200);
//! ```

mod answer;
mod api;
mod call;
mod contract;
mod processes;
mod proxy;
pub(crate) mod schema;

pub(crate) use answer::{Answer, Id, ids};
pub(crate) use api::{Api, Caller, api, api_with, settings};
pub(crate) use call::Call;
pub(crate) use contract::Contract;
pub(crate) use processes::{Process, children};
pub(crate) use proxy::Proxy;

/// `/api/{user_id}/tasks/{id}` with the parameters filled in.
pub(crate) fn path(template: &str, user_id: &str, id: &str) -> String {
    template.replace("{user_id}", user_id).replace("{id}", id)
}

/// The routes of `template.yaml` but the default one: method and path.
pub(crate) fn routes() -> Vec<(String, String)> {
    let template = dev::aws::template::Template::read(dev::workspace::root(), |_| None).expect("template.yaml");
    let keys = template.routes.iter().filter(|route| !route.is_fallback()).map(|route| route.key.clone());
    let split = |key: String| key.split_once(' ').map(|(method, path)| (method.to_owned(), path.to_owned()));
    keys.map(|key| split(key).expect("method and path")).collect()
}

/// The routes that need a user.
pub(crate) fn task_routes() -> Vec<(String, String)> {
    routes().into_iter().filter(|(_, path)| path.starts_with("/api/")).collect()
}

/// A body that the operation of a route accepts, or none where it takes none.
pub(crate) fn good_body(method: &str, path: &str) -> Option<serde_json::Value> {
    match method {
        "POST" | "PUT" => Some(serde_json::json!({"title": "Buy milk"})),
        "PATCH" if path.ends_with("{id}") => Some(serde_json::json!({"title": "Buy milk"})),
        "PATCH" => Some(serde_json::json!({"completed": true})),
        _ => None,
    }
}
