//! What the triggers record of every write, whichever program sends it.

use crate::kit::{Database, USER_TABLE};
use crate::other_back_end::OtherBackEnd;
use dev::testing::database::{LAYOUTS, Layout};

/// A migrated database with the users `ann` and `bob`.
async fn with_two_users() -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.run("insert into \"user\" values ('ann'), ('bob')").await;
    database
}

/// The tasks, as `title | owner | number of the transaction`.
async fn tasks(database: &Database) -> Vec<String> {
    database.rows("select title, user_id, changed_in from tasks order by title").await
}

/// The records of deleted tasks, as `owner | id | number of the transaction`.
async fn tombstones(database: &Database) -> Vec<String> {
    database
        .rows("select user_id, task_id, deleted_in from tasks_api.task_tombstones order by deleted_in, task_id")
        .await
}

async fn epoch(database: &Database) -> String {
    database.row("select epoch from tasks_api.sync_epoch").await
}

#[tokio::test]
async fn writes_without_privileges_bear_their_transaction() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    let made = back_end
        .run_in_transaction(
            "insert into tasks (user_id, title, changed_in) values ('ann', 'a', '7'), ('ann', 'b', null)",
        )
        .await;
    assert_eq!(tasks(&database).await, [format!("a | ann | {made}"), format!("b | ann | {made}")]);

    back_end.run("update tasks set changed_in = '8'; update tasks set title = title, changed_in = null").await;
    assert_eq!(tasks(&database).await, [format!("a | ann | {made}"), format!("b | ann | {made}")]);
    assert_eq!(database.rows("select distinct version from tasks").await, ["1"]);

    let changed =
        back_end.run_in_transaction("update tasks set completed = true, changed_in = '9' where title = 'b'").await;
    assert_eq!(tasks(&database).await, [format!("a | ann | {made}"), format!("b | ann | {changed}")]);

    let upsert = "insert into tasks (id, user_id, title) values (1, 'ann', 'x')
        on conflict (id) do update set title = excluded.title, changed_in = excluded.changed_in";
    let upserted = back_end.run_in_transaction(upsert).await;
    back_end.run("insert into tasks (id, user_id, title) values (1, 'ann', 'y') on conflict do nothing").await;
    assert_eq!(tasks(&database).await, [format!("b | ann | {changed}"), format!("x | ann | {upserted}")]);
    assert_eq!(tombstones(&database).await, [""; 0]);
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn each_deleted_task_is_recorded() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    back_end
        .run(
            "insert into tasks (user_id, title) select 'ann', 'Task ' || n from generate_series(1, 4) as n;
            insert into tasks (user_id, title) values ('bob', 'Of Bob')",
        )
        .await;
    let one = back_end.run_in_transaction("delete from tasks where id = 1").await;
    back_end.run("delete from tasks where title = 'none'").await;
    let two = back_end.run_in_transaction("delete from tasks where id in (2, 3)").await;
    let again = back_end
        .run_in_transaction(
            "delete from tasks where id = 4;
            insert into tasks (id, user_id, title) values (4, 'ann', 'Again');
            delete from tasks where id = 4;
            insert into tasks (id, user_id, title) values (4, 'ann', 'Once more')",
        )
        .await;
    back_end.run("begin; delete from tasks; rollback").await;
    let mut expected = vec![
        format!("ann | 1 | {one}"),
        format!("ann | 2 | {two}"),
        format!("ann | 3 | {two}"),
        format!("ann | 4 | {again}"),
        format!("ann | 4 | {again}"),
    ];
    assert_eq!(tombstones(&database).await, expected);
    assert_eq!(tasks(&database).await[1], format!("Once more | ann | {again}"));

    // With the user, whose own row is gone then.
    let user = back_end.run_in_transaction("delete from \"user\" where id = 'bob'").await;
    expected.push(format!("bob | 5 | {user}"));
    assert_eq!(tombstones(&database).await, expected);
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn a_moved_task_is_deleted_for_its_former_owner() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    back_end.run("insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b')").await;
    let moved = back_end.run_in_transaction("update tasks set user_id = 'bob' where title = 'a'").await;
    assert_eq!(tasks(&database).await[0], format!("a | bob | {moved}"));
    assert_eq!(tombstones(&database).await, [format!("ann | 1 | {moved}")]);
    back_end.run("update tasks set user_id = 'ann' where title = 'b'").await;
    assert_eq!(tombstones(&database).await.len(), 1);

    // By a new id of the user.
    database
        .run(
            "alter table tasks drop constraint fk_tasks_user_id,
            add foreign key (user_id) references \"user\" (id) on delete cascade on update cascade",
        )
        .await;
    let renamed = back_end.run_in_transaction("update \"user\" set id = 'anna' where id = 'ann'").await;
    assert_eq!(tasks(&database).await[1], format!("b | anna | {renamed}"));
    assert_eq!(tombstones(&database).await[1], format!("ann | 2 | {renamed}"));
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn a_task_with_a_new_id_is_deleted_under_its_former_id() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    back_end.run("insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b')").await;
    let renumbered = back_end.run_in_transaction("update tasks set id = 7 where title = 'a'").await;
    assert_eq!(tasks(&database).await[0], format!("a | ann | {renumbered}"));
    assert_eq!(tombstones(&database).await, [format!("ann | 1 | {renumbered}")]);
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn a_truncate_renews_the_epoch() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    let mut epochs = vec![epoch(&database).await];
    for statement in ["truncate tasks", "truncate \"user\" cascade"] {
        database.run("grant truncate on tasks_api.idempotency_keys, tasks_api.task_tags to public").await;
        back_end.run("insert into \"user\" values ('eve') on conflict do nothing").await;
        back_end.run(statement).await;
        let epoch = epoch(&database).await;
        assert!(!epochs.contains(&epoch), "{statement}");
        epochs.push(epoch);
    }
    database.run("revoke truncate on tasks_api.idempotency_keys, tasks_api.task_tags from public").await;
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn copied_and_restored_rows_are_new() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    database
        .run(
            "insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b');
            update tasks set completed = true;
            create table backup as table tasks;
            create table short as select id, user_id, title from tasks;
            grant select on backup, short to public",
        )
        .await;
    back_end.run("delete from tasks").await;
    let restored = back_end.run_in_transaction("insert into tasks select * from backup").await;
    assert_eq!(tasks(&database).await, [format!("a | ann | {restored}"), format!("b | ann | {restored}")]);
    assert_eq!(database.rows("select distinct version from tasks").await, ["2"]);
    back_end.run("delete from tasks").await;
    let restored = back_end.run_in_transaction("insert into tasks select * from short").await;
    assert_eq!(tasks(&database).await, [format!("a | ann | {restored}"), format!("b | ann | {restored}")]);

    back_end.run("delete from tasks").await;
    let copy = "copy tasks (user_id, title, changed_in) from program 'echo ann,c,7' (format csv)";
    database.run(&format!("begin; {copy}")).await;
    let copied = database.row("select pg_current_xact_id()").await;
    database.run("commit").await;
    assert_eq!(tasks(&database).await, [format!("c | ann | {copied}")]);
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn sessions_outlive_changes_of_columns() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    // Plans the statements of the triggers.
    back_end
        .run(
            "insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b'), ('ann', 'c'), ('ann', 'd');
            delete from tasks where title = 'a';
            update tasks set user_id = 'bob' where title = 'b'",
        )
        .await;
    let before = epoch(&database).await;
    for (number, change) in [
        "alter table tasks alter user_id type varchar(40), alter id type bigint",
        "alter table tasks drop constraint fk_tasks_user_id; create domain owner as text check (value <> '');
        alter table tasks alter user_id type owner",
        "alter table tasks alter user_id type text, add upper text generated always as (upper(title)) stored",
    ]
    .iter()
    .enumerate()
    {
        database.run(change).await;
        let ids = format!("({number} * 10 + 100), ({number} * 10 + 101)").replace(')', ", 'ann', 'x')");
        back_end.run(&format!("insert into tasks (id, user_id, title) values {ids}")).await;
        let deleted = back_end.run_in_transaction(&format!("delete from tasks where id = {number} * 10 + 100")).await;
        let moved = format!("update tasks set user_id = 'bob' where id = {number} * 10 + 101");
        let moved = back_end.run_in_transaction(&moved).await;
        let expected =
            [format!("ann | {} | {deleted}", number * 10 + 100), format!("ann | {} | {moved}", number * 10 + 101)];
        assert!(tombstones(&database).await.ends_with(&expected), "{change}: {:?}", tombstones(&database).await);
    }
    assert_eq!(epoch(&database).await, before);
    back_end.drop_role(&database).await;
}

