//! A table of another back end with rules of its own: lengths, checks, defaults, spellings and references.

use dev::services::database::{USER_TABLE, connect};
use dev::testing::client::{TestResponse, TestUser};
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
    assert_eq!(response["detail"], "The request conflicts with the stored data: another one has this title");
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
    let insert = "insert into tasks (user_id, title, description, priority)
                  values ('ada', repeat('t', 400), repeat('d', 5000), 'urgent'), ('ada', '  ', null, 'low')";
    database.run(insert).await;
    for task in ada.get("/api/tasks").await.tasks() {
        let path = format!("/api/tasks/{}", task["id"]);
        let mut whole = task.clone();
        whole["completed"] = json!(true);
        // As a form that knows no status.
        whole.as_object_mut().and_then(|whole| whole.remove("status"));
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
    database.run("alter table reminders drop constraint reminders_task_id_fkey").await;
    database.run("alter table reminders add foreign key (task_id) references tasks (id) on delete set null").await;
    ada.delete(&path).await.expect_problem(409, "conflict", "The task is still used by reminders");
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

/// A form sends the whole task back, so the priority is not what the user changes.
#[tokio::test]
async fn stored_spelling_of_a_priority_is_kept() {
    let priority = "varchar(20) check (priority in ('LOW', 'HIGH'))";
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], priority).await;
    database.run("insert into tasks (user_id, title, priority) values ('ada', 'Buy milk', 'HIGH')").await;
    let task = ada.get("/api/tasks").await.tasks()[0].clone();
    let path = format!("/api/tasks/{}", task["id"]);
    let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    for request in [ada.request("PUT", &path), ada.request("PUT", &path).header("if-match", &etag)] {
        let unchanged = ada.send(request.json(&task)).await.expect_status(200);
        assert_eq!((&unchanged["priority"], unchanged.header("etag")), (&json!("HIGH"), Some(&*etag)));
    }
    let changed = ada.patch(&path, &json!({"priority": "high", "completed": true})).await.expect_status(200);
    assert_eq!((&changed["priority"], &changed["completed"]), (&json!("HIGH"), &json!(true)));
}

#[tokio::test]
async fn changed_task_is_a_failed_precondition_first() {
    let (_api, database, ada) = adopted("varchar(500) not null", PLAIN[1], PLAIN[2]).await;
    database.run("insert into tasks (user_id, title) values ('ada', repeat('t', 400))").await;
    let outdated = ada.get("/api/tasks").await.tasks()[0].clone();
    let path = format!("/api/tasks/{}", outdated["id"]);
    let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    let current = ada.put(&path, &json!({"title": "Buy milk"})).await.expect_status(200);
    let by_version = ada.request("PUT", &path).json(&outdated).header("if-match", etag);
    let mut by_time = outdated.clone();
    by_time["expected_updated_at"] = outdated["updated_at"].clone();
    for request in [by_version, ada.request("PUT", &path).json(&by_time)] {
        ada.send(request).await.expect_status(412);
    }
    by_time["expected_updated_at"] = json!(format!("{}Z", &current["updated_at"].as_str().expect("a time")[..23]));
    ada.put(&path, &by_time).await.expect_invalid_at(&["/title"]);
}

/// Such rules can have values that are nobody's business, such as the ids of other users.
#[tokio::test]
async fn rules_of_other_columns_are_not_named() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    for rule in [
        "add constraint beta check (user_id = any (array['bob', 'carol']))",
        "add constraint done check (completed or user_id <> 'ada')",
        "add column list_id integer not null",
    ] {
        database.run(&format!("alter table tasks {rule}")).await;
        let response = ada.post("/api/tasks", &json!({"title": "Buy milk"})).await.expect_status(422);
        assert!(!response.json.to_string().contains("bob"), "{response:?}");
        let detail = response["detail"].as_str().expect("a sentence");
        assert!(!detail.contains("_id"), "{detail}");
    }
}

#[tokio::test]
async fn unknown_reference_is_a_broken_rule() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database.run("create table priorities (name varchar(20) primary key)").await;
    database.run("insert into priorities values ('low')").await;
    database.run("alter table tasks add constraint known foreign key (priority) references priorities").await;
    let path = ada.create_path(json!({"title": "Buy milk", "priority": "low"})).await;
    let body = json!({"title": "Buy milk", "priority": "high"});
    for response in [ada.post("/api/tasks", &body).await, ada.put(&path, &body).await] {
        let detail = "priority must not break the rule known of the database";
        assert_eq!(response.expect_invalid_at(&["/priority"])["detail"], detail);
    }
    database.run("delete from tasks; delete from \"user\"").await;
    ada.post("/api/tasks", &json!({"title": "Buy milk"})).await.expect_status(401);
}

