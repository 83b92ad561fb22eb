//! `GET /api/tasks/changes`

use std::collections::BTreeMap;

use dev::services::database::connect;
use dev::testing::client::{Follower, TaskId, TestUser};
use dev::testing::database::{LAYOUTS, TestDatabase};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::kit::{Api, api, api_with, database, path, proxied_database, schema};

/// What the user has, by a list.
async fn tasks_of(user: &TestUser) -> BTreeMap<TaskId, Value> {
    let listed = user.get("/api/tasks?limit=1000").await.expect_status(200);
    listed.tasks().into_iter().map(|task| (TaskId::from_task(task), task.clone())).collect()
}

/// Asserts that the follower gets to know what the user has, in pages of each of these sizes.
#[track_caller]
fn assert_same(follower: &Follower, tasks: &BTreeMap<TaskId, Value>) {
    assert_eq!(&follower.tasks, tasks);
}

/// The changes without the tasks: `put 42`.
fn summary(changes: &[Value]) -> Vec<String> {
    let id = |change: &Value| TaskId::from_task(if change["op"] == "put" { &change["task"] } else { change });
    changes.iter().map(|change| format!("{} {}", change["op"].as_str().expect("a text"), id(change))).collect()
}

/// Inserts a task of the user in a transaction, and returns its id.
async fn insert(sql: &Client, user: &TestUser, id: Option<&TaskId>) -> TaskId {
    let (column, value) = match id {
        Some(TaskId::Number(number)) => ("id, ", format!("{number}, ")),
        Some(TaskId::Text(text)) => ("id, ", format!("'{text}', ")),
        None => ("", String::new()),
    };
    let overriding = if matches!(id, Some(TaskId::Number(_))) { "overriding system value " } else { "" };
    let statement = format!(
        "insert into tasks ({column}user_id, title, completed, created_at, updated_at)
         {overriding}select {value}id, 'By SQL', false, now(), now() from {} where id::text = $1
         returning to_jsonb(tasks.id)::text",
        schema::user_table()
    );
    let row = sql.query_one(&statement, &[&user.id]).await.unwrap_or_else(|error| panic!("{error:?}"));
    TaskId::from_task(&json!({"id": serde_json::from_str::<Value>(row.get(0)).expect("JSON")}))
}

async fn run(sql: &Client, statement: &str, id: &TaskId) {
    let rows =
        sql.execute(statement, &[&id.to_string()]).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    assert_eq!(rows, 1, "{statement}");
}

const UPDATE: &str = "update tasks set title = title || '.' where id::text = $1";
const DELETE: &str = "delete from tasks where id::text = $1";

#[tokio::test]
async fn every_write_is_a_change_with_its_transaction() {
    let ada = api().new_user().await;
    let mut follower = Follower::started(&ada).await;
    assert_eq!(follower.tasks.len(), 0);
    let created = ada.post("/api/tasks", &json!({"title": "Buy milk", "due_date": "2026-12-01"})).await;
    let location = created.header("location").expect("where it is").to_owned();
    let id = TaskId::from_task(&created.json);
    let expect_put = async |follower: &mut Follower, write: dev::testing::client::TestResponse| {
        let txid = write.header("x-transaction-id").expect("a transaction");
        assert_eq!(write.transaction.as_deref(), Some(txid));
        assert_eq!(follower.catch_up(1000).await, [json!({"op": "put", "txid": txid, "task": write.json})]);
        // It comes once.
        assert_eq!(follower.catch_up(1000).await, Vec::<Value>::new());
    };
    expect_put(&mut follower, created.expect_status(201)).await;
    let changed = ada.patch(&location, &json!({"title": "Buy oat milk"})).await.expect_status(200);
    expect_put(&mut follower, changed).await;
    expect_put(&mut follower, ada.patch(&format!("{location}/complete"), &json!({})).await.expect_status(200)).await;
    let deleted = ada.delete(&location).await.expect_status(204);
    let txid = deleted.header("x-transaction-id").expect("a transaction");
    let json_id = created_id(&id);
    assert_eq!(follower.catch_up(1000).await, [json!({"op": "delete", "txid": txid, "id": json_id})]);
    assert_eq!(follower.catch_up(1000).await, Vec::<Value>::new());
    // Whoever starts now never knew the task.
    assert_eq!(Follower::new(&ada).catch_up(1000).await, Vec::<Value>::new());
}