/// What cannot be recorded makes clients start again, and never fails the statement.
#[tokio::test]
async fn what_cannot_be_recorded_renews_the_epoch() {
    for change in [
        "alter table tasks_api.task_tombstones alter user_id type integer using 0",
        "alter table tasks_api.task_tombstones alter user_id type varchar(2)",
        "alter table tasks rename id to number",
        "alter table tasks drop user_id cascade",
    ] {
        let database = with_two_users().await;
        let back_end = OtherBackEnd::new(&database, "\"user\"").await;
        back_end.run("insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b')").await;
        let before = epoch(&database).await;
        database.run(change).await;
        if !change.contains("drop user_id") {
            back_end.run("update tasks set user_id = 'bob' where title = 'a'").await;
        }
        back_end.run("delete from tasks where title = 'b'").await;
        assert_ne!(epoch(&database).await, before, "{change}");
        back_end.drop_role(&database).await;
    }
}

#[tokio::test]
async fn writes_work_without_the_column() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    back_end.run("insert into tasks (user_id, title) values ('ann', 'a'); update tasks set title = 'b'").await;
    database.run("alter table tasks drop changed_in").await;
    back_end.run("insert into tasks (user_id, title) values ('ann', 'c'); update tasks set title = title || '!'").await;
    assert_eq!(database.rows("select title, version from tasks order by id").await, ["b! | 3", "c! | 2"]);
    back_end.run("delete from tasks").await;
    assert_eq!(tombstones(&database).await.len(), 2);
    back_end.drop_role(&database).await;
}