#[tokio::test]
async fn id_without_a_primary_key_is_skipped() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database.run("alter table tasks drop constraint tasks_pkey; create unique index own_ids on tasks (id)").await;
    database.run("insert into tasks (id, user_id, title) select id, 'ada', 'x' from generate_series(1, 5) as id").await;
    assert_eq!(ada.create(json!({"title": "Buy milk"})).await["id"], 6);
}

#[tokio::test]
async fn shorter_times_keep_their_kind() {
    for (column, floating, instant) in [
        ("timestamp(3)", "2026-12-05T17:30:00.123", "2026-12-05T17:30:00.123000Z"),
        ("timestamptz(0)", "2026-12-05T17:30:00", "2026-12-05T17:30:00.000000Z"),
    ] {
        let (_api, _database, ada) = adopted_table(&format!(
            "create table tasks (
                 id serial primary key,
                 user_id text not null references \"user\" (id),
                 title text not null,
                 due_date {column})"
        ))
        .await;
        for (sent, kept) in [("2026-12-05T17:30:00.123456", floating), ("2026-12-05T17:30:00.123456Z", instant)] {
            let path = ada.create_path(json!({"title": "Buy milk", "due_date": sent})).await;
            assert_eq!(ada.get(&path).await["due_date"], kept, "{column}");
            ada.put(&path, &json!({"due_date": null})).await.expect_status(200);
            assert_eq!(ada.put(&path, &json!({"due_date": sent})).await["due_date"], kept, "{column}");
        }
        let titles = ada.get("/api/tasks?due_before=2026-12-05T17:31:00Z&tz=Europe/Berlin").await.tasks().len();
        assert_eq!(titles, 2, "{column}");
    }
}

#[tokio::test]
async fn infinite_due_dates_can_be_listed() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    let insert = "insert into tasks (user_id, title, due_date) values ('ada', 'never', 'infinity'), ('ada', 'always', '-infinity')";
    database.run(insert).await;
    for (query, title) in [
        ("overdue=true", "always"),
        ("overdue=false", "never"),
        ("overdue=true&tz=Asia/Tokyo", "always"),
        ("due_before=2026-12-05T12:00:00Z&tz=Asia/Tokyo", "always"),
        ("due_after=2026-12-05&tz=Asia/Tokyo", "never"),
    ] {
        let list = ada.get(&format!("/api/tasks?{query}")).await.expect_status(200);
        assert_eq!((list.tasks().len(), &list.tasks()[0]["title"]), (1, &json!(title)), "{query}");
    }
}

#[tokio::test]
async fn task_is_pending_where_the_flag_has_no_default() {
    let (_api, database, ada) = adopted_table(
        "create table tasks (
             id serial primary key,
             user_id text not null references \"user\" (id),
             title text not null,
             completed boolean not null)",
    )
    .await;
    assert_eq!(ada.create(json!({"title": "Buy milk"})).await["completed"], false);
    assert_eq!(database.number("select count(*) from tasks where completed = false").await, 1);
}

#[tokio::test]
async fn letters_that_the_encoding_lacks_are_the_clients_failure() {
    let server = TestDatabase::empty().await;
    let name = format!("{}_latin1", server.name());
    server.run(&format!("create database {name} encoding 'LATIN1' locale 'C' template template0")).await;
    let url = server.url.replace(server.name(), &name);
    let sql = connect(&url).await.expect("the database");
    let user = r#"insert into "user" (id, name, email) values ('ada', 'Ada', 'ada@example.com')"#;
    sql.batch_execute(&format!("{USER_TABLE}; {user}")).await.expect("a user");
    migrations::up(&url, &migrations::Options::default()).await.expect("a new database");
    let api = Api::start(&url, &[]).await;
    let ada = api.user("ada");
    let path = ada.create_path(json!({"title": "Café"})).await;
    assert_eq!(ada.get("/api/tasks?search=caf%C3%A9").await.tasks().len(), 1);
    let body = json!({"title": "牛乳"});
    for response in [ada.post("/api/tasks", &body).await, ada.put(&path, &body).await] {
        assert_eq!(response.expect_invalid_at(&[""])["detail"], "The task breaks a rule of the database");
    }
    ada.get("/api/tasks?search=%E7%89%9B").await.expect_invalid_at(&["/search"]);
}

