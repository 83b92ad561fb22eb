//! `verify` proves itself: it tries what the functions do, and compares what they show with what the tables hold.

use std::collections::BTreeMap;

use migrations::{Difference, Functions, Options, Verification};

use crate::kit::{Database, USER_TABLE, connect, sql_of_choice};
use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings};
use dev::testing::database::LAYOUTS;

/// A table as an old back end makes it.
const TASKS: &str = "create table tasks (
    id serial primary key,
    user_id text not null references \"user\" (id),
    title varchar(200) not null,
    description text,
    completed boolean not null default false,
    created_at timestamp not null default now(),
    updated_at timestamp not null default now()
)";

/// An adopted database in which ann has two tasks, and bob none.
async fn adopted() -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    database
        .run(&format!(
            "{TASKS};
            insert into \"user\" values ('ann'), ('bob');
            insert into tasks (user_id, title, completed) values ('ann', 'Buy milk', true), ('ann', 'Bake', false)"
        ))
        .await;
    database.up().await.expect("a table to adopt");
    database
}

/// A new role, and the functions' access with it. The role may connect, and nothing else.
async fn functions_as_guest(database: &Database) -> (String, Functions) {
    let role = format!("guest_of_{}", database.row("select current_database()").await);
    database.run(&format!("create role {role} login password 'guest'")).await;
    let (_, rest) = database.url.split_once('@').expect("a URL");
    let functions = Functions::with_database(&format!("postgres://{role}:guest@{rest}"));
    (role, functions)
}

async fn verify(database: &Database, functions: &Functions) -> Verification {
    let verification = migrations::verify_functions(&database.url, functions, &Options::default()).await;
    verification.expect("a database that can be read")
}

fn descriptions(differences: &[Difference]) -> Vec<&str> {
    differences.iter().map(Difference::description).collect()
}

/// Every row of every table, with its physical position, and the sequences aside.
async fn rows(database: &Database) -> Vec<String> {
    let mut rows = database.rows("select ctid, xmin, * from tasks order by id").await;
    rows.extend(database.rows("select ctid, xmin, * from \"user\" order by id").await);
    rows
}

#[tokio::test]
async fn a_proof_changes_nothing() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        let content = "select ctid, xmin, * from tasks order by id";
        let before = database.rows(content).await;
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.rows(content).await, before, "{}", layout.name);
    }
}

#[tokio::test]
async fn each_missing_grant_is_named() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    let before = rows(&database).await;
    let found = verify(&database, &functions).await.differences;
    let table = |name: &str| found.iter().any(|difference| difference.description().contains(name));
    for object in [
        "lacks select, insert, update, delete on the table tasks",
        "task_fences",
        "lacks select on the table tasks_api.task_tombstones",
        "lacks select on the table tasks_api.sync_epoch",
        "lacks select, insert on the table tasks_api.idempotency_keys",
        "lacks select, insert, update, delete on the table tasks_api.task_tags",
        "sequence tasks_id_seq",
    ] {
        assert!(table(object), "{object}: {found:#?}");
    }
    for difference in &found {
        let own = std::slice::from_ref(difference);
        database.run(sql_of_choice(own, difference.description(), "as the owner")).await;
    }
    assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0]);
    assert_eq!(rows(&database).await, before);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_missing_usage_of_the_schema_is_named() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    database
        .run(&format!(
            "grant all on all tables in schema public, tasks_api to {role};
            grant usage on schema tasks_api to {role};
            grant usage on all sequences in schema public to {role};
            revoke usage on schema public from public"
        ))
        .await;
    let found = verify(&database, &functions).await.differences;
    let sql = sql_of_choice(&found, "lacks usage on the schema public", "as the owner");
    assert_eq!(sql, format!("grant usage on schema public to {role};"));
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn hidden_rows_are_found_and_a_policy_shows_them() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    database
        .run(&format!(
            "alter table tasks enable row level security;
            grant select, insert, update, delete on all tables in schema public, tasks_api to {role};
            grant usage on schema tasks_api to {role};
            grant usage on all sequences in schema public to {role}"
        ))
        .await;
    let found = verify(&database, &functions).await.differences;
    let [difference] = &found[..] else { unreachable!("{found:#?}") };
    let description = difference.description();
    assert!(
        description.starts_with(&format!(
            "row-level security of tasks restricts the role {role}: the user ann is shown 0 of 2 tasks"
        )),
        "{description}"
    );
    assert!(description.contains("creating a task fails: new row violates row-level security"), "{description}");
    database.run(difference.choices()[0].sql().expect("SQL")).await;
    assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0]);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn hidden_rows_of_users_outside_of_the_sample_are_counted() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    database
        .run(&format!(
            "insert into \"user\" select 'user-' || n from generate_series(1, 9) as n;
            insert into tasks (user_id, title) select 'user-' || n, 't' from generate_series(1, 9) as n;
            alter table tasks enable row level security;
            create policy most on tasks to {role} using (user_id <> 'user-9');
            grant select, insert, update, delete on all tables in schema public, tasks_api to {role};
            grant usage on schema tasks_api to {role};
            grant usage on all sequences in schema public to {role}"
        ))
        .await;
    let found = verify(&database, &functions).await.differences;
    let expected =
        format!("row-level security of tasks restricts the role {role}: the role {role} sees 10 of 11 tasks");
    assert_eq!(descriptions(&found), [expected]);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn another_database_of_the_functions_is_noticed() {
    let (database, other) = (adopted().await, Database::with_sql(USER_TABLE).await);
    let found = verify(&database, &Functions::with_database(&other.url)).await.differences;
    let description = found[0].description();
    assert!(description.ends_with("of the functions finds no table tasks instead of public.tasks"), "{found:#?}");

    other.up().await.expect("a fresh database");
    let found = verify(&database, &Functions::with_database(&other.url)).await.differences;
    assert!(descriptions(&found).join("\n").contains("is shown 0 of 2 tasks"), "{found:#?}");
}

