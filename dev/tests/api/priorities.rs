//! The vocabulary of priorities is a setting.

use dev::testing::client::TestUser;
use dev::testing::database::TestDatabase;
use migrations::Options;
use serde_json::json;

use crate::kit::Api;

const WORDS: &str = "low, Medium,high,urgent";

/// A user of a database that was migrated with the vocabulary, and of functions with it and these settings.
async fn user(settings: &[(&str, &str)]) -> (Api, TestDatabase, TestUser) {
    let database = TestDatabase::with_users_table().await;
    database.run(r#"insert into "user" (id, name, email) values ('ada', 'Ada', 'ada@example.com')"#).await;
    let options = Options { task_priorities: Some(WORDS.to_owned()), ..Options::default() };
    migrations::up(&database.url, &options).await.expect("a new database");
    let settings = [&[("TASK_PRIORITIES", WORDS)], settings].concat();
    let api = Api::start(&database.url, &settings).await;
    let ada = api.user("ada");
    (api, database, ada)
}

#[tokio::test]
async fn words_of_the_setting_are_accepted() {
    let (_api, _database, ada) = user(&[]).await;
    for (sent, stored) in [("URGENT", "urgent"), ("medium", "Medium"), ("Low", "low")] {
        let path = ada.create_path(json!({"title": sent, "priority": sent})).await;
        assert_eq!(ada.get(&path).await["priority"], stored);
        let changed = ada.put(&path, &json!({"priority": sent.to_lowercase()})).await.expect_status(200);
        assert_eq!(changed["priority"], stored);
    }
    let response = ada.post("/api/tasks", &json!({"title": "x", "priority": "asap"})).await;
    assert_eq!(response.expect_invalid_at(&["/priority"])["detail"], "priority must be low, Medium, high or urgent");
    let response = ada.get("/api/tasks?priority=none").await.expect_invalid_at(&["/priority"]);
    assert_eq!(response["detail"], "priority must be low, Medium, high or urgent");
}

#[tokio::test]
async fn words_are_sorted_by_urgency() {
    let (_api, _database, ada) = user(&[]).await;
    for priority in ["high", "urgent", "low", "medium"] {
        ada.create(json!({"title": priority, "priority": priority})).await;
    }
    ada.create(json!({"title": "none"})).await;
    let sorted = async |order: &str| -> Vec<String> {
        let list = ada.get(&format!("/api/tasks?sort=priority{order}")).await.expect_status(200);
        list.tasks().iter().map(|task| task["title"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(sorted("").await, ["urgent", "high", "medium", "low", "none"]);
    assert_eq!(sorted("&order=asc").await, ["low", "medium", "high", "urgent", "none"]);
    assert_eq!(ada.get("/api/tasks?priority=MEDIUM").await.tasks().len(), 1);
    assert_eq!(ada.get("/api/tasks?priority=all").await.tasks().len(), 5);
}

#[tokio::test]
async fn default_is_for_new_tasks_without_a_priority() {
    let (_api, _database, ada) = user(&[("TASK_PRIORITY_DEFAULT", "medium")]).await;
    for body in [json!({"title": "x"}), json!({"title": "x", "priority": null}), json!({"title": "x", "priority": ""})]
    {
        assert_eq!(ada.create(body.clone()).await["priority"], "Medium", "{body}");
    }
    let path = ada.create_path(json!({"title": "x", "priority": "urgent"})).await;
    assert_eq!(ada.put(&path, &json!({"title": "y"})).await["priority"], "urgent");
    assert_eq!(ada.put(&path, &json!({"priority": null})).await["priority"], json!(null));
}

#[tokio::test]
async fn vocabulary_can_grow_later() {
    let database = TestDatabase::migrated().await;
    let words = |words: &str| Options { task_priorities: Some(words.to_owned()), ..Options::default() };
    let growing = words("low,medium,high,urgent");
    let planned = migrations::plan(&database.url, &growing).await.expect("a plan").to_string();
    assert!(planned.contains("'urgent'"), "{planned}");
    let verification = migrations::verify(&database.url, &growing).await.expect("a verification");
    assert_eq!(verification.differences.len(), 1, "{verification:?}");
    let report = migrations::up(&database.url, &growing).await.expect("a new word");
    assert_eq!(report.changes[0], "let ck_tasks_priority accept 'urgent'");
    assert_eq!(migrations::up(&database.url, &growing).await.expect("nothing to do").changes, [""; 0]);
    // Rows may have the words of an earlier vocabulary.
    assert_eq!(migrations::up(&database.url, &words("low,high")).await.expect("nothing to do").changes, [""; 0]);
    migrations::down(&database.url).await.expect("the newest migration");
}
