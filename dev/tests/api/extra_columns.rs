//! `TASK_EXTRA_FIELDS`: members that are columns of a table that another back end has made.

use dev::testing::client::TestUser;
use dev::testing::database::TestDatabase;
use serde_json::{Value, json};

use crate::kit::Api;

const FIELDS: &str = "starred=is_starred,estimate,labels,meta,kind,code,dueOn=due_on,total,\"isUrgent\"";

/// The table after its adoption, and its user `ada`.
async fn adopted(columns: &str, fields: &str) -> (Api, TestDatabase, TestUser) {
    let database = TestDatabase::with_users_table().await;
    let sql = format!(
        "insert into \"user\" (id, name, email) values ('ada', 'Ada', 'ada@example.com'), ('bob', 'Bob', 'bob@example.com');
        create type kind as enum ('home', 'work');
        create domain short as varchar(5) check (value <> 'never');
        create table tasks (
             id serial primary key,
             user_id text not null references \"user\" (id),
             title varchar(200) not null,
             description text,
             priority text,
             due_date timestamp,
             completed boolean not null default false,
             created_at timestamp not null default (now() at time zone 'utc'),
             updated_at timestamp not null default (now() at time zone 'utc'),
             {columns})"
    );
    database.run(&sql).await;
    let migrated = migrations::up(&database.url, &migrations::Options::default()).await;
    migrated.unwrap_or_else(|error| panic!("{error}"));
    let api = Api::start(&database.url, &[("TASK_EXTRA_FIELDS", fields)]).await;
    let ada = api.user("ada");
    (api, database, ada)
}

const COLUMNS: &str = "is_starred boolean not null default false,
    estimate integer check (estimate >= 0),
    labels text[],
    meta jsonb,
    kind kind,
    code short,
    due_on date,
    \"isUrgent\" boolean,
    price numeric(6, 2) not null default 1.5,
    total numeric(8, 2) generated always as (price * 2) stored,
    n integer,
    problem text";

fn fields() -> String {
    FIELDS.replace('"', "")
}

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"])
}

#[tokio::test]
async fn columns_have_values_of_their_types() {
    let (_api, database, ada) = adopted(COLUMNS, &fields()).await;
    let empty = ada.create(json!({"title": "t"})).await;
    assert_eq!((&empty["starred"], &empty["estimate"], &empty["total"]), (&json!(false), &json!(null), &json!(3.0)));
    for (member, value, stored) in [
        ("starred", json!(true), json!(true)),
        ("starred", json!("no"), json!(false)),
        ("estimate", json!(30), json!(30)),
        ("estimate", json!("45"), json!(45)),
        ("labels", json!(["a", "b, c", "\"{}\"", null]), json!(["a", "b, c", "\"{}\"", null])),
        ("meta", json!({"a": [1, null]}), json!({"a": [1, null]})),
        ("meta", json!("text"), json!("text")),
        ("meta", json!(7), json!(7)),
        ("kind", json!("work"), json!("work")),
        ("code", json!("abcde"), json!("abcde")),
        ("dueOn", json!("2026-12-01"), json!("2026-12-01")),
        ("isUrgent", json!(true), json!(true)),
    ] {
        let created = ada.create(json!({"title": "t", member: value})).await;
        assert_eq!(created[member], stored, "{member} {value}");
        let changed = ada.patch(&path_of(&empty), &json!({member: value})).await.expect_status(200).json;
        assert_eq!((&changed[member], &ada.get(&path_of(&empty)).await[member]), (&stored, &stored), "{member}");
        let version = &changed["version"];
        let again = ada.patch(&path_of(&empty), &json!({member: value})).await.expect_status(200);
        assert_eq!((&again["version"], &again["title"]), (version, &json!("t")), "{member}");
    }
    assert_eq!(database.number("select count(*) from tasks where extra is not null").await, 0);
    assert_eq!(database.number("select count(*) from tasks where is_starred").await, 1);
    for member in ["estimate", "labels", "meta", "kind", "code", "dueOn", "isUrgent"] {
        let changed = ada.patch(&path_of(&empty), &json!({member: null})).await.expect_status(200);
        assert_eq!(changed[member], json!(null), "{member}");
    }
    assert_eq!(database.number("select count(*) from tasks where meta is null and due_on is null").await, 9);
    assert_eq!(ada.get("/api/tasks?isUrgent=true").await.tasks().len(), 1);
    assert_eq!(ada.get("/api/tasks?starred=false").await.tasks().len(), 12);
}