#[tokio::test]
async fn other_contents_of_the_same_tasks_are_noticed() {
    for (change, expected) in [
        ("completed = false", "the user ann is shown 0 of 1 completed tasks"),
        ("due_date = now()", "the user ann is shown 2 of 0 tasks with a due date"),
        (
            "created_at = created_at - interval '1 day'",
            "the user ann is shown the newest task with another time than is stored",
        ),
    ] {
        let (database, other) = (adopted().await, adopted().await);
        for database in [&database, &other] {
            database.run("update tasks set created_at = '2026-11-21 17:30'").await;
        }
        let functions = Functions::with_database(&other.url);
        assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0], "{change}");
        other.run(&format!("update tasks set {change}")).await;
        let found = verify(&database, &functions).await.differences;
        assert_eq!(descriptions(&found), [expected], "{change}");
    }
}

#[tokio::test]
async fn an_unreachable_database_of_the_functions_is_named() {
    let database = adopted().await;
    let functions = Functions::with_database("postgres://ann:octopus@127.0.0.1:1/todo");
    let found = verify(&database, &functions).await.differences;
    assert!(found[0].description().starts_with("connecting fails: "), "{found:#?}");
    assert!(!format!("{found:?}").contains("octopus"));
}

#[tokio::test]
async fn failing_triggers_and_rules_are_reported_with_their_message() {
    for (sql, expected) in [
        (
            "create function audit() returns trigger language plpgsql as
                $$ begin insert into audit_log select new.id; return new; end $$;
            create trigger audit after insert on tasks for each row execute function audit()",
            "creating a task fails: relation \"audit_log\" does not exist (42P01)",
        ),
        (
            "create function keep() returns trigger language plpgsql as
                $$ begin raise exception 'tasks are kept'; end $$;
            create trigger keep before delete on tasks for each row execute function keep()",
            "deleting a task fails: tasks are kept (P0001)",
        ),
        (
            "alter table tasks add constraint no_words check (description <> 'Words')",
            "creating a task fails: new row for relation \"tasks\" violates check constraint \"no_words\" (23514)",
        ),
        (
            "create function checked() returns trigger language plpgsql as
                $$ begin raise exception 'checked at the end'; end $$;
            create constraint trigger checked after update on tasks deferrable initially deferred
                for each row execute function checked()",
            "changing a task fails: checked at the end (P0001)",
        ),
        (
            "alter table tasks add constraint not_at_home check (category <> 'home')",
            "creating a task fails: new row for relation \"tasks\" violates check constraint \"not_at_home\" (23514)",
        ),
        (
            "alter table tasks add constraint once check (recurrence is null)",
            "creating a recurring task fails: new row for relation \"tasks\" violates check constraint \"once\" (23514)",
        ),
        (
            "create function same_day() returns trigger language plpgsql as
                $$ begin raise exception 'the day stays'; end $$;
            create trigger same_day before update on tasks for each row
                when (old.recurrence is not null and new.due_date <> old.due_date) execute function same_day()",
            "skipping an occurrence fails: the day stays (P0001)",
        ),
        (
            "create function recurs() returns trigger language plpgsql as
                $$ begin raise exception 'it recurs'; end $$;
            create trigger recurs before update on tasks for each row
                when (old.recurrence is not null and new.recurrence is null) execute function recurs()",
            "ending a recurrence fails: it recurs (P0001)",
        ),
        (
            "create function next() returns trigger language plpgsql as
                $$ begin raise exception 'it goes on'; end $$;
            create trigger zz_next before update on tasks for each row
                when (new.next_occurrence is not null) execute function next()",
            "completing a recurring task fails: it goes on (P0001)",
        ),
        (
            "create function untagged() returns trigger language plpgsql as
                $$ begin raise exception 'tags are fixed'; end $$;
            create trigger untagged before update on tasks for each row
                when (old.tags is null and new.tags is not null and new.description is null) execute function untagged()",
            "adding a tag to a task fails: tags are fixed (P0001)",
        ),
        (
            "create function tagged() returns trigger language plpgsql as
                $$ begin raise exception 'tags stay'; end $$;
            create trigger tagged before update on tasks for each row
                when (cardinality(old.tags) > coalesce(cardinality(new.tags), 0)) execute function tagged()",
            "removing a tag from a task fails: tags stay (P0001)",
        ),
        (
            "create function plain() returns trigger language plpgsql as
                $$ begin raise exception 'no colors'; end $$;
            create trigger plain before insert on tasks_api.task_tags for each row execute function plain()",
            "making a tag fails: no colors (P0001)",
        ),
        (
            "create function kept() returns trigger language plpgsql as
                $$ begin raise exception 'tags are kept'; end $$;
            create trigger kept before delete on tasks_api.task_tags for each row execute function kept()",
            "renaming a tag fails: tags are kept (P0001)",
        ),
    ] {
        let database = adopted().await;
        database.run(sql).await;
        let before = rows(&database).await;
        let found = database.differences().await;
        assert!(found.iter().any(|description| description == expected), "{expected}: {found:#?}");
        assert_eq!(rows(&database).await, before);
    }
}

