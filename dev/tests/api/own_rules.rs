//! A table of another back end with rules of its own: lengths, checks, defaults, spellings and references.

use dev::testing::client::TestUser;
use dev::testing::database::TestDatabase;
use serde_json::json;

use crate::kit::Api;

/// The table with these definitions of `title`, `description` and `priority`, after its adoption, and its user `ada`.
async fn adopted(title: &str, description: &str, priority: &str) -> (Api, TestDatabase, TestUser) {
    adopted_table(&format!(
        "create table tasks (
             id serial primary key,
             user_id text not null references \"user\" (id),
             title {title},
             description {description},
             completed boolean not null default false,
             priority {priority},
             due_date timestamp,
             created_at timestamp not null default (now() at time zone 'utc'),
             updated_at timestamp not null default (now() at time zone 'utc'))"
    ))
    .await
}

async fn adopted_table(table: &str) -> (Api, TestDatabase, TestUser) {
    let database = TestDatabase::with_users_table().await;
    database.run(r#"insert into "user" (id, name, email) values ('ada', 'Ada', 'ada@example.com')"#).await;
    database.run(table).await;
    let migrated = migrations::up(&database.url, &migrations::Options::default()).await;
    migrated.unwrap_or_else(|error| panic!("{error}"));
    let api = Api::start(&database.url, &[]).await;
    let ada = api.user("ada");
    (api, database, ada)
}

const PLAIN: [&str; 3] = ["varchar(200) not null", "text", "varchar(20)"];

#[tokio::test]
async fn length_of_the_column_is_named() {
    let (_api, _database, ada) = adopted("varchar(100) not null", "varchar(50)", PLAIN[2]).await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    let long = json!({"title": "x".repeat(101)});
    for response in [ada.post("/api/tasks", &long).await, ada.put(&path, &long).await] {
        assert_eq!(response.expect_invalid_at(&["/title"])["detail"], "title must have at most 100 characters");
    }
    let both = json!({"title": "x".repeat(150), "description": "x".repeat(51)});
    let response = ada.post("/api/tasks", &both).await.expect_invalid_at(&["/title", "/description"]);
    let detail = "title must have at most 100 characters; description must have at most 50 characters";
    assert_eq!(response["detail"], detail);
}

#[tokio::test]
async fn check_of_the_table_is_named() {
    let title = "text not null constraint title_length check (length(title) between 3 and 10)";
    let description = "text constraint no_shouting check (description <> upper(description))";
    let priority = "varchar(20) constraint known check (priority in ('low', 'high'))";
    let (_api, _database, ada) = adopted(title, description, priority).await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    for (body, pointer, detail) in [
        (json!({"title": "x"}), "/title", "title must have at least 3 characters"),
        (json!({"title": "x".repeat(11)}), "/title", "title must have at most 10 characters"),
        (
            json!({"title": "Buy milk", "description": "NOW"}),
            "/description",
            "description must not break the rule no_shouting of the database",
        ),
        (json!({"title": "Buy milk", "priority": "medium"}), "/priority", "priority must be low or high"),
    ] {
        for response in [ada.post("/api/tasks", &body).await, ada.put(&path, &body).await] {
            assert_eq!(response.expect_invalid_at(&[pointer])["detail"], detail, "{body}");
        }
    }
}

#[tokio::test]
async fn unique_title_is_a_conflict() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database.run("create unique index own_titles on tasks (user_id, title)").await;
    ada.create(json!({"title": "Buy milk"})).await;
    let response = ada.post("/api/tasks", &json!({"title": "Buy milk"})).await;
    assert_eq!((response.status, &response["code"]), (409, &json!("conflict")));
    assert!(response["detail"].as_str().is_some_and(|detail| detail.contains("title")), "{response:?}");
}

#[tokio::test]
async fn absent_fields_get_the_defaults_of_the_columns() {
    let description = "text not null default 'nothing to say'";
    let (_api, _database, ada) = adopted(PLAIN[0], description, "varchar(20) default 'medium'").await;
    for body in [json!({"title": "Buy milk"}), json!({"title": "Buy milk", "description": null, "priority": ""})] {
        let task = ada.create(body.clone()).await;
        assert_eq!((&task["description"], &task["priority"]), (&json!("nothing to say"), &json!("medium")), "{body}");
    }
    let task = ada.create(json!({"title": "Buy milk", "description": "", "priority": "high", "completed": true})).await;
    let expected = (&json!(""), &json!("high"), &json!(true));
    assert_eq!((&task["description"], &task["priority"], &task["completed"]), expected);
    let path = format!("/api/tasks/{}", task["id"]);
    let response = ada.put(&path, &json!({"description": null})).await.expect_invalid_at(&["/description"]);
    assert_eq!(response["detail"], "description must have a value");
    assert_eq!(ada.put(&path, &json!({"priority": null})).await.expect_status(200)["priority"], json!(null));
}