fn created_id(id: &TaskId) -> Value {
    match id {
        TaskId::Number(number) => json!(number),
        TaskId::Text(text) => json!(text),
    }
}

#[tokio::test]
async fn write_that_changes_nothing_is_no_change() {
    let ada = api().new_user().await;
    let created = ada.post("/api/tasks", &json!({"title": "Buy milk"})).await.expect_status(201);
    let location = created.header("location").expect("where it is").to_owned();
    let mut follower = Follower::started(&ada).await;
    let unchanged = ada.patch(&location, &json!({"title": "Buy milk"})).await.expect_status(200);
    assert_eq!(unchanged.transaction, created.transaction);
    let sql = database::connect().await;
    run(
        &sql,
        "update tasks set version = version + 1, changed_in = null where id::text = $1",
        &TaskId::from_task(&created.json),
    )
    .await;
    ada.patch(&location, &json!({"title": ""})).await.expect_status(422);
    let conditional = ada.request("DELETE", &location).header("if-match", "\"99\"");
    ada.send(conditional).await.expect_status(412);
    assert_eq!(follower.catch_up(1000).await, Vec::<Value>::new());
}

#[tokio::test]
async fn first_load_has_all_tasks_in_pages() {
    let ada = api().new_user().await;
    // Rows of the time before the migrations: without triggers, they name no transaction.
    let sql = database::connect().await;
    sql.batch_execute("set session_replication_role = replica").await.expect("a superuser");
    for _ in 0..3 {
        insert(&sql, &ada, None).await;
    }
    sql.batch_execute("reset session_replication_role; begin").await.expect("a transaction");
    for _ in 0..3 {
        insert(&sql, &ada, None).await;
    }
    sql.batch_execute("commit").await.expect("a commit");
    ada.create(json!({"title": "By the API"})).await;
    let tasks = tasks_of(&ada).await;
    for limit in [1, 2, 3, 4, 6, 7, 1000] {
        let mut follower = Follower::new(&ada);
        let changes = follower.catch_up(limit).await;
        assert_same(&follower, &tasks);
        let numbered: Vec<bool> = changes.iter().map(|change| change["txid"].is_string()).collect();
        assert_eq!(numbered, [true, true, true, true, false, false, false], "{limit}");
        assert_eq!(follower.catch_up(limit).await, Vec::<Value>::new());
        let path = path("/api/{user_id}/tasks/changes", &ada.id, "");
        assert_eq!(ada.get(&path).await.expect_status(200)["changes"], json!(changes));
    }
}