#[tokio::test]
async fn a_grant_that_a_trigger_needs_is_offered() {
    for (objects, statement, denied) in [
        ("create table audit_log (id integer)", "insert into audit_log select new.id;", "table audit_log"),
        ("create sequence audit_number", "perform nextval('audit_number');", "sequence audit_number"),
        (
            "create schema audit; create table audit.log (id integer); grant all on audit.log to public",
            "insert into audit.log select new.id;",
            "schema audit",
        ),
        (
            "create function note(integer) returns void language sql as ''; revoke execute on function note from public",
            "perform note(new.id);",
            "function note",
        ),
    ] {
        let database = adopted().await;
        let (role, functions) = functions_as_guest(&database).await;
        database
            .run(&format!(
                "create function audit() returns trigger language plpgsql as $$ begin {statement} return new; end $$;
                create trigger audit after insert on tasks for each row execute function audit();
                grant select, insert, update, delete on all tables in schema public, tasks_api to {role};
                grant usage on schema tasks_api to {role};
                grant usage on all sequences in schema public to {role};
                {objects}"
            ))
            .await;
        let found = verify(&database, &functions).await.differences;
        let description = format!("creating a task fails: permission denied for {denied} (42501)");
        assert_eq!(descriptions(&found), [description.as_str()]);
        database.run(found[0].choices()[0].sql().expect("SQL")).await;
        assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0], "{denied}");
        database.run(&format!("drop owned by {role}; drop role {role}")).await;
    }
}