#[tokio::test]
async fn refused_operation_is_named() {
    let title = "varchar(100) not null constraint title_length check (length(title) >= 3)";
    let description = "text constraint no_shouting check (description <> upper(description))";
    let priority = "varchar(20) constraint known check (priority in ('low', 'high'))";
    let (_api, _database, ada) = adopted(title, description, priority).await;
    let id = ada.create(json!({"title": "Buy salt"})).await["id"].clone();
    let long = "x".repeat(101);
    for (fields, pointer, detail) in [
        (json!({"title": long}), "/operations/2/title", "title must have at most 100 characters"),
        (json!({"title": "x"}), "/operations/2/title", "title must have at least 3 characters"),
        (json!({"title": "Buy tea", "priority": "medium"}), "/operations/2/priority", "priority must be low or high"),
        // The rule does not tell which description broke it.
        (json!({"title": "Buy tea", "description": "NOW"}), "", "The task breaks a rule of the database"),
    ] {
        for mut operation in [json!({"op": "create"}), json!({"op": "update", "id": id})] {
            operation.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let other = json!({"op": "create", "title": "Buy milk", "description": "Oat", "priority": "low"});
            let body = json!({"operations": [other, other, operation, other]});
            let response = ada.post("/api/tasks/bulk", &body).await.expect_status(422);
            let errors = response["errors"].as_array().expect("errors");
            assert_eq!(errors.len(), 1, "{response:?}");
            assert_eq!((&errors[0]["pointer"], &errors[0]["detail"]), (&json!(pointer), &json!(detail)));
        }
    }
    assert_eq!(ada.get("/api/tasks").await.expect_status(200).tasks().len(), 1);
}

/// The sequence of the ids is so far behind that no attempt finds a free one.
#[tokio::test]
async fn operation_without_a_free_id_fails_alone() {
    let (_api, database, ada) = adopted(PLAIN[0], PLAIN[1], PLAIN[2]).await;
    database
        .run("insert into tasks (id, user_id, title) select n, 'ada', n::text from generate_series(1, 200) as n")
        .await;
    let operations = json!([{"op": "complete", "id": 1, "completed": true}, {"op": "create", "title": "Buy milk"}]);
    let response = ada.post("/api/tasks/bulk", &json!({"atomic": false, "operations": operations})).await;
    let results = response.expect_status(200)["results"].clone();
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!(200), &json!(500)));
    assert_eq!(ada.get("/api/tasks/1").await.expect_status(200)["completed"], true);
    let atomic = ada.post("/api/tasks/bulk", &json!({"operations": operations})).await;
    assert_eq!(atomic.expect_status(500)["code"], "misconfigured");
}

/// What was done beside a refused operation is not done again when the request is repeated, though the rule is gone.
#[tokio::test]
async fn repeated_bulk_does_only_what_was_refused() {
    let title = "text not null constraint no_shouting check (title <> upper(title))";
    let (_api, database, ada) = adopted(title, PLAIN[1], PLAIN[2]).await;
    let id = ada.create(json!({"title": "Buy salt"})).await["id"].clone();
    let body = json!({"atomic": false, "operations": [
        {"op": "create", "title": "Buy milk"},
        {"op": "complete", "id": id},
        {"op": "create", "title": "BUY BREAD"},
        {"op": "create", "title": "Buy tea"},
        {"op": "complete", "id": "no such id"},
        {"op": "complete", "id": id},
    ]});
    let send = async || {
        ada.send(ada.request("POST", "/api/tasks/bulk").header("idempotency-key", "shopping").json(&body)).await
    };
    let statuses = |response: &TestResponse| -> Vec<i64> {
        let results = response["results"].as_array().expect("results");
        results.iter().map(|result| result["status"].as_i64().expect("a status")).collect()
    };
    let first = send().await.expect_status(200);
    assert_eq!(statuses(&first), [201, 200, 422, 201, 404, 200]);
    let again = send().await.expect_status(200);
    assert_eq!(again["results"], first["results"]);
    database.run("alter table tasks drop constraint no_shouting").await;
    let after = send().await.expect_status(200);
    assert_eq!(statuses(&after), [201, 200, 201, 201, 404, 200]);
    for index in [0, 1, 3, 5] {
        assert_eq!(after["results"][index], first["results"][index], "{index}");
    }
    let list = ada.get("/api/tasks?sort=created&order=asc").await.expect_status(200);
    let titles: Vec<_> = list.tasks().iter().map(|task| task["title"].clone()).collect();
    assert_eq!(titles, ["Buy salt", "Buy milk", "Buy tea", "BUY BREAD"]);
    let replay = send().await.expect_status(200);
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    assert_eq!(replay["results"], after["results"]);
}

/// Columns that another back end has made for its own features, of types that the API cannot use.
const UNFIT: [&str; 2] = [
    "tags json, category integer, completed_at text, recurrence boolean, time_zone integer, next_occurrence date,
     due_is_date text, recurrence_of boolean, recurrence_start date",
    "tags text, category kind, completed_at date, recurrence kind, time_zone kind, next_occurrence text,
     due_is_date integer, recurrence_of text[], recurrence_start text",
];

