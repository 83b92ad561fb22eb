//! Who may call: what every operation does without a good token.

use dev::tokens;
use serde_json::{Value, json};

use crate::kit::{Answer, Call, api, good_body, path, routes, task_routes};

#[track_caller]
fn is_unauthenticated(answer: Answer) -> Answer {
    let answer = answer.problem(401, "unauthenticated", "Not authenticated");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    answer
}

#[tokio::test]
async fn every_route_but_health_wants_a_token() {
    let api = api();
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = ada.rows().await;
    let mut wanted = 0;
    for (method, route) in routes() {
        let body = good_body(&method, &route);
        let answer = api.send(Call::new(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref())).await;
        if route.starts_with("/health") {
            answer.is(200);
        } else {
            is_unauthenticated(answer);
            wanted += 1;
        }
    }
    assert!(wanted >= 18, "{wanted}");
    assert_eq!(ada.rows().await, before);
}

/// Tokens of the user that are not good, with what is wrong with them.
fn bad_tokens(secret: &str, user_id: &str) -> Vec<(&'static str, String)> {
    let now = tokens::now();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let mint = |claims: Value| tokens::mint_claims(secret, &header, &claims);
    let good = tokens::mint(secret, user_id);
    let (rest, _) = good.rsplit_once('.').expect("three parts");
    vec![
        ("garbage", "garbage".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("expired", mint(json!({"sub": user_id, "iat": now - 7200, "exp": now - 1}))),
        ("not yet valid", mint(json!({"sub": user_id, "nbf": now + 3600, "exp": now + 7200}))),
        ("without an end", mint(json!({"sub": user_id}))),
        ("without a user", mint(json!({"exp": now + 3600}))),
        ("of another secret", tokens::mint("another secret that is long enough", user_id)),
        ("without a signature", format!("{rest}.")),
        (
            "not signed at all",
            tokens::mint_claims(secret, &json!({"alg": "none"}), &json!({"sub": user_id, "exp": now + 3600})),
        ),
    ]
}

#[tokio::test]
async fn a_bad_token_is_refused_without_a_hint() {
    let api = api();
    let ada = api.new_user().await;
    let without = is_unauthenticated(api.get("/api/tasks").await).without_request();
    for (fault, token) in bad_tokens(api.stack().secret(), &ada.id) {
        let answer = api.send(Call::new("GET", "/api/tasks").bearer(&token)).await;
        assert_eq!(is_unauthenticated(answer).without_request(), without, "{fault}");
    }
}

#[tokio::test]
async fn a_bad_token_reaches_no_operation() {
    let api = api();
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = ada.rows().await;
    let (_, expired) = bad_tokens(api.stack().secret(), &ada.id).swap_remove(2);
    for (method, route) in task_routes() {
        let body = good_body(&method, &route);
        let call = Call::new(&method, &path(&route, &ada.id, &id)).bearer(&expired);
        is_unauthenticated(api.send(call.maybe_json(body.as_ref())).await);
    }
    assert_eq!(ada.rows().await, before);
}

/// A foreign path, a task that is not there and a body that is no JSON tell nothing to who has no token.
#[tokio::test]
async fn who_is_not_authenticated_learns_nothing_else() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk"})).await;
    for call in [
        Call::new("GET", &task),
        Call::new("GET", "/api/tasks/0"),
        Call::new("GET", &format!("/api/{}/tasks", ada.id)),
        Call::new("GET", "/api/nobody/tasks"),
        Call::new("GET", "/api/tasks?limit=0"),
        Call::new("POST", "/api/tasks").typed("text/plain", "{"),
        Call::new("POST", "/api/tasks").json(&json!({"user_id": "nobody"})),
        Call::new("PATCH", &format!("{task}/complete")).typed("application/json", vec![b' '; 70_000]),
    ] {
        is_unauthenticated(api.send(call).await);
    }
}

#[tokio::test]
async fn only_a_bearer_token_counts() {
    let api = api();
    let ada = api.new_user().await;
    for authorization in ["", "Bearer", "Bearer ", &ada.token, &format!("Basic {}", ada.token)] {
        is_unauthenticated(api.send(Call::new("GET", "/api/tasks").header("authorization", authorization)).await);
    }
    let beside = [("x-authorization", "Bearer "), ("cookie", "better-auth.session_token="), ("x-user-id", "")];
    for (name, value) in beside {
        is_unauthenticated(
            api.send(Call::new("GET", "/api/tasks").header(name, format!("{value}{}", ada.token))).await,
        );
    }
    is_unauthenticated(api.get(&format!("/api/tasks?token={0}&access_token={0}", ada.token)).await);
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let ada = api().new_user().await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let call = Call::new("GET", "/api/tasks").header("authorization", format!("{scheme} {}", ada.token));
        ada.send(call).await.is(200);
    }
}

#[tokio::test]
async fn two_tokens_are_not_one() {
    let api = api();
    let ada = api.new_user().await;
    is_unauthenticated(ada.send(ada.call("GET", "/api/tasks").bearer(&ada.token)).await);
    is_unauthenticated(ada.send(ada.call("GET", "/api/tasks").bearer("garbage")).await);
    is_unauthenticated(api.send(Call::new("GET", "/api/tasks").bearer("garbage").bearer(&ada.token)).await);
}

#[tokio::test]
async fn the_cookie_cache_of_better_auth_is_a_token() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let header = json!({"alg": "HS256"});
    let cached = |user: &str, session_user: &str| {
        let claims = json!({
            "session": {"id": "s", "userId": session_user, "token": "t"},
            "user": {"id": user, "email": "ada@example.com"},
            "updatedAt": 1, "iat": tokens::now(), "exp": tokens::now() + 300,
        });
        Call::new("GET", "/api/tasks").bearer(&tokens::mint_claims(api.stack().secret(), &header, &claims))
    };
    assert_eq!(ada.send(cached(&ada.id, &ada.id)).await.is(200).json, json!([task]));
    is_unauthenticated(api.send(cached(&ada.id, "somebody else")).await);
}

#[tokio::test]
async fn a_user_whom_the_database_does_not_know_has_no_tasks_and_can_make_none() {
    let api = api();
    let nobody = api.nobody();
    let someones = api.new_user().await.create_path(json!({"title": "Buy milk"})).await;
    is_unauthenticated(nobody.post("/api/tasks", &json!({"title": "Buy milk"})).await);
    assert_eq!(nobody.get("/api/tasks").await.is(200).json, json!([]));
    for task in ["/api/tasks/1", &someones] {
        nobody.get(task).await.problem(404, "task_not_found", "Task not found");
        nobody.patch(task, &json!({"title": "t"})).await.is(404);
        nobody.patch(&format!("{task}/complete"), &json!({})).await.is(404);
        nobody.delete(task).await.is(404);
    }
}

#[tokio::test]
async fn the_token_of_a_user_who_was_deleted_makes_no_task() {
    let ada = api().new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk"})).await;
    ada.delete_user().await;
    is_unauthenticated(ada.post("/api/tasks", &json!({"title": "Buy milk"})).await);
    assert_eq!(ada.get("/api/tasks").await.is(200).json, json!([]));
    ada.get(&task).await.is(404);
}
