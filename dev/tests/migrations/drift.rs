//! What `verify` finds in a database that was changed after it was migrated.

use crate::kit::{Database, USER_TABLE, sql_of_choice};

/// What is done to the database, and the difference that is found.
const DRIFTS: [(&str, &str); 61] = [
    ("drop index idx_tasks_user_id", "the index idx_tasks_user_id is missing"),
    (
        "alter table tasks alter column changed_in type text",
        "the column changed_in is of type text, and must be xid8",
    ),
    ("drop trigger zz_tasks_note_insert on tasks", "the trigger that notes new tasks is missing"),
    ("drop trigger zz_tasks_note_delete on tasks", "the trigger that notes deleted tasks is missing"),
    ("drop trigger zz_tasks_note_truncate on tasks", "the trigger that notes that the table was truncated is missing"),
    ("alter table tasks disable trigger zz_tasks_note_delete", "the trigger zz_tasks_note_delete is disabled"),
    ("alter trigger zz_tasks_note_insert on tasks rename to a", "the trigger a may fire before others"),
    (
        "drop trigger zz_tasks_note_insert on tasks;
        create trigger zz_tasks_note_insert before insert on tasks for each statement
            execute function tasks_api.tasks_note_insert()",
        "the trigger zz_tasks_note_insert does not fire before each inserted row",
    ),
    (
        "drop trigger zz_tasks_note_delete on tasks;
        create trigger zz_tasks_note_delete after delete on tasks referencing old table as gone
            for each statement execute function tasks_api.tasks_note_delete()",
        "the trigger zz_tasks_note_delete does not fire after each delete, with the deleted rows",
    ),
    (
        "alter function tasks_api.tasks_note_delete() security invoker",
        "the function tasks_api.tasks_note_delete is another one",
    ),
    (
        "grant execute on function tasks_api.tasks_note_truncate() to public",
        "the function tasks_api.tasks_note_truncate is another one",
    ),
    (
        "create or replace function tasks_api.tasks_note_insert() returns trigger language plpgsql
        as 'begin return new; end'",
        "the function tasks_api.tasks_note_insert is another one",
    ),
    ("drop table tasks_api.task_tombstones", "the table tasks_api.task_tombstones is missing"),
    ("drop index tasks_api.task_tombstones_user_id", "the index of tasks_api.task_tombstones is missing"),
    (
        "alter table tasks_api.task_tombstones alter user_id type varchar(9)",
        "tasks_api.task_tombstones.user_id is of type character varying(9), and tasks.user_id of type text",
    ),
    ("drop table tasks_api.sync_epoch", "the table tasks_api.sync_epoch is missing"),
    ("delete from tasks_api.sync_epoch", "the table tasks_api.sync_epoch has no row"),
    ("drop table tasks_api.idempotency_keys", "the table tasks_api.idempotency_keys is missing"),
    (
        "alter table tasks_api.idempotency_keys alter user_id type varchar(9)",
        "tasks_api.idempotency_keys.user_id is of type character varying(9), and tasks.user_id of type text",
    ),
    (
        "alter table tasks_api.idempotency_keys drop constraint idempotency_keys_pkey",
        "the primary key of tasks_api.idempotency_keys is missing",
    ),
    (
        "alter table tasks_api.idempotency_keys drop constraint idempotency_keys_user_id_fkey",
        "tasks_api.idempotency_keys has no foreign key, so what a user did stays when the user is deleted",
    ),
    ("drop table tasks_api.task_tags", "the table tasks_api.task_tags is missing"),
    ("drop index tasks_api.task_tags_user_id_name", "the index of tasks_api.task_tags is missing"),
    (
        "alter table tasks_api.task_tags drop constraint task_tags_user_id_fkey",
        "tasks_api.task_tags has no foreign key, so tags stay when their user is deleted",
    ),
    (
        "drop table tasks_api.reset_codes, tasks_api.revoked_tokens",
        "objects of sign-in in tasks_api are missing, or are other ones: revoked_tokens, reset_codes",
    ),
    (
        "create or replace function tasks_api.live_user(token text) returns text language sql as 'select $1'",
        "objects of sign-in in tasks_api are missing, or are other ones: live_user",
    ),
    (
        "drop function tasks_api.live_user(text)",
        "objects of sign-in in tasks_api are missing, or are other ones: live_user",
    ),
    ("alter table tasks drop column tags", "the column tags is missing"),
    ("alter table tasks drop column recurrence_of", "the column recurrence_of is missing"),
    ("alter table tasks drop column extra", "the column extra is missing"),
    ("drop trigger zx_tasks_set_extra on tasks", "the trigger that writes members of the front end is missing"),
    ("drop function tasks_api.as_extra(jsonb)", "functions in tasks_api are missing, or are other ones: as_extra"),
    ("alter table tasks disable trigger zx_tasks_set_extra", "the trigger zx_tasks_set_extra is disabled"),
    (
        "drop function tasks_api.as_label(text), tasks_api.next_in_series(text, timestamp, timestamp)",
        "functions in tasks_api are missing, or are other ones: as_label, next_in_series",
    ),
    (
        "create or replace function tasks_api.rule_after(rule text) returns text language sql as 'select null'",
        "functions in tasks_api are missing, or are other ones: rule_after",
    ),
    ("drop trigger zy_tasks_make_successor on tasks", "the trigger that makes the successor of a recurring task is missing"),
    (
        "drop trigger zy_tasks_note_completed_insert on tasks",
        "the trigger that notes the completion of new tasks is missing",
    ),
    ("alter table tasks disable trigger zy_tasks_note_completion", "the trigger zy_tasks_note_completion is disabled"),
    (
        "alter trigger zy_tasks_note_completion on tasks rename to a",
        "the trigger a may fire before others",
    ),
    (
        "drop trigger zy_tasks_note_completion on tasks;
        create trigger zy_tasks_note_completion before update on tasks for each row
            when (new.recurrence is not null) execute function tasks_api.tasks_note_completion()",
        "the trigger zy_tasks_note_completion does not have the condition of this release",
    ),
    ("drop index idx_tasks_created_at", "the index idx_tasks_created_at is missing"),
    ("drop index idx_tasks_due_date", "the index idx_tasks_due_date is missing"),
    (
        "update pg_index set indisvalid = false where indexrelid = 'idx_tasks_completed'::regclass",
        "the index idx_tasks_completed is invalid: its making was interrupted",
    ),
    (
        "drop index idx_tasks_created_at; create index idx_tasks_created_at on tasks (user_id, created_at)",
        "the index idx_tasks_user_newest is missing",
    ),
    (
        "drop index idx_tasks_user_idempotency_key;
        create index idx_tasks_user_idempotency_key on tasks (user_id, idempotency_key)",
        "the index idx_tasks_idempotency_key is missing",
    ),
    ("drop trigger zz_tasks_note_change on tasks", "the trigger that keeps updated_at and version is missing"),
    ("alter trigger zz_tasks_note_change on tasks rename to a", "the trigger a may fire before others"),
    ("alter table tasks disable trigger zz_tasks_note_change", "the trigger zz_tasks_note_change is disabled"),
    (
        "drop trigger zz_tasks_note_change on tasks;
        create trigger zz_tasks_note_change after update on tasks for each row execute function tasks_api.tasks_note_change()",
        "the trigger zz_tasks_note_change does not fire before each updated row",
    ),
    (
        "drop trigger zz_tasks_note_change on tasks;
        create trigger zz_tasks_note_change before update on tasks for each row
            when (old is distinct from new) execute function tasks_api.tasks_note_change()",
        "the trigger zz_tasks_note_change has a condition, which fails for columns of some types",
    ),
    (
        "drop trigger zz_tasks_note_change on tasks;
        create function tasks_note_change() returns trigger language plpgsql as 'begin return new; end';
        create trigger zz_tasks_note_change before update on tasks for each row execute function tasks_note_change()",
        "the trigger that keeps updated_at and version is the one of an earlier release",
    ),
    ("alter function tasks_api.tasks_note_change() set timezone = 'UTC'", "the function tasks_api.tasks_note_change is another one"),
    (
        "create or replace function tasks_api.tasks_note_change() returns trigger language plpgsql
        set search_path = '' set timezone = 'UTC' as 'begin return new; end'",
        "the function tasks_api.tasks_note_change is another one",
    ),
    (
        "alter table tasks alter column due_date type date",
        "the column due_date is of type date, and must be timestamptz or timestamp",
    ),
    ("alter table tasks drop column last_request", "the column last_request is missing"),
    ("alter table tasks alter column created_at drop default", "the column created_at has no default"),
    (
        "alter table tasks alter column priority set not null",
        "the column priority takes no null and has no default, and tasks can be made without it",
    ),
    ("alter table tasks drop constraint ck_tasks_title_length", "the check ck_tasks_title_length is missing"),
    ("alter table tasks drop constraint fk_tasks_user_id", "user_id has no foreign key"),
    (
        "alter table tasks drop constraint fk_tasks_user_id,
        add constraint fk_tasks_user_id foreign key (user_id) references \"user\" (id) on delete cascade not valid",
        "the foreign key fk_tasks_user_id is not validated",
    ),
    (
        "alter table tasks drop constraint fk_tasks_user_id,
        add constraint other foreign key (user_id) references \"user\" (id)",
        "the foreign key other does not cascade: a user who has tasks cannot be deleted",
    ),
];

