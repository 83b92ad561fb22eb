//! The program `migrate` at a terminal.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::kit::{Database, USER_TABLE};
use dev::testing::database::LAYOUTS;

/// The program for a database, in a directory without `.env`.
fn migrate(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("migrate"));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .env("DATABASE_URL", &database.url)
        .env_remove("DATABASE_URL_UNPOOLED")
        .env_remove("AUTH_USER_TABLE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The exit code and the output.
async fn run(database: &Database, arguments: &[&str]) -> (Option<i32>, String) {
    let output = migrate(database, arguments).output().await.expect("the program, which `cargo build` makes");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("UTF-8"))
}

#[tokio::test]
async fn a_new_epoch_and_a_clean_up_print_what_they_did() {
    let database = Database::with_sql(USER_TABLE).await;
    let (code, printed) = run(&database, &["new-epoch"]).await;
    assert_eq!(code, Some(1));
    assert!(printed.starts_with("This database does not record changes of tasks yet"), "{printed}");
    database.up().await.expect("a fresh database");
    database.run("insert into \"user\" values ('ann'); insert into tasks (user_id, title) values ('ann', 'a'); delete from tasks").await;
    let (code, printed) = run(&database, &["new-epoch"]).await;
    let epoch = database.row("select epoch from tasks_api.sync_epoch").await;
    let expected = format!(
        "the epoch is now {epoch}: every client fetches all tasks again\n\
         deleted 1 records of deleted tasks, which only the former epoch needed\n"
    );
    assert_eq!((code, printed), (Some(0), expected));
    let expected = "deleted 0 idempotency keys, 0 records of deleted tasks, 0 fences, 0 revoked tokens, 0 reset codes and 0 \
                    counts of sign-in attempts\n";
    assert_eq!(run(&database, &["clean-up"]).await, (Some(0), expected.to_owned()));
}

#[tokio::test]
async fn every_command_prints_the_state_of_the_database() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    let (code, printed) = run(&database, &["verify"]).await;
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("\nthe column priority is missing\n    alter table tasks add column priority varchar(20);\n"),
        "{printed}"
    );
    let (code, printed) = run(&database, &["plan"]).await;
    assert_eq!(code, Some(0));
    assert!(printed.starts_with("-- What `migrate up` would do."), "{printed}");
    let (_, printed) = run(&database, &["status"]).await;
    assert!(printed.starts_with("0001 tasks: pending\n"), "{printed}");

    let (code, printed) = run(&database, &[]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("applied: add the column priority\n"), "{printed}");
    assert!(printed.contains("\nnote: 428 tasks have no created_at"), "{printed}");
    assert_eq!(run(&database, &["up"]).await, (Some(0), "nothing to do\n".to_owned()));
    assert_eq!(run(&database, &["plan"]).await, (Some(0), "-- There is nothing to do.\n".to_owned()));
    let (_, printed) = run(&database, &["status"]).await;
    assert!(printed.starts_with("0001 tasks: adopted 20"), "{printed}");
    let (code, printed) = run(&database, &["verify"]).await;
    assert_eq!(code, Some(0));
    assert!(printed.contains("note: 428 tasks have no created_at, and are read as"), "{printed}");
    assert!(printed.ends_with("the database has all that the functions need\n"), "{printed}");

    database.run("update tasks set priority = 'low' where id = 1").await;
    let (code, printed) = run(&database, &["down"]).await;
    assert_eq!(code, Some(1));
    assert!(printed.starts_with("undoing \"add the column priority\" would lose what 1 tasks hold"), "{printed}");
    let (code, printed) = run(&database, &["down", "--discard-data"]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("took back: add the column priority\n"), "{printed}");
}

#[tokio::test]
async fn an_adoption_that_does_not_work_fails() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    database
        .run(
            "create function keep() returns trigger language plpgsql as
                $$ begin raise exception 'tasks are kept'; end $$;
            create trigger keep before delete on tasks for each row execute function keep()",
        )
        .await;
    let (code, printed) = run(&database, &["up"]).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("\ndeleting a task fails: tasks are kept (P0001)\n"), "{printed}");
}

#[tokio::test]
async fn the_next_run_completes_a_killed_one() {
    let whole = Database::with_rows(&LAYOUTS[2]).await;
    whole.up().await.expect("a table to adopt");
    let adopted = whole.catalog().await;
    let mut kills = 0;
    // From before it connects until after its end, also on a slow machine.
    for milliseconds in (20..).step_by(25) {
        let database = Database::with_rows(&LAYOUTS[2]).await;
        let mut program = migrate(&database, &["up"]).stdout(Stdio::null()).spawn().expect("the program");
        let end = tokio::time::timeout(Duration::from_millis(milliseconds), program.wait()).await;
        if end.is_err() {
            program.kill().await.expect("it runs");
            kills += 1;
        }
        database.up().await.unwrap_or_else(|error| unreachable!("after {milliseconds} ms: {error}"));
        assert_eq!(database.catalog().await, adopted, "after {milliseconds} ms");
        if end.is_ok() {
            break;
        }
    }
    assert!(kills > 2, "only {kills}");
}