/// The numbers of transactions of another server are ahead of those of this one, until it has reached them.
#[tokio::test]
async fn rows_that_were_copied_from_another_server_are_loaded() {
    let ada = api().new_user().await;
    let sql = database::connect().await;
    sql.batch_execute("set session_replication_role = replica").await.expect("a superuser");
    for _ in 0..5 {
        let id = insert(&sql, &ada, None).await;
        run(&sql, "update tasks set changed_in = '999999999999' where id::text = $1", &id).await;
    }
    let tombstone = format!(
        "insert into tasks_api.task_tombstones (user_id, task_id, deleted_in)
         select id, '999999999', '999999999999' from {} where id::text = $1",
        schema::user_table()
    );
    assert_eq!(sql.execute(&tombstone, &[&ada.id]).await.expect("a tombstone"), 1);
    let tasks = tasks_of(&ada).await;
    for limit in [1, 2, 1000] {
        let mut follower = Follower::new(&ada);
        follower.catch_up(limit).await;
        assert_same(&follower, &tasks);
        assert_eq!(follower.catch_up(limit).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn pages_contain_each_change_once() {
    let ada = api().new_user().await;
    let kept: Vec<TaskId> = {
        let mut kept = Vec::new();
        for number in 0..5 {
            kept.push(TaskId::from_task(&ada.create(json!({"title": format!("{number}")})).await));
        }
        kept
    };
    let start = Follower::started(&ada).await;
    let sql = database::connect().await;
    sql.batch_execute("begin").await.expect("a transaction");
    run(&sql, DELETE, &kept[0]).await;
    run(&sql, DELETE, &kept[1]).await;
    run(&sql, UPDATE, &kept[2]).await;
    run(&sql, UPDATE, &kept[3]).await;
    sql.batch_execute("commit").await.expect("a commit");
    run(&sql, DELETE, &kept[4]).await;
    insert(&sql, &ada, None).await;
    let tasks = tasks_of(&ada).await;
    let all = start.clone().catch_up(1000).await;
    assert_eq!(all.len(), 6);
    for limit in 1..=6 {
        let mut follower = start.clone();
        assert_eq!(summary(&follower.catch_up(limit).await), summary(&all), "{limit}");
        assert_same(&follower, &tasks);
    }
}

#[tokio::test]
async fn change_between_two_pages_comes_with_the_next_token() {
    let ada = api().new_user().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(TaskId::from_task(&ada.create(json!({"title": format!("{number}")})).await));
    }
    let sql = database::connect().await;
    let (mut loading, mut following) = (Follower::new(&ada), Follower::started(&ada).await);
    for id in &ids {
        run(&sql, UPDATE, id).await;
    }
    for follower in [&mut loading, &mut following] {
        follower.next_page(2).await.expect_status(200);
    }
    // One of each page.
    run(&sql, UPDATE, &ids[0]).await;
    run(&sql, DELETE, &ids[1]).await;
    run(&sql, UPDATE, &ids[2]).await;
    run(&sql, DELETE, &ids[3]).await;
    let new = insert(&sql, &ada, None).await;
    let tasks = tasks_of(&ada).await;
    for mut follower in [loading, following] {
        assert_eq!(follower.catch_up(2).await, Vec::<Value>::new());
        let mut next = summary(&follower.catch_up(2).await);
        next.sort();
        let mut expected =
            [("delete", 1), ("delete", 3), ("put", 0), ("put", 2)].map(|(op, at)| format!("{op} {}", ids[at])).to_vec();
        expected.push(format!("put {new}"));
        expected.sort();
        assert_eq!(next, expected);
        assert_same(&follower, &tasks);
    }
}

#[tokio::test]
async fn transaction_that_ends_later_is_not_missed() {
    let ada = api().new_user().await;
    let changed = TaskId::from_task(&ada.create(json!({"title": "Changed"})).await);
    let deleted = TaskId::from_task(&ada.create(json!({"title": "Deleted"})).await);
    let kept = TaskId::from_task(&ada.create(json!({"title": "Kept"})).await);
    let mut follower = Follower::started(&ada).await;
    let open = database::connect().await;
    open.batch_execute("begin").await.expect("a transaction");
    run(&open, UPDATE, &changed).await;
    open.batch_execute("savepoint one").await.expect("a savepoint");
    run(&open, DELETE, &kept).await;
    open.batch_execute("rollback to one; savepoint two").await.expect("a savepoint");
    run(&open, DELETE, &deleted).await;
    open.batch_execute("release two; savepoint three").await.expect("a savepoint");
    let inserted = insert(&open, &ada, None).await;
    // Others begin later and end earlier. The client sees them, and its token knows higher numbers.
    for round in 0..3 {
        let other = ada.create_id(json!({"title": format!("Other {round}")})).await;
        assert_eq!(summary(&follower.catch_up(1).await), [format!("put {other}")]);
    }
    let never = database::connect().await;
    never.batch_execute("begin").await.expect("a transaction");
    run(&never, UPDATE, &kept).await;
    insert(&never, &ada, None).await;
    assert_eq!(follower.catch_up(1000).await, Vec::<Value>::new());
    open.batch_execute("commit").await.expect("a commit");
    never.batch_execute("rollback").await.expect("a rollback");
    let changes = summary(&follower.catch_up(1).await);
    assert_eq!(changes.len(), 3, "{changes:?}");
    for expected in [format!("put {changed}"), format!("delete {deleted}"), format!("put {inserted}")] {
        assert!(changes.contains(&expected), "{changes:?}");
    }
    assert_same(&follower, &tasks_of(&ada).await);
}

/// A transaction with a lower number can use an id again that one with a higher number has freed.
#[tokio::test]
async fn id_that_is_used_again_is_not_lost() {
    let ada = api().new_user().await;
    let reused = TaskId::from_task(&ada.create(json!({"title": "First"})).await);
    let in_one = TaskId::from_task(&ada.create(json!({"title": "Both in one transaction"})).await);
    let start = Follower::started(&ada).await;
    let (early, late) = (database::connect().await, database::connect().await);
    early.batch_execute("begin; select pg_current_xact_id()").await.expect("a number");
    late.batch_execute("begin; select pg_current_xact_id()").await.expect("a number");
    run(&late, DELETE, &reused).await;
    late.batch_execute("commit").await.expect("a commit");
    insert(&early, &ada, Some(&reused)).await;
    run(&early, DELETE, &in_one).await;
    insert(&early, &ada, Some(&in_one)).await;
    run(&early, DELETE, &in_one).await;
    insert(&early, &ada, Some(&in_one)).await;
    early.batch_execute("commit").await.expect("a commit");
    let tasks = tasks_of(&ada).await;
    assert_eq!(tasks.len(), 2);
    for limit in [1, 2, 3, 1000] {
        let mut follower = start.clone();
        follower.catch_up(limit).await;
        assert_same(&follower, &tasks);
    }
}

#[tokio::test]
async fn change_of_the_owner_is_a_delete_and_a_put() {
    let (ada, bob) = (api().new_user().await, api().new_user().await);
    let id = TaskId::from_task(&ada.create(json!({"title": "Buy milk"})).await);
    let (mut of_ada, mut of_bob) = (Follower::started(&ada).await, Follower::started(&bob).await);
    let sql = database::connect().await;
    let give = format!(
        "update tasks set user_id = (select id from {} where id::text = $2) where id::text = $1",
        schema::user_table()
    );
    sql.execute(&give, &[&id.to_string(), &bob.id]).await.expect("another owner");
    assert_eq!(summary(&of_ada.catch_up(1).await), [format!("delete {id}")]);
    assert_eq!(summary(&of_bob.catch_up(1).await), [format!("put {id}")]);
    // There and back in one transaction.
    sql.batch_execute("begin").await.expect("a transaction");
    sql.execute(&give, &[&id.to_string(), &ada.id]).await.expect("another owner");
    sql.execute(&give, &[&id.to_string(), &bob.id]).await.expect("another owner");
    sql.batch_execute("commit").await.expect("a commit");
    of_ada.catch_up(1).await;
    of_bob.catch_up(1).await;
    assert_same(&of_ada, &BTreeMap::new());
    assert_same(&of_bob, &tasks_of(&bob).await);
}

#[tokio::test]
async fn deleted_user_has_deleted_all_tasks() {
    let ada = api().new_user().await;
    let first = ada.create_id(json!({"title": "1"})).await;
    let second = ada.create_id(json!({"title": "2"})).await;
    let mut follower = Follower::started(&ada).await;
    database::delete_user(&ada).await;
    let mut deleted = summary(&follower.catch_up(1).await);
    deleted.sort();
    let mut expected = [format!("delete {first}"), format!("delete {second}")];
    expected.sort();
    assert_eq!(deleted, expected);
}

#[tokio::test]
async fn writes_of_another_back_end_are_changes() {
    for layout in &LAYOUTS {
        let database = TestDatabase::adopted(layout).await;
        let api = Api::start(&database.url, &[]).await;
        let ada = api.user(layout.user);
        let mut follower = Follower::new(&ada);
        assert_eq!(follower.catch_up(40).await.len(), 150, "{}", layout.name);
        assert_same(&follower, &tasks_of(&ada).await);
        let sql = connect(&database.url).await.expect("the database");
        for (name, statement) in
            [("old_insert", layout.insert), ("old_update", layout.update), ("old_delete", layout.delete)]
        {
            sql.batch_execute(&format!("prepare {name} as {statement}")).await.expect(statement);
        }
        let run =
            async |statement: &str| sql.batch_execute(statement).await.unwrap_or_else(|error| panic!("{error:?}"));
        let own_id = if layout.makes_ids { ", 'made by it'" } else { "" };
        run(&format!("execute old_insert('{}', 'Written', '2026-11-21 02:51'{own_id})", layout.user)).await;
        let inserted = follower.catch_up(1).await;
        assert_eq!((inserted.len(), &inserted[0]["task"]["title"]), (1, &json!("Written")), "{}", layout.name);
        let id = TaskId::from_task(&inserted[0]["task"]);
        let earlier = follower.tasks.keys().find(|known| **known != id).expect("a task of its own").clone();
        for known in [id, earlier] {
            let literal = if layout.makes_ids { format!("'{known}'") } else { known.to_string() };
            run(&format!("execute old_update({literal}, 'Changed', '2026-11-21 02:52')")).await;
            assert_eq!(follower.catch_up(1).await[0]["task"]["title"], "Changed", "{}", layout.name);
            run(&format!("execute old_delete({literal})")).await;
            assert_eq!(summary(&follower.catch_up(1).await), [format!("delete {known}")], "{}", layout.name);
        }
        run(&format!("update tasks set description = 'All' where user_id::text = '{}'", layout.user)).await;
        follower.catch_up(100).await;
        assert_same(&follower, &tasks_of(&ada).await);
    }
}

#[tokio::test]
async fn unchanged_response_is_not_sent_again() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "Buy milk"})).await;
    let follower = Follower::started(&ada).await;
    let path = follower.path(1000);
    let first = ada.get(&path).await.expect_status(200);
    assert_eq!(first["next"], json!(follower.token));
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = ada.send(ada.request("GET", &path).header("if-none-match", &tag)).await.expect_status(304);
    assert_eq!((again.header("etag"), again.header("cache-control")), (Some(&*tag), Some("private, no-cache")));
    ada.create(json!({"title": "Buy bread"})).await;
    let changed = ada.send(ada.request("GET", &path).header("if-none-match", &tag)).await.expect_status(200);
    assert_eq!(changed["changes"].as_array().expect("an array").len(), 1);
}