#[tokio::test]
async fn value_that_a_column_cannot_hold_is_named() {
    let (_api, database, ada) = adopted(COLUMNS, &fields()).await;
    let path = ada.create_path(json!({"title": "t"})).await;
    for (member, value, detail) in [
        ("starred", json!("maybe"), "starred must be a value of the type boolean"),
        ("starred", json!(1), "starred must be a value of the type boolean"),
        ("starred", json!([true]), "starred must be a value of the type boolean"),
        ("estimate", json!(1.5), "estimate must be a value of the type integer"),
        ("estimate", json!(99_999_999_999_i64), "estimate must be a value of the type integer"),
        ("estimate", json!("soon"), "estimate must be a value of the type integer"),
        ("estimate", json!(true), "estimate must be a value of the type integer"),
        ("estimate", json!(-1), "estimate must not break the rule tasks_estimate_check of the database"),
        ("labels", json!("a"), "labels must be a value of the type text[]"),
        ("labels", json!("{a}"), "labels must be a value of the type text[]"),
        ("labels", json!({"a": 1}), "labels must be a value of the type text[]"),
        ("kind", json!("other"), "kind must be a value of the type kind"),
        ("code", json!("too long"), "code must be a value of the type short"),
        ("code", json!("never"), "code must be a value of the type short"),
        ("code", json!(7), "code must be a value of the type short"),
        ("code", json!({"a": 1}), "code must be a value of the type short"),
        ("dueOn", json!("2026-02-30"), "dueOn must be a value of the type date"),
        ("total", json!(9), "total must be a value of the type numeric(8,2)"),
    ] {
        let body = json!({"title": "t", member: value});
        let create = ada.request("POST", "/api/tasks").json(&body);
        let update = ada.request("PUT", &path).json(&body);
        for request in [create, update] {
            let keyed = request.clone().header("idempotency-key", format!("{member} {value}").replace(['{', '"'], " "));
            for request in [request, keyed] {
                let response = ada.send(request).await.expect_invalid_at(&[&format!("/{member}")]);
                assert_eq!(response["detail"], detail, "{value}");
            }
        }
    }
    let response = ada.put(&path, &json!({"starred": null})).await.expect_invalid_at(&["/starred"]);
    assert_eq!(response["detail"], "starred must have a value");
    ada.create(json!({"title": "u", "starred": null})).await;
    assert_eq!(database.number("select count(*) from tasks").await, 2);
}

#[tokio::test]
async fn operation_with_such_a_value_is_found() {
    let (_api, _database, ada) = adopted(COLUMNS, &fields()).await;
    let operations = |atomic: bool| {
        json!({"atomic": atomic, "operations": [
            {"op": "create", "title": "1", "labels": ["a"]},
            {"op": "create", "title": "2", "estimate": 1.5},
            {"op": "create", "title": "3", "starred": true},
        ]})
    };
    let refused = ada.post("/api/tasks/bulk", &operations(true)).await.expect_status(422);
    assert_eq!(refused["errors"][0]["pointer"], "/operations/1/estimate");
    assert_eq!(ada.get("/api/tasks").await.tasks().len(), 0);
    let done = ada.post("/api/tasks/bulk", &operations(false)).await.expect_status(200);
    let statuses = done["results"].as_array().expect("results").iter().map(|result| result["status"].clone());
    assert_eq!(statuses.collect::<Value>(), json!([201, 422, 201]));
    assert_eq!(done["results"][1]["problem"]["errors"][0]["pointer"], "/operations/1/estimate");
}

#[tokio::test]
async fn a_column_wins_over_a_member_of_its_name() {
    let (_api, database, ada) = adopted("note text", "color").await;
    let task = ada.create(json!({"title": "t", "color": "red"})).await;
    database.run("alter table tasks add column color text default 'blue'").await;
    assert_eq!(ada.get(&path_of(&task)).await["color"], "blue");
    let changed = ada.put(&path_of(&task), &json!({"color": "green"})).await.expect_status(200);
    assert_eq!(changed["color"], "green");
    assert_eq!(database.number("select count(*) from tasks where color = 'green'").await, 1);
    database.run("alter table tasks drop column color").await;
    assert_eq!(ada.get(&path_of(&task)).await["color"], "red");
}

#[tokio::test]
async fn extra_column_of_another_back_end_is_merged_or_left_alone() {
    for (column, stored, is_used) in [
        ("extra jsonb not null default '{\"a\": 1}'", "{\"a\": 1}", true),
        ("extra jsonb default '[1]'", "[1]", false),
        ("extra text default 'mine'", "mine", false),
        ("extra json default '{\"a\": 1}'", "{\"a\": 1}", false),
    ] {
        let (_api, database, ada) = adopted(&format!("{column}, note text"), "color,note").await;
        let task = ada.create(json!({"title": "t", "note": "n"})).await;
        assert_eq!((&task["note"], &task["color"]), (&json!("n"), &json!(null)), "{column}");
        let changed = ada.put(&path_of(&task), &json!({"color": "red", "note": "m"})).await;
        let expected = if is_used {
            assert_eq!(changed.expect_status(200)["color"], "red", "{column}");
            json!({"a": 1, "color": "red"}).to_string()
        } else {
            let detail = "color cannot be stored, because the table has no column for it";
            assert_eq!(changed.expect_invalid_at(&["/color"])["detail"], detail, "{column}");
            stored.to_owned()
        };
        let count =
            format!("select count(*) from tasks where replace(extra::text, ' ', '') = replace('{expected}', ' ', '')");
        assert_eq!(database.number(&count).await, 1, "{column}");
        let cleared = ada.put(&path_of(&task), &json!({"color": null, "note": null})).await.expect_status(200);
        assert_eq!((&cleared["color"], &cleared["note"]), (&json!(null), &json!(null)));
    }
}

#[tokio::test]
async fn no_column_of_the_contract_is_written() {
    let (_api, database, ada) = adopted("note text", "note").await;
    let task = ada.create(json!({"title": "t"})).await;
    let columns =
        "select count(*) from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0 and not attisdropped";
    assert_eq!(database.number(columns).await, 26);
    database
        .run(
            "do $$ declare name text; begin
                for name in select attname from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0
                    and not attisdropped and attname <> 'note'
                loop
                    begin
                        update tasks set extra_input =
                            jsonb_build_object('set', jsonb_build_object(name, to_jsonb(tasks) -> name));
                        raise exception 'written: %', name using errcode = 'P0002';
                    exception when check_violation then null;
                    end;
                end loop;
            end $$",
        )
        .await;
    assert_eq!(ada.get(&path_of(&task)).await["version"], 1);
}
