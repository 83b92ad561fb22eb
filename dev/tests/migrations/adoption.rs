//! A database that another back end created and continues to use.

use migrations::{MigrationStatus, Options, State};

use crate::kit::{Database, MIGRATIONS, connect, no_changes};
use dev::testing::database::{LAYOUTS, Layout};

/// Every row as the old back end sees it, with its physical position, which changes when a row is written again.
async fn rows(database: &Database, columns: &str) -> Vec<String> {
    database.rows(&format!("select ctid, xmin, {columns} from tasks order by id")).await
}

async fn columns(database: &Database) -> String {
    let names = database.rows(
        "select attname from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0 and not attisdropped",
    );
    names.await.join(", ")
}

const TABLE_FILE: &str = "select pg_relation_filenode('tasks')";

/// A database of the layout without rows, and one with rows.
async fn empty_and_filled(layout: &Layout) -> [Database; 2] {
    [Database::with_layout(layout).await, Database::with_rows(layout).await]
}

#[tokio::test]
async fn adoption_adds_what_is_missing_without_changing_rows() {
    for layout in &LAYOUTS {
        for database in empty_and_filled(layout).await {
            let name = layout.name;
            let columns = columns(&database).await;
            let (rows_before, file) = (rows(&database, &columns).await, database.row(TABLE_FILE).await);
            let report = database.up().await.expect(name);
            assert_eq!(report.migrations.len(), MIGRATIONS.len(), "{name}");
            assert_eq!(rows(&database, &columns).await, rows_before, "{name}");
            assert_eq!(database.row(TABLE_FILE).await, file, "{name}");
            assert_eq!(database.differences().await, [""; 0], "{name}");

            let after = database.catalog().await;
            assert_eq!(database.up().await.expect(name), no_changes());
            assert_eq!(database.catalog().await, after);
        }
    }
}

#[tokio::test]
async fn adoption_keeps_existing_objects() {
    for layout in &LAYOUTS {
        let database = Database::with_layout(layout).await;
        let before = database.catalog().await;
        database.up().await.expect(layout.name);
        let after = database.catalog().await;
        let removed: Vec<_> = before.into_iter().filter(|line| !after.contains(line)).collect();
        // An added default changes the line of its column, and a foreign key that does not cascade is replaced.
        let expected: &[&str] = match layout.name {
            "integer_ids_of_uuid_users" => &["constraint | tasks_user_id_fkey"],
            "alembic_beside_better_auth" => &[
                "column | tasks.completed",
                "column | tasks.created_at",
                "column | tasks.updated_at",
                "constraint | tasks_user_id_fkey",
            ],
            "sqlmodel_with_asyncpg" => {
                &["column | tasks.completed", "column | tasks.updated_at", "constraint | tasks_user_id_fkey"]
            }
            "text_ids" => &["column | tasks.id"],
            _ => &[],
        };
        assert!(
            removed.len() == expected.len()
                && removed.iter().zip(expected).all(|(line, expected)| line.starts_with(expected)),
            "{}: {removed:#?}",
            layout.name
        );
    }
}

#[tokio::test]
async fn down_restores_the_original_catalog_and_rows() {
    for layout in &LAYOUTS {
        for database in empty_and_filled(layout).await {
            let name = layout.name;
            let columns = columns(&database).await;
            let (original, rows_before) = (database.catalog().await, rows(&database, &columns).await);
            let report = database.up().await.expect(name);
            let adopted = database.catalog().await;

            let reverted = database.down().await.expect(name);
            assert_eq!(reverted.migrations.len(), MIGRATIONS.len(), "{name}");
            assert!(reverted.changes.len() < report.changes.len(), "{name}");
            assert_eq!(database.catalog().await, original, "{name}");
            assert_eq!(rows(&database, &columns).await, rows_before, "{name}");
            assert_eq!(database.down().await.expect("nothing is left"), no_changes());

            database.up().await.expect(name);
            assert_eq!(database.catalog().await, adopted, "{name}");
        }
    }
}

#[tokio::test]
async fn down_refuses_to_lose_data_in_added_columns() {
    let [database, _] = empty_and_filled(&LAYOUTS[3]).await;
    let before = database.catalog().await;
    database.run(LAYOUTS[3].users).await;
    database.up().await.expect("a table to adopt");
    database
        .run("insert into tasks (user_id, title, due_date, priority) values ('user-1', 'Buy milk', now(), 'low')")
        .await;
    let adopted = database.catalog().await;
    let sentence = database.down().await.expect_err("a date would be lost").to_string();
    assert_eq!(
        sentence,
        "undoing \"add the column due_date\" would lose what 1 tasks hold: nothing was changed. If that is meant, say so \
         with --discard-data"
    );
    assert_eq!(database.catalog().await, adopted);

    migrations::down_discarding_data(&database.url).await.expect("the data may be lost");
    assert_eq!(database.catalog().await, before);
    assert_eq!(database.row("select title from tasks").await, "Buy milk");
}

