//! `PATCH /api/tasks/{id}/complete`, also `/toggle` and `/status`

use dev::testing::client::{TaskId, TestRequest, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database};

const ENDINGS: [&str; 3] = ["complete", "toggle", "status"];

/// The requests that mean a toggle.
fn toggles(request: &TestRequest) -> Vec<TestRequest> {
    vec![
        request.clone(),
        request.clone().header("content-type", "application/json"),
        request.clone().json(&json!({})),
        request.clone().typed("application/json", " \r\n\t"),
        request.clone().body("  "),
        request.clone().json(&json!({"completed": null})),
        request.clone().json(&json!({"done": true, "user_id": null})),
    ]
}

async fn new_path(ada: &TestUser) -> String {
    ada.create_path(json!({"title": "Buy milk", "priority": "low"})).await
}

#[tokio::test]
async fn missing_value_toggles() {
    let ada = api().new_user().await;
    for ending in ENDINGS {
        let path = new_path(&ada).await;
        let mut expected = ada.get(&path).await.json;
        for request in toggles(&ada.request("PATCH", &format!("{path}/{ending}"))) {
            let response = ada.send(request).await.expect_status(200);
            assert!(response["updated_at"].as_str() > expected["updated_at"].as_str());
            let completed = !expected["completed"].as_bool().expect("a boolean");
            expected["completed"] = json!(completed);
            expected["status"] = json!(if completed { "completed" } else { "pending" });
            for name in ["updated_at", "completed_at"] {
                expected[name] = response[name].clone();
            }
            expected["version"] = json!(expected["version"].as_i64().expect("a version") + 1);
            assert_eq!(response.json, expected);
            assert_eq!(ada.get(&path).await.json, expected);
        }
    }
}

#[tokio::test]
async fn value_is_set_and_can_be_repeated() {
    let ada = api().new_user().await;
    for ending in ENDINGS {
        let path = new_path(&ada).await;
        for completed in [false, true, true, false, false] {
            let before = ada.get(&path).await.json;
            let response =
                ada.patch(&format!("{path}/{ending}"), &json!({"completed": completed})).await.expect_status(200);
            assert_eq!(response["completed"], completed);
            assert_eq!(response["updated_at"] == before["updated_at"], before["completed"] == completed);
        }
    }
}

#[tokio::test]
async fn every_route_completes_a_task() {
    let ada = api().new_user().await;
    for ending in ENDINGS {
        for prefix in ["/api".to_owned(), format!("/api/{}", ada.id)] {
            let id = ada.create_id(json!({"title": "Buy milk"})).await;
            let response = ada
                .patch(&format!("{prefix}/tasks/{id}/{ending}"), &json!({"completed": true}))
                .await
                .expect_status(200);
            assert_eq!((TaskId::from_task(&response.json).to_string(), &response["completed"]), (id, &json!(true)));
        }
    }
}

#[tokio::test]
async fn only_booleans_are_accepted() {
    let ada = api().new_user().await;
    let path = new_path(&ada).await;
    let before = ada.get(&path).await.json;
    for ending in ENDINGS {
        for wrong in [json!("true"), json!(1), json!([]), json!({}), json!("")] {
            let response = ada.patch(&format!("{path}/{ending}"), &json!({"completed": wrong})).await;
            assert_eq!(response.expect_invalid_at(&["/completed"])["detail"], "completed must be true or false");
        }
        for not_an_object in [json!([]), json!(true), json!("done")] {
            ada.patch(&format!("{path}/{ending}"), &not_an_object).await.expect_invalid_at(&[""]);
        }
    }
    assert_eq!(ada.get(&path).await.json, before);
}

#[tokio::test]
async fn complete_changes_nothing_else() {
    let ada = api().new_user().await;
    let path = new_path(&ada).await;
    let mut expected = ada.get(&path).await.json;
    let body = json!({"title": "Buy oat milk", "description": 5, "priority": "urgent", "completed": true});
    let response = ada.patch(&format!("{path}/complete"), &body).await.expect_status(200);
    expected["completed"] = json!(true);
    expected["status"] = json!("completed");
    for name in ["updated_at", "completed_at"] {
        expected[name] = response[name].clone();
    }
    expected["version"] = json!(2);
    assert_eq!(response.json, expected);
}

#[tokio::test]
async fn concurrent_toggles_all_count() {
    let ada = api().new_user().await;
    let path = format!("{}/toggle", new_path(&ada).await);
    let toggled = (0..21).map(|_| {
        tokio::spawn({
            let (ada, path) = (ada.clone(), path.clone());
            async move { ada.send(ada.request("PATCH", &path)).await.expect_status(200)["completed"].clone() }
        })
    });
    let mut completed = 0;
    for toggle in toggled.collect::<Vec<_>>() {
        completed += i32::from(toggle.await.expect("a response") == Value::Bool(true));
    }
    assert_eq!(completed, 11);
    assert_eq!(database::rows_of(&ada).await[0]["completed"], true);
}