/// The number of a user of a layout, as its tables have it.
async fn new_user(database: &Database, layout: &Layout) -> String {
    let user = if layout.has_uuid_users { "f0000000-0000-4000-8000-000000000001" } else { "new-user" };
    database.client.execute(layout.new_user, &[&user]).await.expect(layout.name);
    user.to_owned()
}

#[tokio::test]
async fn every_layout_records_what_its_back_end_writes() {
    for layout in &LAYOUTS {
        let name = layout.name;
        let database = Database::with_rows(layout).await;
        database.up().await.expect(name);
        assert_eq!(database.row("select count(*) from tasks where changed_in is not null").await, "0", "{name}");
        let back_end = OtherBackEnd::new(&database, layout.user_table).await;
        let user = new_user(&database, layout).await;
        for (prepared, sql) in [("ins", layout.insert), ("upd", layout.update), ("del", layout.delete)] {
            back_end.run(&format!("prepare {prepared} as {sql}")).await;
        }
        let id = if layout.makes_ids { ", 'made-by-the-back-end'" } else { "" };
        let insert = format!("execute ins('{user}', 'New', '2026-11-21 02:51'{id})");
        let made = back_end.run_in_transaction(&insert).await;
        let changed_in = format!("select changed_in from tasks where user_id = '{user}'");
        assert_eq!(database.rows(&changed_in).await, [made], "{name}");
        let id = database.row(&format!("select id from tasks where user_id = '{user}'")).await;
        let changed = back_end.run_in_transaction(&format!("execute upd('{id}', 'Changed', '2026-11-21 02:52')")).await;
        assert_eq!(database.rows(&changed_in).await, [changed], "{name}");
        let deleted = back_end.run_in_transaction(&format!("execute del('{id}')")).await;
        assert_eq!(tombstones(&database).await, [format!("{user} | {id} | {deleted}")], "{name}");

        let count = format!("select count(*) from tasks where user_id = '{}'", layout.user);
        let count = database.row(&count).await;
        back_end.run(&format!("delete from {} where id = '{}'", layout.user_table, layout.user)).await;
        let tombstones = format!("select count(*) from tasks_api.task_tombstones where user_id = '{}'", layout.user);
        assert_eq!(database.row(&tombstones).await, count, "{name}");
        back_end.drop_role(&database).await;
    }
}

#[tokio::test]
async fn roles_that_may_update_tasks_may_read_changes() {
    let (adopted, upgraded) = (Database::with_rows(&LAYOUTS[3]).await, with_two_users().await);
    while upgraded.row("select to_regclass('tasks_api.task_tombstones')").await != "null" {
        upgraded.down().await.expect("a migration to revert");
    }
    for database in [adopted, upgraded] {
        let name = database.row("select current_database()").await;
        let (writer, reader) = (format!("writer_of_{name}"), format!("reader_of_{name}"));
        database
            .run(&format!(
                "create role {writer}; grant select, update on tasks to {writer};
                create role {reader}; grant select on tasks to {reader}"
            ))
            .await;
        database.up().await.expect("an adoption or an upgrade");
        let privileges = async |role: &str| {
            database
                .rows(&format!(
                    "select relname, privilege
                    from pg_class
                    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as privilege
                    where relnamespace = 'tasks_api'::regnamespace
                        and relname in (
                            'task_tombstones', 'sync_epoch', 'idempotency_keys', 'task_tags',
                            'sign_in_buckets', 'revoked_tokens', 'token_versions', 'reset_codes'
                        )
                        and has_schema_privilege('{role}', 'tasks_api', 'usage')
                        and has_table_privilege('{role}', pg_class.oid, privilege)
                    order by 1, 2"
                ))
                .await
        };
        let expected = [
            "idempotency_keys | delete",
            "idempotency_keys | insert",
            "idempotency_keys | select",
            "reset_codes | delete",
            "reset_codes | insert",
            "reset_codes | select",
            "reset_codes | update",
            "revoked_tokens | delete",
            "revoked_tokens | insert",
            "revoked_tokens | select",
            "revoked_tokens | update",
            "sign_in_buckets | delete",
            "sign_in_buckets | insert",
            "sign_in_buckets | select",
            "sign_in_buckets | update",
            "sync_epoch | select",
            "task_tags | delete",
            "task_tags | insert",
            "task_tags | select",
            "task_tags | update",
            "task_tombstones | select",
            "token_versions | delete",
            "token_versions | insert",
            "token_versions | select",
            "token_versions | update",
        ];
        assert_eq!(privileges(&writer).await, expected);
        assert_eq!(privileges(&reader).await, [""; 0]);
        for role in [writer, reader] {
            database.run(&format!("drop owned by {role}; drop role {role}")).await;
        }
    }
}