#[tokio::test]
async fn each_drift_is_reported_and_fixed() {
    for (drift, description) in DRIFTS {
        let database = Database::with_sql(USER_TABLE).await;
        database.up().await.expect("a fresh database");
        database.run(drift).await;
        let found = database.verify().await.differences;
        assert_eq!(found.iter().map(|difference| difference.description()).collect::<Vec<_>>(), [description]);

        database.apply_fix(&found[0]).await;
        assert_eq!(database.differences().await, [""; 0], "{}", found[0].fix());
    }
}

#[tokio::test]
async fn repairs_of_what_records_changes_renew_the_epoch() {
    for (drift, is_renewed) in [
        ("alter table tasks drop column changed_in", true),
        ("drop trigger zz_tasks_note_insert on tasks", true),
        ("alter table tasks disable trigger zz_tasks_note_delete", true),
        ("alter function tasks_api.tasks_note_change() security invoker", true),
        ("alter trigger zz_tasks_note_insert on tasks rename to a", false),
        ("alter table tasks drop column last_request", false),
    ] {
        let database = Database::with_sql(USER_TABLE).await;
        database.up().await.expect("a fresh database");
        let epoch = "select epoch from tasks_api.sync_epoch";
        let before = database.row(epoch).await;
        database.run(drift).await;
        for difference in &database.verify().await.differences {
            database.apply_fix(difference).await;
        }
        assert_eq!(database.differences().await, [""; 0], "{drift}");
        assert_eq!(database.row(epoch).await != before, is_renewed, "{drift}");
    }
}

