//! A database that another back end made, and that goes on using it.

use migrations::{Options, State, StepStatus};

use crate::kit::{Database, connect, nothing};
use crate::layouts::{LAYOUTS, Layout};

/// Every row as the old back end sees it, and where it is stored: a row that was written again is elsewhere.
async fn rows(database: &Database, columns: &str) -> Vec<String> {
    database.rows(&format!("select ctid, xmin, {columns} from tasks order by id")).await
}

async fn columns(database: &Database) -> String {
    let names = database.rows(
        "select attname from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0 and not attisdropped",
    );
    names.await.join(", ")
}

const FILE: &str = "select pg_relation_filenode('tasks')";

/// Both of each layout: without rows and with them.
async fn both(layout: &Layout) -> [Database; 2] {
    [Database::laid_out(layout).await, Database::filled(layout).await]
}

#[tokio::test]
async fn adoption_adds_what_is_missing_and_changes_no_row() {
    for layout in &LAYOUTS {
        for database in both(layout).await {
            let name = layout.name;
            let columns = columns(&database).await;
            let (rows_before, file) = (rows(&database, &columns).await, database.row(FILE).await);
            let report = database.up().await.expect(name);
            assert_eq!(report.applied.len(), 12, "{name}");
            assert_eq!(rows(&database, &columns).await, rows_before, "{name}");
            assert_eq!(database.row(FILE).await, file, "{name}");
            assert_eq!(database.differences().await, [""; 0], "{name}");

            let after = database.catalogue().await;
            assert_eq!(database.up().await.expect(name), nothing());
            assert_eq!(database.catalogue().await, after);
        }
    }
}

#[tokio::test]
async fn what_the_old_back_end_made_stays_as_it_was() {
    for layout in &LAYOUTS {
        let database = Database::laid_out(layout).await;
        let before = database.catalogue().await;
        database.up().await.expect(layout.name);
        let after = database.catalogue().await;
        let gone: Vec<_> = before.into_iter().filter(|line| !after.contains(line)).collect();
        // Where a default is added the column's line differs, and foreign keys that do not cascade are replaced.
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
            gone.len() == expected.len()
                && gone.iter().zip(expected).all(|(line, expected)| line.starts_with(expected)),
            "{}: {gone:#?}",
            layout.name
        );
    }
}

#[tokio::test]
async fn down_gives_the_database_back_as_it_was() {
    for layout in &LAYOUTS {
        for database in both(layout).await {
            let name = layout.name;
            let columns = columns(&database).await;
            let (catalogue, rows_before) = (database.catalogue().await, rows(&database, &columns).await);
            let report = database.up().await.expect(name);
            let adopted = database.catalogue().await;

            let back = database.down().await.expect(name);
            assert_eq!(back.applied.len(), 12, "{name}");
            assert!(back.changes.len() < report.changes.len(), "{name}");
            assert_eq!(database.catalogue().await, catalogue, "{name}");
            assert_eq!(rows(&database, &columns).await, rows_before, "{name}");
            assert_eq!(database.down().await.expect("nothing is left"), nothing());

            database.up().await.expect(name);
            assert_eq!(database.catalogue().await, adopted, "{name}");
        }
    }
}

#[tokio::test]
async fn down_keeps_what_only_an_added_column_can_hold() {
    let [database, _] = both(&LAYOUTS[3]).await;
    let before = database.catalogue().await;
    database.run(LAYOUTS[3].users).await;
    database.up().await.expect("a table to adopt");
    database
        .run("insert into tasks (user_id, title, due_date, priority) values ('user-1', 'Buy milk', now(), 'low')")
        .await;
    let adopted = database.catalogue().await;
    let sentence = database.down().await.expect_err("a date would be lost").to_string();
    assert_eq!(
        sentence,
        "undoing \"add the column due_date\" would lose what 1 tasks hold: nothing was changed. If that is meant, say so \
         with --discard-data"
    );
    assert_eq!(database.catalogue().await, adopted);

    migrations::down_discarding_data(&database.url, &Options::default()).await.expect("it is meant");
    assert_eq!(database.catalogue().await, before);
    assert_eq!(database.row("select title from tasks").await, "Buy milk");
}