#[tokio::test]
async fn keys_go_with_their_user() {
    let key = |user: &str| {
        format!(
            "insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, answer)
            values ('{user}', 'create-task', 'k', 'f', 'r', '{{}}')"
        )
    };
    for layout in &LAYOUTS {
        let (name, user) = (layout.name, layout.user);
        let database = Database::with_rows(layout).await;
        database.up().await.expect(name);
        let back_end = OtherBackEnd::new(&database, layout.user_table).await;
        database.run(&key(user)).await;
        assert_eq!(database.violated_constraint(&key(user)).await, "idempotency_keys_pkey", "{name}");
        let stranger = if layout.has_uuid_users { "f0000000-0000-4000-8000-0000000000ff" } else { "stranger" };
        assert_eq!(database.violated_constraint(&key(stranger)).await, "idempotency_keys_user_id_fkey", "{name}");
        back_end.run(&format!("delete from {} where id = '{user}'", layout.user_table)).await;
        assert_eq!(database.row("select count(*) from tasks_api.idempotency_keys").await, "0", "{name}");
        let types = "select count(distinct format_type(atttypid, atttypmod)) from pg_attribute
            where attname = 'user_id' and attrelid in
                ('tasks'::regclass, 'tasks_api.task_tombstones'::regclass, 'tasks_api.idempotency_keys'::regclass)";
        assert_eq!(database.row(types).await, "1", "{name}");
        back_end.drop_role(&database).await;
    }

    // Without the foreign key, as `tasks` has none.
    let database = Database::with_sql("").await;
    database.up_with("none").await.expect("a fresh database");
    database.run(&key("stranger")).await;

    // An update of the key that was possible stays possible.
    let database = Database::with_sql(
        "create table users (id text primary key);
        create table tasks (id serial primary key, title text not null,
            user_id text not null references users on delete cascade on update cascade deferrable initially deferred);
        insert into users values ('ann')",
    )
    .await;
    database.up().await.expect("a table to adopt");
    database.run(&key("ann")).await;
    database.run("update users set id = 'anna'").await;
    assert_eq!(database.row("select user_id from tasks_api.idempotency_keys").await, "anna");
    database.run("begin; delete from users; insert into users values ('bob'); commit").await;
}

#[tokio::test]
async fn functions_that_run_as_owner_are_not_for_others() {
    let database = with_two_users().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    database
        .run(&format!("grant usage on schema tasks_api to {0}; grant create on schema public to {0}", back_end.role))
        .await;
    for function in ["tasks_note_change", "tasks_note_delete", "tasks_note_truncate"] {
        let forge = format!(
            "create table forged_{function} (user_id text, id text);
            create trigger forge after delete on forged_{function} referencing old table as deleted
            for each statement execute function tasks_api.{function}()"
        );
        let error = back_end.client.batch_execute(&forge).await.expect_err(function);
        assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42501"), "{function}");
    }
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn the_triggers_ignore_the_search_path() {
    let database = with_two_users().await;
    let before = epoch(&database).await;
    database
        .run(
            "create schema trap;
            create function trap.pg_current_xact_id() returns xid8 language sql as $$ select '7'::xid8 $$;
            create function trap.gen_random_uuid() returns uuid language sql as
                $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
            create function trap.same(text, text) returns boolean language sql as 'select true';
            create operator trap.= (leftarg = text, rightarg = text, function = trap.same);
            create table trap.task_tombstones (user_id text, task_id text, deleted_in xid8);
            set search_path = trap, public, pg_catalog;
            insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b');
            update tasks set user_id = 'bob' where title operator(pg_catalog.=) 'a';
            delete from tasks;
            set search_path = public",
        )
        .await;
    let numbers = "select count(*), min(deleted_in) > '7'::xid8 from tasks_api.task_tombstones";
    assert_eq!(database.row(numbers).await, "3 | t");
    database.run("set search_path = trap, public, pg_catalog; truncate tasks; set search_path = public").await;
    let after = epoch(&database).await;
    assert!(after != before && !after.starts_with("00000000"), "{after}");
}