/// Lambda's limit for a response is 6 MB.
#[tokio::test]
async fn page_that_would_be_too_large_is_shorter() {
    let ada = api().new_user().await;
    let start = Follower::started(&ada).await;
    // Each of these characters takes seven bytes for Lambda: `\\u0001`.
    let values = "n, repeat(chr(1), 1000) from generate_series(1, 1000) as n";
    database::insert_tasks(&ada, "title, description", values).await;
    for mut follower in [Follower::new(&ada), start] {
        let page = follower.next_page(1000).await.expect_status(200);
        let count = page["changes"].as_array().expect("an array").len();
        assert!((700..1000).contains(&count), "{count}");
        assert_eq!(page["has_more"], true);
        assert_eq!(follower.catch_up(1000).await.len(), 1000 - count);
        assert_eq!(follower.tasks.len(), 1000);
    }
}

#[tokio::test]
async fn tasks_have_both_cases_if_set() {
    let api = api_with(&[("TASK_JSON_CASE", "both")]);
    let ada = api.new_user().await;
    let created = ada.post("/api/tasks", &json!({"title": "Buy milk"})).await.expect_status(201);
    let changes = Follower::new(&ada).catch_up(1000).await;
    assert_eq!(changes[0]["task"], created.json);
    assert_eq!(changes[0]["task"]["userId"], ada.id);
}

#[tokio::test]
async fn page_of_changes_takes_one_round_trip() {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, &[("LAMBDA_CONCURRENCY", "1")]).await;
    let ada = api.new_user().await;
    let mut follower = Follower::started(&ada).await;
    for number in 0..3 {
        ada.create(json!({"title": format!("{number}")})).await;
    }
    for round in 0..4 {
        let before = (proxy.round_trips(), proxy.answered_statements());
        follower.next_page(1).await.expect_status(200);
        let after = (proxy.round_trips(), proxy.answered_statements());
        // The statement of a later page is prepared after its first execution.
        let prepared = usize::from(round == 1);
        assert!(after.1 - before.1 == 1 && after.0 - before.0 <= 1 + prepared, "{round}: {before:?} {after:?}");
    }
}