#[tokio::test]
async fn stored_values_can_be_sent_back() {
    let (_api, database, ada) = adopted("varchar(500) not null", PLAIN[1], PLAIN[2]).await;
    database.run("alter table tasks drop constraint if exists ck_tasks_title_length, drop constraint if exists ck_tasks_description_length, drop constraint if exists ck_tasks_priority").await;
    let insert = "insert into tasks (user_id, title, description, priority)
                  values ('ada', repeat('t', 400), repeat('d', 5000), 'urgent'), ('ada', '  ', null, 'low')";
    database.run(insert).await;
    for task in ada.get("/api/tasks").await.tasks() {
        let path = format!("/api/tasks/{}", task["id"]);
        let mut whole = task.clone();
        whole["completed"] = json!(true);
        for method in ["PUT", "PATCH"] {
            let changed = ada.send(ada.request(method, &path).json(&whole)).await.expect_status(200);
            assert_eq!((&changed["title"], &changed["completed"]), (&task["title"], &json!(true)));
            assert_eq!((&changed["description"], &changed["priority"]), (&task["description"], &task["priority"]));
        }
        let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
        let request = ada.request("PUT", &path).json(&whole).header("if-match", &etag);
        assert_eq!(ada.send(request).await.expect_status(200).header("etag"), Some(&*etag));
        whole["title"] = json!("u".repeat(400));
        ada.put(&path, &whole).await.expect_invalid_at(&["/title"]);
        whole["completed"] = json!(7);
        ada.put(&path, &whole).await.expect_status(422);
    }
}

#[tokio::test]
async fn stored_spelling_of_priorities_is_found() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database.run("alter table tasks drop constraint if exists ck_tasks_priority").await;
    let insert = "insert into tasks (user_id, title, priority)
                  values ('ada', '1', 'LOW'), ('ada', '3', 'High'), ('ada', '2', 'medium')";
    database.run(insert).await;
    for priority in ["high", "HIGH", "High"] {
        let list = ada.get(&format!("/api/tasks?priority={priority}")).await.expect_status(200);
        assert_eq!((list.tasks().len(), &list.tasks()[0]["priority"]), (1, &json!("High")), "{priority}");
    }
    let list = ada.get("/api/tasks?sort=priority&order=asc").await.expect_status(200);
    assert_eq!(list.tasks().iter().map(|task| &task["title"]).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[tokio::test]
async fn task_that_others_refer_to_is_kept() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database.run("create table reminders (task_id integer not null references tasks (id))").await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    database.run("insert into reminders select id from tasks").await;
    let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    let conditional = ada.request("DELETE", &path).header("if-match", etag);
    for response in [ada.delete(&path).await, ada.send(conditional).await] {
        response.expect_problem(409, "conflict", "The task is still used by reminders");
    }
    database.run("delete from reminders").await;
    ada.delete(&path).await.expect_status(204);
}

#[tokio::test]
async fn ids_in_use_are_skipped() {
    let (api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database
        .run("insert into tasks (id, user_id, title) select id, 'ada', 'imported' from generate_series(1, 5) as id")
        .await;
    assert_eq!(ada.create(json!({"title": "Buy milk"})).await["id"], 6);
    assert!(api.stack().logs().contains("the sequence of tasks.id is behind"), "{}", api.stack().logs());
    database
        .run("insert into tasks (id, user_id, title) select id, 'ada', 'imported' from generate_series(7, 60) as id")
        .await;
    let response = ada.post("/api/tasks", &json!({"title": "Buy milk"})).await;
    response.expect_problem(500, "misconfigured", "The server is misconfigured");
}

#[tokio::test]
async fn composed_letters_find_decomposed_ones() {
    let (_api, _database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    ada.create(json!({"title": "Cafe\u{301} au lait", "description": "cre\u{300}me"})).await;
    for word in ["caf%C3%A9", "CAFE%CC%81", "cr%C3%A8me"] {
        assert_eq!(ada.get(&format!("/api/tasks?search={word}")).await.tasks().len(), 1, "{word}");
    }
    assert_eq!(ada.get("/api/tasks?search=cafes").await.tasks().len(), 0);
}
