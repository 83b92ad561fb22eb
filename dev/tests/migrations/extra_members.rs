//! The members of `TASK_EXTRA_FIELDS`: where they are, and the trigger that writes them.

use crate::kit::{Database, USER_TABLE};

/// The tables of a back end with further columns, and one task.
fn tables(columns: &str) -> String {
    format!(
        "{USER_TABLE};
        create type kind as enum ('home', 'work');
        create table tasks (id serial primary key, user_id text not null references \"user\" on delete cascade,
            title text not null, completed boolean not null default false, {columns});
        insert into \"user\" values ('ann');
        insert into tasks (user_id, title) values ('ann', 'Water')"
    )
}

async fn adopted(columns: &str) -> Database {
    let database = Database::with_sql(&tables(columns)).await;
    database.up().await.unwrap_or_else(|error| unreachable!("{columns}: {error}"));
    database
}

/// Notes about the setting.
fn of_setting(notes: &[String]) -> Vec<&str> {
    notes.iter().filter_map(|note| note.strip_prefix("TASK_EXTRA_FIELDS: ")).collect()
}

const SETTING: &str = "starred=is_starred,isOn,total,color";

#[tokio::test]
async fn verify_says_where_each_member_is() {
    let database = adopted(
        "is_starred boolean not null default false, \"isOn\" varchar(9), total text generated always as (title) stored",
    )
    .await;
    let (notes, differences) = database.verify_extra_fields(SETTING).await;
    assert_eq!(
        of_setting(&notes),
        [
            "starred is the column tasks.is_starred of type boolean",
            "isOn is the column tasks.\"isOn\" of type character varying(9)",
            "total is the column tasks.total, which is generated, so no request can set it",
            "color has no column, and is kept in the column tasks.extra",
        ]
    );
    assert_eq!(differences, [""; 0]);
    assert_eq!(of_setting(&database.verify().await.notes), [""; 0]);
    let (notes, _) = database.verify_extra_fields("color,title").await;
    assert!(
        notes.contains(&"TASK_EXTRA_FIELDS must not have title, which every task has already".to_owned()),
        "{notes:?}"
    );
}

#[tokio::test]
async fn plan_says_where_each_member_is() {
    for sql in [USER_TABLE.to_owned(), tables("is_starred boolean")] {
        let database = Database::with_sql(&sql).await;
        let options = migrations::Options { task_extra_fields: Some("color".to_owned()), ..Default::default() };
        let plan = migrations::plan(&database.url, &options).await.expect("a plan");
        assert_eq!(of_setting(&plan.notes), ["color has no column, and is kept in the column tasks.extra"]);
        assert!(plan.to_string().contains("add column extra"), "{plan}");
    }
}

#[tokio::test]
async fn extra_column_of_another_type_is_reported() {
    for kind in ["text", "json", "text[]"] {
        let database = adopted(&format!("extra {kind}, is_starred boolean")).await;
        let unfit = format!("the column tasks.extra is of type {kind}, which the functions cannot use");
        assert!(database.verify().await.notes.iter().any(|note| note.starts_with(&unfit)), "{kind}");
        assert_eq!(database.differences().await, [""; 0], "{kind}");
        let (notes, differences) = database.verify_extra_fields("is_starred,color").await;
        assert_eq!(
            of_setting(&notes),
            [
                "is_starred is the column tasks.is_starred of type boolean".to_owned(),
                format!("color has no column, and tasks.extra is of type {kind}: it cannot be stored"),
            ]
        );
        assert_eq!(
            differences,
            [format!("color of TASK_EXTRA_FIELDS has no column, and the column extra is of type {kind}")]
        );
    }
}

#[tokio::test]
async fn an_upgrade_keeps_an_extra_column_and_so_does_its_revert() {
    for column in ["extra text default 'mine'", "extra jsonb not null default '{\"a\": 1}'"] {
        let database = Database::with_a_task().await;
        database.down_to("recurring tasks").await;
        database.run(&format!("alter table tasks add column {column}")).await;
        let before = database.catalog().await;
        let stored = database.row("select extra from tasks").await;
        database.up().await.expect("the rest");
        assert_eq!(database.differences().await, [""; 0], "{column}");
        database.down_to("recurring tasks").await;
        assert_eq!(database.catalog().await, before, "{column}");
        assert_eq!(database.row("select extra from tasks").await, stored);
    }
}