#[tokio::test]
async fn a_plan_changes_nothing_and_leads_where_up_does() {
    for layout in &LAYOUTS {
        let (by_hand, by_up) = (Database::filled(layout).await, Database::filled(layout).await);
        let before = by_hand.catalogue().await;
        let plan = by_hand.plan().await;
        assert_eq!(by_hand.catalogue().await, before, "{}", layout.name);
        let script = plan.to_string();
        assert!(script.contains("\n-- Add the column last_request\nbegin;\n"), "{script}");

        by_up.up().await.expect(layout.name);
        by_hand.carry_out_plan().await;
        assert_eq!(by_hand.catalogue().await, by_up.catalogue().await, "{}", layout.name);
        let recorded = "select change, undo, undo_alone, holds, through from tasks_adoption order by position";
        assert_eq!(by_hand.rows(recorded).await, by_up.rows(recorded).await, "{}", layout.name);
        assert_eq!(by_hand.up().await.expect("all is done"), nothing());
    }
}

#[tokio::test]
async fn two_at_once_take_turns() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
        let run = || {
            let url = database.url.clone();
            tokio::spawn(async move { migrations::up(&url, &Options::default()).await })
        };
        let (first, second) = (run(), run());
        let first = first.await.expect("no panic").expect("its turn");
        let second = second.await.expect("no panic").expect("its turn");
        assert_eq!([first.applied.len(), second.applied.len()].iter().sum::<usize>(), 12, "{}", layout.name);
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
    }
}

#[tokio::test]
async fn status_tells_adopted_steps_from_others() {
    let database = Database::laid_out(&LAYOUTS[0]).await;
    let states = async || {
        let steps = migrations::status(&database.url).await.expect("a database that can be read");
        let word = |StepStatus { state, .. }: &StepStatus| match state {
            State::Pending => "pending",
            State::Applied { .. } => "applied",
            State::Adopted { .. } => "adopted",
            State::Newer { .. } => "newer",
        };
        steps.iter().map(word).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["pending"; 12]);
    database.up().await.expect("a table to adopt");
    assert_eq!(states().await, ["adopted"; 12]);
    database.run(r"insert into _sqlx_migrations values (9999, 'tags', now(), true, '\x00', 0)").await;
    assert_eq!(states().await[11..], ["adopted", "newer"]);
    assert_eq!(database.up().await.expect("nothing is missing"), nothing());
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn a_user_can_be_deleted_with_their_tasks() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
        database.up().await.expect(layout.name);
        database.run(&format!("delete from {} where id = '{}'", layout.user_table, layout.user)).await;
        assert_eq!(database.row("select count(*) from tasks").await, "2850", "{}", layout.name);
    }
}

#[tokio::test]
async fn a_change_moves_updated_at_whatever_zone_the_session_has() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
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
        let same = "update tasks set description = description where version = 2
            returning version, updated_at = (select max(updated_at) from tasks)";
        assert_eq!(database.rows(same).await, ["2 | t"; 150], "{}", layout.name);
    }
}

#[tokio::test]
async fn a_default_that_adoption_adds_to_a_time_without_a_zone_is_utc() {
    let database = Database::filled(&LAYOUTS[2]).await;
    database.up().await.expect("a table to adopt");
    let insert = "set timezone = 'Asia/Tokyo';
        insert into tasks (user_id, title) values ('user-1', 'Buy milk')
        returning completed, version, created_at = now() at time zone 'utc', updated_at = created_at";
    assert_eq!(database.row(insert).await, "f | 1 | t | t");
}

#[tokio::test]
async fn the_old_back_end_goes_on_with_the_statements_that_it_prepared() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
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
