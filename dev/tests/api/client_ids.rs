//! `id` in the body of `POST /api/tasks`: ids that clients choose, where the column allows it.

use dev::testing::client::{TestResponse, TestUser};
use dev::testing::database::TestDatabase;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Api, api, database, schema};

/// A UUID of version 7, as clients make them.
fn new_id() -> String {
    let mut text = Uuid::new_v4().to_string();
    text.replace_range(14..15, "7");
    text
}

async fn create(ada: &TestUser, id: &Value, key: Option<&str>) -> TestResponse {
    let request = ada.request("POST", "/api/tasks").json(&json!({"id": id, "title": "Buy milk"}));
    ada.send(key.iter().fold(request, |request, key| request.header("idempotency-key", key))).await
}

/// Creates tasks with ids of the client, where they are strings.
async fn exercise(ada: &TestUser, bob: &TestUser) {
    for (id, key) in [(new_id(), None), (new_id().to_uppercase(), Some("k-1")), (Uuid::new_v4().to_string(), None)] {
        let created = create(ada, &json!(id), key).await.expect_status(201);
        let stored = id.to_lowercase();
        assert_eq!(created["id"], stored);
        assert_eq!(created.header("location"), Some(&*format!("/api/tasks/{stored}")));
        assert_eq!(ada.get(&format!("/api/tasks/{stored}")).await.expect_status(200).json, created.json);
        if key.is_some() {
            let repeated = create(ada, &json!(id), key).await.expect_status(201);
            assert_eq!(repeated.header("idempotent-replayed"), Some("true"));
            create(ada, &json!(new_id()), key).await.expect_status(422);
        }
        // The owner of the task and other users get the same response.
        let detail = "The request conflicts with the stored data: another task has this id";
        for user in [ada, bob] {
            for key in [None, Some("k-2")] {
                create(user, &json!(stored), key).await.expect_problem(409, "conflict", detail);
            }
        }
        ada.delete(&format!("/api/tasks/{stored}")).await.expect_status(204);
        create(bob, &json!(stored), None).await.expect_status(201);
    }
}

/// Of several requests at once with one key, one stores the task.
async fn race(ada: &TestUser) {
    let (id, key) = (json!(new_id()), new_id());
    let requests = (0..8).map(|_| create(ada, &id, Some(&key)));
    let responses = futures_util::future::join_all(requests).await;
    let replayed = responses.iter().filter(|response| response.header("idempotent-replayed").is_some()).count();
    assert!(responses.iter().all(|response| response.status == 201), "{responses:?}");
    assert_eq!(replayed, 7);
}

#[tokio::test]
async fn client_chooses_the_id_where_ids_are_strings() {
    let (ada, bob) = (api().new_user().await, api().new_user().await);
    if !schema::has_number_ids() {
        exercise(&ada, &bob).await;
        race(&ada).await;
        return;
    }
    for id in [new_id(), Uuid::new_v4().to_string()] {
        for key in [None, Some("k-1")] {
            create(&ada, &json!(id), key).await.expect_invalid_at(&["/id"]);
        }
    }
    assert_eq!(database::rows_of(&ada).await.len(), 0);
}

#[tokio::test]
async fn client_chooses_the_id_in_a_column_of_uuids() {
    let database = TestDatabase::with_users_table().await;
    database
        .run(
            "create table tasks (id uuid primary key default gen_random_uuid(), user_id text not null, title text not null,
                 description text, completed boolean default false, created_at timestamptz default now(),
                 updated_at timestamptz default now());
             insert into \"user\" (id, name, email) values ('ada', 'Ada', 'a@example.com'), ('bob', 'Bob', 'b@example.com')",
        )
        .await;
    migrations::up(&database.url, &migrations::Options::default()).await.expect("an adoption");
    let api = Api::start(&database.url, &[]).await;
    exercise(&api.user("ada"), &api.user("bob")).await;
    race(&api.user("ada")).await;
}

#[tokio::test]
async fn other_values_of_id_are_ignored() {
    let ada = api().new_user().await;
    for id in
        [json!(null), json!(42), json!(0), json!(""), json!("temp-1"), json!("1"), json!([1]), json!({}), json!(true)]
    {
        let created = create(&ada, &id, None).await.expect_status(201);
        assert_ne!(created["id"], id);
    }
}