#[tokio::test]
async fn a_sequence_behind_the_largest_id_is_named() {
    for kind in ["serial", "integer generated by default as identity", "bigint default nextval('own')"] {
        let database = Database::with_sql(USER_TABLE).await;
        database
            .run(&format!(
                "create sequence own;
                create table tasks (id {kind} primary key, user_id text not null references \"user\" (id), title text not null);
                insert into \"user\" values ('ann');
                insert into tasks (id, user_id, title) select n, 'ann', 't' from generate_series(1, 5) as n"
            ))
            .await;
        database.up().await.expect(kind);
        let found = database.verify().await.differences;
        let sql = sql_of_choice(&found, "gives the id 1 next, and there are ids up to 5", "to continue after them");
        database.run(sql).await;
        assert_eq!(database.differences().await, [""; 0], "{kind}");
        // The proof itself uses numbers up.
        let id = "insert into tasks (user_id, title) values ('ann', 'next') returning id > 5";
        assert_eq!(database.row(id).await, "t", "{kind}");
    }
}

#[tokio::test]
async fn foreign_keys_that_refer_to_tasks_are_named() {
    let database = adopted().await;
    database.run("create table reminders (id serial primary key, task_id integer references tasks (id))").await;
    let note = |text: &str| {
        format!(
            "reminders.task_id refers to tasks without on delete cascade: deleting a task to which a row refers is answered \
             with 409, and {text}"
        )
    };
    let notes = database.verify().await.notes;
    assert!(notes.contains(&note("no row refers to a task yet")), "{notes:#?}");
    database.run("insert into reminders (task_id) select id from tasks limit 1").await;
    let verification = database.verify().await;
    assert_eq!(verification.differences, []);
    let fails = "deleting a user who has such a task fails: update or delete on table \"tasks\" violates foreign key \
                 constraint \"reminders_task_id_fkey\" on table \"reminders\"";
    assert!(verification.notes.contains(&note(fails)), "{:#?}", verification.notes);
    assert_eq!(database.row("select count(*) from \"user\"").await, "2");

    // Rows that go with the user are no obstacle.
    database
        .run("alter table reminders add column user_id text references \"user\" (id) on delete cascade; update reminders set user_id = 'ann'")
        .await;
    let notes = database.verify().await.notes;
    assert!(notes.iter().any(|note| note.starts_with("reminders.task_id refers to tasks")), "{notes:#?}");
}

#[tokio::test]
async fn without_users_the_proof_says_so() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    let verification = database.verify().await;
    assert_eq!(verification.differences, []);
    assert!(verification.notes.iter().any(|note| note == "there is no user yet, so nothing could be tried as one"));
    database.run("insert into \"user\" values ('ann')").await;
    assert!(!database.verify().await.notes.iter().any(|note| note.contains("no user yet")));
}

/// The functions of the database with these settings.
fn with_settings(database: &Database, settings: &[(&str, &str)]) -> Functions {
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Functions { settings, ..Functions::with_database(&database.url) }
}

const JWKS: [(&str, &str); 1] = [("BETTER_AUTH_URL", "https://app.example.com")];
const SESSION: [(&str, &str); 1] = [("AUTH_MODE", "session")];

#[tokio::test]
async fn tables_of_better_auth_are_checked_for_the_mode() {
    let database = adopted().await;
    let found = verify(&database, &with_settings(&database, &JWKS)).await.differences;
    assert!(found[0].description().contains("there is no table jwks"), "{found:#?}");
    let found = verify(&database, &with_settings(&database, &SESSION)).await.differences;
    assert!(found[0].description().contains("there is no table session"), "{found:#?}");

    database
        .run(
            r#"create table jwks (id text primary key, "publicKey" text not null, "privateKey" text, "expiresAt" timestamp);
            create table session (id text primary key, "userId" text, token text, "expiresAt" timestamptz)"#,
        )
        .await;
    let verification = verify(&database, &with_settings(&database, &JWKS)).await;
    assert_eq!(verification.differences, []);
    assert!(verification.notes.iter().any(|note| note.starts_with("Better Auth has no keys yet")));
    let verification = verify(&database, &with_settings(&database, &SESSION)).await;
    assert_eq!(verification.differences, []);
    assert!(
        verification.notes.iter().any(|note| note.contains("has no session that has not expired")),
        "{verification:#?}"
    );

    database.run("alter table session drop column token").await;
    let found = verify(&database, &with_settings(&database, &SESSION)).await.differences;
    assert!(found[0].description().contains("has no column for token"), "{found:#?}");
    let found = verify(&database, &with_settings(&database, &[("AUTH_MODE", "magic")])).await.differences;
    assert_eq!(descriptions(&found), ["the functions would not start with these settings"]);
}