fn table_with(columns: &str) -> String {
    format!(
        "create type kind as enum ('work', 'home');
         create table tasks (
             id serial primary key,
             user_id text not null references \"user\" (id),
             title varchar(200) not null,
             description text,
             completed boolean not null default false,
             priority varchar(20),
             due_date timestamp,
             created_at timestamp not null default (now() at time zone 'utc'),
             updated_at timestamp not null default (now() at time zone 'utc'),
             {columns})"
    )
}

#[tokio::test]
async fn columns_of_other_types_are_left_alone() {
    for columns in UNFIT {
        let (_api, database, ada) = adopted_table(&table_with(columns)).await;
        let names: Vec<&str> =
            columns.split(',').map(|column| column.split_whitespace().next().expect("a name")).collect();
        database.run("insert into tasks (user_id, title) values ('ada', 'Earlier')").await;
        let body = json!({
            "title": "Buy milk", "tags": ["Home"], "category": "Errands", "recurrence": "daily",
            "time_zone": "Europe/Berlin", "due_date": "2026-12-05"
        });
        let mut tasks = vec![ada.create(body.clone()).await];
        let path = format!("/api/tasks/{}", tasks[0]["id"]);
        tasks.push(ada.put(&path, &body).await.expect_status(200).json);
        tasks.push(ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(200).json);
        let keyed = ada.request("PUT", &path).json(&body).header("idempotency-key", "k");
        tasks.push(ada.send(keyed).await.expect_status(200).json);
        let mut operation = body.clone();
        operation["op"] = json!("create");
        let bulk = ada.post("/api/tasks/bulk", &json!({"operations": [operation]})).await.expect_status(200);
        tasks.push(bulk["results"][0]["task"].clone());
        tasks.extend(ada.get("/api/tasks").await.tasks().into_iter().cloned());
        for task in &tasks {
            let fields = ["tags", "category", "completed_at", "recurrence_rule", "next_occurrence", "time_zone"];
            let values = fields.map(|name| &task[name]);
            let none = json!(null);
            assert_eq!(values, [&json!([]), &none, &none, &none, &none, &none], "{columns}");
        }
        let written = names.iter().map(|name| format!("{name} is not null")).collect::<Vec<_>>().join(" or ");
        assert_eq!(database.number(&format!("select count(*) from tasks where {written}")).await, 0, "{columns}");
    }
}

#[tokio::test]
async fn columns_of_fitting_types_are_used() {
    for columns in [
        "tags varchar(50)[] not null default '{}', category varchar(30), completed_at timestamp",
        "tags text[], category text, completed_at timestamptz, time_zone varchar(40)",
    ] {
        let (_api, database, ada) = adopted_table(&table_with(columns)).await;
        database
            .run("insert into tasks (user_id, title, tags, category) values ('ada', 'Earlier', '{a,null,b}', 'c')")
            .await;
        let earlier = ada.get("/api/tasks").await.json[0].clone();
        assert_eq!((&earlier["tags"], &earlier["category"]), (&json!(["a", "b"]), &json!("c")), "{columns}");
        let path = format!("/api/tasks/{}", earlier["id"]);
        let completed =
            ada.send(ada.request("PATCH", &format!("{path}/complete")).header("idempotency-key", "k")).await;
        assert_eq!(completed.expect_status(200)["tags"], json!(["a", "b"]), "{columns}");
        let tags = ada.get("/api/tags").await.expect_status(200);
        let names: Vec<_> = tags.json.as_array().expect("tags").iter().map(|tag| tag["name"].clone()).collect();
        assert_eq!(names, ["a", "b"], "{columns}");
        let body = json!({"tags": ["x"], "category": "y", "time_zone": "Asia/Tokyo"});
        let changed = ada.put(&path, &body).await.expect_status(200);
        assert_eq!((&changed["tags"], &changed["category"]), (&json!(["x"]), &json!("y")), "{columns}");
        assert_eq!(changed["time_zone"], "Asia/Tokyo", "{columns}");
        let cleared = ada.put(&path, &json!({"tags": null, "category": null})).await.expect_status(200);
        assert_eq!((&cleared["tags"], &cleared["category"]), (&json!([]), &json!(null)), "{columns}");
        ada.create(json!({"title": "Buy milk"})).await;
        let long = json!({"category": "x".repeat(31)});
        if columns.contains("varchar(30)") {
            let detail = "category must have at most 30 characters";
            assert_eq!(ada.put(&path, &long).await.expect_invalid_at(&["/category"])["detail"], detail);
        }
    }
}