#[tokio::test]
async fn running_the_plan_equals_up() {
    for layout in &LAYOUTS {
        let (by_hand, by_up) = (Database::with_rows(layout).await, Database::with_rows(layout).await);
        let before = by_hand.catalog().await;
        let plan = by_hand.plan().await;
        assert_eq!(by_hand.catalog().await, before, "{}", layout.name);
        let script = plan.to_string();
        assert!(script.contains("\n-- Add the column last_request\nbegin;\n"), "{script}");

        by_up.up().await.expect(layout.name);
        by_hand.run_plan().await;
        assert_eq!(by_hand.catalog().await, by_up.catalog().await, "{}", layout.name);
        let recorded =
            "select change, undo, undo_alone, holds, through from tasks_api.tasks_adoption order by position";
        assert_eq!(by_hand.rows(recorded).await, by_up.rows(recorded).await, "{}", layout.name);
        assert_eq!(by_hand.up().await.expect("nothing is left to do"), no_changes());
    }
}

#[tokio::test]
async fn concurrent_adoptions_wait_for_each_other() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        let run = || {
            let url = database.url.clone();
            tokio::spawn(async move { migrations::up(&url, &Options::default()).await })
        };
        let (first, second) = (run(), run());
        let first = first.await.expect("no panic").expect("its turn");
        let second = second.await.expect("no panic").expect("its turn");
        assert_eq!(
            [first.migrations.len(), second.migrations.len()].iter().sum::<usize>(),
            MIGRATIONS.len(),
            "{}",
            layout.name
        );
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
    }
}

#[tokio::test]
async fn status_distinguishes_adopted_migrations() {
    let database = Database::with_layout(&LAYOUTS[0]).await;
    let states = async || {
        let statuses = migrations::status(&database.url).await.expect("a database that can be read");
        let name = |MigrationStatus { state, .. }: &MigrationStatus| match state {
            State::Pending => "pending",
            State::Applied { .. } => "applied",
            State::Adopted { .. } => "adopted",
            State::Newer { .. } => "newer",
        };
        statuses.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["pending"; MIGRATIONS.len()]);
    database.up().await.expect("a table to adopt");
    assert_eq!(states().await, ["adopted"; MIGRATIONS.len()]);
    database.run(r"insert into tasks_api._sqlx_migrations values (9999, 'tags', now(), true, '\x00', 0)").await;
    assert_eq!(states().await[MIGRATIONS.len() - 1..], ["adopted", "newer"]);
    assert_eq!(database.up().await.expect("nothing is missing"), no_changes());
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn deleting_a_user_deletes_their_tasks() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        database.run(&format!("delete from {} where id = '{}'", layout.user_table, layout.user)).await;
        assert_eq!(database.row("select count(*) from tasks").await, "2850", "{}", layout.name);
    }
}

#[tokio::test]
async fn updated_at_is_correct_in_any_session_time_zone() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        database.run("set timezone = 'Asia/Tokyo'").await;
        let utc = |column: &str| {
            format!(
                "case pg_typeof({column}) when 'timestamp'::regtype
                then {column}::timestamp at time zone 'utc' else {column}::timestamptz end"
            )
        };
        let change = format!(
            "update tasks set description = 'Other words' where user_id = '{}'
            returning version, {} - now() between interval '0' and interval '1 second'",
            layout.user,
            utc("updated_at")
        );
        let changed = database.rows(&change).await;
        assert_eq!(changed, ["2 | t"; 150], "{}", layout.name);
        let no_op = "update tasks set description = description where version = 2
            returning version, updated_at = (select max(updated_at) from tasks)";
        assert_eq!(database.rows(no_op).await, ["2 | t"; 150], "{}", layout.name);
    }
}

#[tokio::test]
async fn added_defaults_without_time_zone_store_utc() {
    let database = Database::with_rows(&LAYOUTS[2]).await;
    database.up().await.expect("a table to adopt");
    let insert = "set timezone = 'Asia/Tokyo';
        insert into tasks (user_id, title) values ('user-1', 'Buy milk')
        returning completed, version, created_at = now() at time zone 'utc', updated_at = created_at";
    assert_eq!(database.row(insert).await, "f | 1 | t | t");
}

#[tokio::test]
async fn prepared_statements_of_the_old_back_end_still_work() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        let old = connect(&database.url).await;
        for (name, sql) in [
            ("old_insert", layout.insert),
            ("old_update", layout.update),
            ("old_select", layout.select),
            ("old_delete", layout.delete),
        ] {
            old.batch_execute(&format!("prepare {name} as {sql}")).await.expect(sql);
        }
        let time = "2026-11-21 02:51:49.233112";
        for round in 0..2 {
            if round == 1 {
                database.up().await.expect(layout.name);
            }
            let id = if layout.makes_ids { format!(", 'made-{round}'") } else { String::new() };
            let insert = format!("execute old_insert('{}', 'Made {round}', '{time}'{id})", layout.user);
            old.batch_execute(&insert).await.expect(&insert);
            let id = database.row(&format!("select id from tasks where title = 'Made {round}'")).await;
            for statement in [
                format!("execute old_select('{}')", layout.user),
                format!("execute old_update('{id}', 'Changed', '{time}')"),
            ] {
                old.batch_execute(&statement).await.expect(&statement);
            }
            assert_eq!(database.row(&format!("select title from tasks where id = '{id}'")).await, "Changed");
            old.batch_execute(&format!("execute old_delete('{id}')")).await.expect("delete");
        }
        assert_eq!(database.row("select count(*) from tasks").await, "3000", "{}", layout.name);
    }
}