#[tokio::test]
async fn a_missing_grant_on_keys_is_named() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    database
        .run(&format!(
            r#"grant select, insert, update, delete on all tables in schema public, tasks_api to {role};
            grant usage on schema tasks_api to {role};
            grant usage on all sequences in schema public to {role};
            create table jwks (id text primary key, "publicKey" text not null, "expiresAt" timestamp)"#
        ))
        .await;
    let functions = Functions { database_url: functions.database_url, ..with_settings(&database, &JWKS) };
    let found = verify(&database, &functions).await.differences;
    assert!(found[0].description().starts_with("sign-in does not work: "), "{found:#?}");
    database.run(sql_of_choice(&found, "may not read public.jwks", "as the owner")).await;
    assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0]);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_missing_usage_of_neons_schema_is_named() {
    let database = adopted().await;
    let (role, functions) = functions_as_guest(&database).await;
    database
        .run(&format!(
            r#"grant select, insert, update, delete on all tables in schema public, tasks_api to {role};
            grant usage on schema tasks_api to {role};
            grant usage on all sequences in schema public to {role};
            create schema neon_auth;
            create table neon_auth.jwks (id text primary key, "publicKey" text not null, "expiresAt" timestamp)"#
        ))
        .await;
    let functions = Functions { database_url: functions.database_url, ..with_settings(&database, &JWKS) };
    let found = verify(&database, &functions).await.differences;
    database.run(sql_of_choice(&found, "may not read neon_auth.jwks", "as the owner")).await;
    assert_eq!(descriptions(&verify(&database, &functions).await.differences), [""; 0]);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn users_of_another_sign_in_are_noted() {
    let database = Database::with_sql(USER_TABLE).await;
    database
        .run(
            "create table users (id integer primary key);
            create table tasks (id serial primary key, user_id integer references users (id), title text not null);
            insert into users values (1);
            insert into \"user\" values ('ann');
            insert into tasks (user_id, title) values (1, 't')",
        )
        .await;
    database.up().await.expect("a table to adopt");
    let verification = database.verify().await;
    assert_eq!(verification.differences, []);
    let note = "the tasks are of users of public.users, and none of them is in public.\"user\": whoever signs in there does \
                not see these tasks";
    assert!(verification.notes.iter().any(|found| found == note), "{:#?}", verification.notes);
}

#[tokio::test]
async fn a_proof_works_through_a_pooler_and_leaves_it_usable() {
    let database = adopted().await;
    let name = database.row("select current_database()").await;
    let owner = format!("owner_of_{name}");
    database
        .run(&format!(
            "create role {owner} superuser login password 'owner'; alter role {owner} set search_path = public"
        ))
        .await;
    let port = database.url.split('/').nth(2).and_then(|address| address.rsplit(':').next()).expect("a port");
    let settings = PgBouncerSettings::new(port.parse().expect("a number"), &owner, "owner");
    let pooler = PgBouncer::start(PgBouncerSettings { server_connections: 1, ..settings }).await.expect("a pooler");
    let url = format!("postgres://{owner}:owner@127.0.0.1:{}/{name}?sslmode=disable", pooler.port());
    let before = rows(&database).await;
    let found = verify(&database, &Functions::with_database(&url)).await.differences;
    assert_eq!(descriptions(&found), [""; 0]);
    assert_eq!(rows(&database).await, before);

    // Neither the transaction nor a setting is left behind in the one session of the server.
    let client = connect(&url).await;
    client
        .batch_execute("insert into tasks (user_id, title) values ('ann', 'Later')")
        .await
        .expect("a writable session");
    database.run(&format!("drop role {owner}")).await;
}

#[tokio::test]
async fn nothing_is_committed_when_the_connection_is_lost() {
    for event in ["insert", "update", "delete"] {
        let database = adopted().await;
        database
            .run(&format!(
                "create function lose() returns trigger language plpgsql as
                    $$ begin perform pg_terminate_backend(pg_backend_pid()); return coalesce(new, old); end $$;
                create trigger lose before {event} on tasks for each row execute function lose()"
            ))
            .await;
        let before = rows(&database).await;
        let found = database.differences().await.join("\n");
        assert!(found.contains("terminating connection"), "{event}: {found}");
        assert_eq!(rows(&database).await, before, "{event}");
    }
}