#[tokio::test]
async fn a_dropped_column_takes_its_index() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.run("alter table tasks drop column changed_in").await;
    let found = database.verify().await.differences;
    assert_eq!(
        found.iter().map(|difference| difference.description()).collect::<Vec<_>>(),
        ["the column changed_in is missing", "the index idx_tasks_user_id is missing"]
    );
    for difference in &found {
        database.apply_fix(difference).await;
    }
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn an_empty_database_lacks_only_the_table() {
    let database = Database::with_sql("").await;
    assert_eq!(database.differences().await, ["there is no table tasks"]);
}

#[tokio::test]
async fn users_with_other_ids_begin_anew() {
    let database = Database::with_a_task().await;
    let epoch = "select epoch from tasks_api.sync_epoch";
    let before = database.row(epoch).await;
    database
        .run(
            "alter table tasks_api.task_tombstones alter column user_id type varchar(9);
            insert into tasks_api.task_tombstones (user_id, task_id, deleted_in) values ('7', '1', '1')",
        )
        .await;
    let found = database.verify().await.differences;
    let description = "tasks_api.task_tombstones.user_id is of type character varying(9)";
    database.run(sql_of_choice(&found, description, "if they have other ids")).await;
    assert_eq!(database.differences().await, [""; 0]);
    assert_eq!(database.row("select count(*) from tasks_api.task_tombstones").await, "0");
    assert_ne!(database.row(epoch).await, before);
}