#[tokio::test]
async fn down_refuses_to_lose_members() {
    let database = Database::with_a_task().await;
    database.run("update tasks set extra_input = '{\"set\": {\"color\": \"red\"}}'").await;
    database.down_to("extra members").await;
    let sentence = database.down().await.expect_err("a color would be lost").to_string();
    assert!(sentence.contains("the members of TASK_EXTRA_FIELDS would lose what 1 tasks hold"), "{sentence}");
    migrations::down_discarding_data(&database.url).await.expect("the data may be lost");
    assert_eq!(database.row("select title from tasks").await, "Buy milk");
}

#[tokio::test]
async fn columns_added_later_keep_their_values() {
    let database = Database::with_a_task().await;
    // A row that was stored before has no value of these, and they are not null all the same.
    database
        .run("alter table tasks add column points integer not null default 7, add column note text default 'n'")
        .await;
    database.run("update tasks set extra_input = '{\"set\": {\"note\": \"m\", \"color\": \"red\"}}'").await;
    assert_eq!(
        database.row("select points, note, extra, extra_input, version from tasks").await,
        "7 | m | {\"color\": \"red\"} | null | 2"
    );
    database.run("update tasks set extra_input = '{\"set\": {\"note\": \"m\", \"color\": \"red\"}}'").await;
    database.run("update tasks set extra_input = '{\"set\": {}}'").await;
    assert_eq!(database.row("select version from tasks").await, "2");
    database.run("update tasks set extra_input = '{\"set\": {\"color\": null}}'").await;
    assert_eq!(database.row("select extra, version from tasks").await, "{} | 3");
}

#[tokio::test]
async fn other_spelling_counts_if_the_first_is_stored() {
    let database = Database::with_a_task().await;
    database.run("alter table tasks add column note text default 'n'").await;
    let change = |first: &str, other: &str| {
        format!(
            "update tasks set extra_input = jsonb_build_object('set', jsonb_build_object('note', {first}, 'color', {first}),
                 'other', jsonb_build_object('note', {other}, 'color', {other}))"
        )
    };
    for (first, other, note, color) in [
        ("'n'::text", "'m'::text", "m", "\"n\""),
        ("'m'::text", "'o'::text", "o", "\"m\""),
        ("'p'::text", "'m'::text", "p", "\"p\""),
        ("'p'::text", "null::text", "null", "null"),
        ("null::text", "'q'::text", "q", "\"q\""),
    ] {
        database.run(&change(first, other)).await;
        assert_eq!(
            database.row("select note, extra -> 'color' from tasks").await,
            format!("{note} | {color}"),
            "{first}"
        );
    }
}

#[tokio::test]
async fn writers_of_tasks_need_no_further_privilege() {
    let database = Database::with_a_task().await;
    database
        .run(
            "create role old_back_end; grant select, insert, update on tasks to old_back_end;
            grant usage on sequence tasks_id_seq to old_back_end;
            update tasks set extra_input = '{\"set\": {\"color\": \"red\"}}';
            set role old_back_end;
            update tasks set title = 'New', extra = extra || '{\"a\": 1}';
            insert into tasks (user_id, title) values ('ann', 'Other');
            reset role; drop owned by old_back_end; drop role old_back_end",
        )
        .await;
    assert_eq!(database.row("select extra from tasks where title = 'New'").await, "{\"a\": 1, \"color\": \"red\"}");
}

#[tokio::test]
async fn the_trigger_for_members_ignores_the_search_path() {
    let database = Database::with_a_task().await;
    database
        .run(
            "create schema trap;
            create function trap.to_jsonb(anyelement) returns jsonb language sql as $$ select '{}'::jsonb $$;
            create function trap.get(jsonb, text) returns jsonb language sql as $$ select '\"trap\"'::jsonb $$;
            create operator trap.-> (leftarg = jsonb, rightarg = text, function = trap.get);
            create function trap.has(jsonb, text) returns boolean language sql as 'select true';
            create operator trap.? (leftarg = jsonb, rightarg = text, function = trap.has);
            create function trap.same(text, text) returns boolean language sql as 'select true';
            create operator trap.= (leftarg = text, rightarg = text, function = trap.same);
            create function trap.equal(jsonb, jsonb) returns boolean language sql as 'select true';
            create operator trap.= (leftarg = jsonb, rightarg = jsonb, function = trap.equal);
            create operator trap.<> (leftarg = jsonb, rightarg = jsonb, function = trap.equal);
            alter table tasks add column note text;
            set search_path = trap, public, pg_catalog;
            update tasks set extra_input = '{\"set\": {\"note\": \"m\", \"color\": \"red\"}}'",
        )
        .await;
    database.run("reset search_path").await;
    assert_eq!(database.row("select note, extra, version from tasks").await, "m | {\"color\": \"red\"} | 2");
}
