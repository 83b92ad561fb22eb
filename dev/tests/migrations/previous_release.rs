//! The programs of an earlier release on the schema of this one, as during a deployment and after one that was rolled back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use dev::services::database::connect;
use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::{Cut, Direction, End, FaultProxy};
use dev::testing::function::{Function, event};
use dev::tokens::mint;
use dev::workspace::root;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::interruptions::{stop_terminating, terminate_before_change};
use crate::kit::{Database, MIGRATIONS, USER_TABLE, migration_names, no_changes};
use dev::testing::database::LAYOUTS;

/// An early release. Its schema ends with migration 0012, and it has its own tables beside `tasks`.
const EARLY: &str = "9386e9e";
/// The last release that does not record changes. Its schema ends with migration 0018.
const WITHOUT_CHANGES: &str = "cb10069";
const FUNCTIONS: [&str; 6] = ["create-task", "list-tasks", "get-task", "update-task", "complete-task", "delete-task"];

/// The key that signs the tokens of the users.
const SECRET: &str = "the secret of a test, which is long enough";

/// Builds the functions and `migrate` of a commit, and returns the directory of their binaries. `None` in a clone without the
/// history.
fn build(commit: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_dev")).ancestors().nth(2).expect("the target folder");
    // A folder of its own, so that no files of another release are among its sources.
    let folder = target.join("previous-release").join(commit);
    let source = folder.join("source");
    std::fs::create_dir_all(&source).expect("a folder");
    let is_there =
        || run(Command::new("git").args(["cat-file", "-e", &format!("{commit}^{{commit}}")]).current_dir(root()));
    if is_there().is_err() {
        // Fails in a clone that is not shallow or has no remote.
        let _ = run(Command::new("git").args(["fetch", "--unshallow"]).current_dir(root()));
    }
    is_there().ok()?;
    // The files get the time of the commit, so that cargo does not build them again.
    let archive = folder.join("source.tar");
    let archiving = ["archive", "--format=tar", "--output"];
    run(Command::new("git").args(archiving).arg(&archive).arg(commit).current_dir(root())).expect("an archive");
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&source)).expect("the files of the archive");

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").current_dir(&source);
    // The dependencies are shared. The binaries have the same names and are not.
    cargo.env("CARGO_BUILD_BUILD_DIR", target).env("CARGO_TARGET_DIR", &folder);
    cargo.args(FUNCTIONS.iter().chain(&["migrate"]).flat_map(|function| ["-p", function]));
    if run(Command::new("pkg-config").args(["--exists", "openssl"])).is_err() {
        cargo.args(["--features", "shared/vendored-openssl"]);
    }
    run(&mut cargo).unwrap_or_else(|problem| unreachable!("{commit} cannot be built: {problem}"));
    Some(folder.join("debug"))
}

/// The directory of the binaries of a commit, which are built once. `None` in a clone without the history.
async fn binaries(commit: &'static str) -> Option<&'static Path> {
    /// Also keeps two builds from running at once.
    static BINARIES: Mutex<BTreeMap<&str, Option<&'static Path>>> = Mutex::const_new(BTreeMap::new());
    let mut binaries = BINARIES.lock().await;
    if let Some(built) = binaries.get(commit) {
        return *built;
    }
    let built = tokio::task::spawn_blocking(|| build(commit)).await.expect("its programs");
    // For as long as the tests run.
    let built = built.map(|folder| &*Box::leak(folder.into_boxed_path()));
    binaries.insert(commit, built);
    if built.is_none() {
        dev::testing::report_skipped(&format!("this clone has no history to take {commit} from"));
    }
    built
}

/// Runs `migrate` of that release and returns what it prints.
fn migrate(binaries: &Path, database: &Database, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(binaries.join("migrate"));
    command.args(arguments).current_dir(binaries).env("DATABASE_URL", &database.url);
    command.env_remove("DATABASE_URL_UNPOOLED").env_remove("AUTH_USER_TABLE");
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The functions, and a proxy between them and their database.
struct Release {
    functions: BTreeMap<&'static str, Function>,
    proxy: FaultProxy,
}

impl Release {
    async fn start(binaries: &Path, database_url: &str) -> Self {
        let proxy = FaultProxy::in_front_of(database_url).await.expect("a free port");
        let url = proxy.redirect(database_url);
        let mut functions = BTreeMap::new();
        for name in FUNCTIONS {
            let variables = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
            functions.insert(name, Function::start(&binaries.join(name), &variables).await.expect("a binary"));
        }
        Self { functions, proxy }
    }

    async fn send(&mut self, user: &str, function: &str, call: (&str, &str), body: Option<Value>) -> TestResponse {
        let mut event = event(call.0, call.1);
        event["headers"]["authorization"] = format!("Bearer {}", mint(SECRET, user)).into();
        if let Some(body) = body {
            event["headers"]["content-type"] = "application/json".into();
            event["body"] = body.to_string().into();
        }
        if let Some(id) = call.1.split('/').nth(3) {
            event["pathParameters"] = json!({"id": id});
        }
        let function = self.functions.get_mut(function).expect("a function");
        function.invoke(&event).await.unwrap_or_else(|error| unreachable!("{error}: {}", function.output()))
    }

    /// The database executes the next statement, and its response is lost.
    fn lose_next_response(&self) {
        self.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close });
    }
}

/// Calls every function as one user, and shows that another user cannot reach the task.
async fn exercise(release: &mut Release, ann: &str, bob: &str, schema: &str) {
    release.lose_next_response();
    let body = json!({"title": " Buy milk ", "priority": "High", "due_date": "2026-11-21T17:30:00+02:00"});
    let created = release.send(ann, "create-task", ("POST", "/api/tasks"), Some(body)).await;
    assert_eq!((created.status, release.proxy.pending_cuts()), (201, 0), "{schema}: {created:?}");
    let mut task = created.json;
    assert_eq!(
        (&task["title"], &task["priority"], &task["due_date"], &task["completed"]),
        (&json!("Buy milk"), &json!("high"), &json!("2026-11-21T15:30:00.000000Z"), &json!(false)),
        "{schema}"
    );
    let id = task["id"].as_str().map_or_else(|| task["id"].to_string(), str::to_owned);
    let (path, complete) = (format!("/api/tasks/{id}"), format!("/api/tasks/{id}/complete"));

    let list = release.send(ann, "list-tasks", ("GET", "/api/tasks"), None).await;
    assert_eq!((list.status, list.json), (200, json!([task])), "{schema}: a create that was sent twice");
    let read = release.send(ann, "get-task", ("GET", &path), None).await;
    assert_eq!((read.status, read.json), (200, task.clone()), "{schema}");

    for (function, call, change, expected) in [
        ("update-task", ("PUT", &path), Some(json!({"title": "Buy oat milk"})), ("title", json!("Buy oat milk"))),
        ("update-task", ("PATCH", &path), Some(json!({"due_date": null})), ("due_date", json!(null))),
        ("complete-task", ("PATCH", &complete), Some(json!({"completed": true})), ("completed", json!(true))),
        ("complete-task", ("PATCH", &complete), None, ("completed", json!(false))),
        ("complete-task", ("PATCH", &complete), None, ("completed", json!(true))),
    ] {
        release.lose_next_response();
        let changed = release.send(ann, function, (call.0, call.1), change).await;
        assert_eq!((changed.status, release.proxy.pending_cuts()), (200, 0), "{schema}: {changed:?}");
        assert!(changed.json["updated_at"].as_str() > task["updated_at"].as_str(), "{schema}: {task} {changed:?}");
        task["updated_at"] = changed.json["updated_at"].clone();
        task[expected.0] = expected.1;
        assert_eq!(changed.json, task, "{schema}: {function}");
    }

    for (function, method, path, body) in [
        ("get-task", "GET", &path, None),
        ("update-task", "PUT", &path, Some(json!({"title": "Mine"}))),
        ("complete-task", "PATCH", &complete, None),
        ("delete-task", "DELETE", &path, None),
    ] {
        assert_eq!(release.send(bob, function, (method, path), body).await.status, 404, "{schema}: {function}");
    }
    assert_eq!(release.send(bob, "list-tasks", ("GET", "/api/tasks"), None).await.json, json!([]), "{schema}");
    assert_eq!(release.send(ann, "get-task", ("GET", &path), None).await.json, task, "{schema}");

    release.lose_next_response();
    assert_eq!(release.send(ann, "delete-task", ("DELETE", &path), None).await.status, 204, "{schema}");
    assert_eq!(release.send(ann, "delete-task", ("DELETE", &path), None).await.status, 404, "{schema}");
    assert_eq!(release.send(ann, "list-tasks", ("GET", "/api/tasks"), None).await.json, json!([]), "{schema}");
}

/// What an earlier release writes is in the changes, although it does not know them.
async fn assert_changes_are_recorded(release: &mut Release, database: &Database, ann: &str, schema: &str) {
    let changed_in = async || {
        let numbers = format!("select changed_in from tasks where user_id::text = '{ann}' and title = 'Recorded'");
        let number = database.row(&numbers).await;
        number.parse::<u64>().unwrap_or_else(|error| unreachable!("{schema}: {number}: {error}"))
    };
    let created = release.send(ann, "create-task", ("POST", "/api/tasks"), Some(json!({"title": "Recorded"}))).await;
    assert_eq!(created.status, 201, "{schema}: {created:?}");
    let made = changed_in().await;
    let id = created.json["id"].as_str().map_or_else(|| created.json["id"].to_string(), str::to_owned);
    let complete = format!("/api/tasks/{id}/complete");
    release.send(ann, "complete-task", ("PATCH", &complete), Some(json!({"completed": true}))).await;
    let changed = changed_in().await;
    assert!(changed > made, "{schema}");
    release.send(ann, "delete-task", ("DELETE", &format!("/api/tasks/{id}")), None).await;
    let deleted = format!(
        "select count(*) from tasks_api.task_tombstones
        where user_id::text = '{ann}' and task_id = '{id}' and deleted_in > '{changed}'::xid8"
    );
    assert_eq!(database.row(&deleted).await, "1", "{schema}");
}

#[tokio::test]
async fn earlier_releases_work_with_the_current_schema() {
    for commit in [EARLY, WITHOUT_CHANGES] {
        let Some(binaries) = binaries(commit).await else { return };
        let fresh = Database::with_sql(USER_TABLE).await;
        migrate(binaries, &fresh, &["up"]).expect("its schema");
        fresh.up().await.expect("an upgrade");
        fresh.run("insert into \"user\" values ('ann'), ('bob')").await;
        let mut release = Release::start(binaries, &fresh.url).await;
        exercise(&mut release, "ann", "bob", &format!("{commit}, fresh")).await;
        assert_changes_are_recorded(&mut release, &fresh, "ann", commit).await;

        for layout in &LAYOUTS {
            let name = format!("{commit}, {}", layout.name);
            let database = Database::with_rows(layout).await;
            migrate(binaries, &database, &["up"]).expect(&name);
            database.up().await.expect(&name);
            let sql = connect(&database.url).await.expect("the database");
            let users = [1, 2].map(|number| match layout.has_uuid_users {
                true => format!("f0000000-0000-4000-8000-00000000000{number}"),
                false => format!("new-user-{number}"),
            });
            for user in &users {
                sql.execute(layout.new_user, &[user]).await.expect(&name);
            }
            let mut release = Release::start(binaries, &database.url).await;
            exercise(&mut release, &users[0], &users[1], &name).await;
            assert_changes_are_recorded(&mut release, &database, &users[0], &name).await;
        }
    }
}

#[tokio::test]
async fn an_adoption_of_the_previous_release_is_upgraded() {
    let Some(binaries) = binaries(EARLY).await else { return };
    for layout in &LAYOUTS {
        let name = layout.name;
        let database = Database::with_rows(layout).await;
        let original = database.catalog().await;
        migrate(binaries, &database, &["up"]).expect(name);
        let adopted = database.catalog().await;
        assert_eq!(migration_names(&database.up().await.expect(name)), MIGRATIONS[12..], "{name}");
        assert_eq!(database.differences().await, [""; 0], "{name}");
        let indexes_of_tasks = |catalog: &[String]| {
            let indexes =
                catalog.iter().filter(|line| line.starts_with("index |") && line.contains(" ON public.tasks "));
            indexes.cloned().collect::<Vec<_>>()
        };
        let (before, after) = (indexes_of_tasks(&original), indexes_of_tasks(&database.catalog().await));
        assert!(before.iter().all(|index| after.contains(index)), "{name}: {before:#?} {after:#?}");
        assert_eq!(after.len(), before.len() + 7, "{name}: {after:#?}");
        let our_checks = "select conname from pg_constraint where conrelid = 'tasks'::regclass and conname = 'ck_tasks_title_length'";
        assert_eq!(database.rows(our_checks).await, [""; 0], "{name}");

        // Its `migrate`, as a deployment that is rolled back runs it.
        assert_eq!(migrate(binaries, &database, &["up"]).expect(name), "nothing to do\n");
        let status = migrate(binaries, &database, &["status"]).expect(name);
        assert!(status.contains("0013 tasks api schema: applied 20"), "{name}: {status}");
        let refusal = migrate(binaries, &database, &["down"]).expect_err(name);
        assert!(refusal.contains("only the release that applied it can revert it"), "{name}: {refusal}");

        // Back to what it made, which it can revert itself.
        for _ in &MIGRATIONS[12..] {
            database.down().await.expect(name);
        }
        assert_eq!(database.catalog().await, adopted, "{name}");
        database.up().await.expect(name);
        while database.down().await.expect(name) != no_changes() {}
        assert_eq!(database.catalog().await, original, "{name}");
    }
}

#[tokio::test]
async fn an_interrupted_adoption_of_the_previous_release_continues() {
    let Some(binaries) = binaries(EARLY).await else { return };
    let layout = &LAYOUTS[3];
    let original = Database::with_rows(layout).await.catalog().await;
    for change in (2..40).step_by(4) {
        let database = Database::with_rows(layout).await;
        terminate_before_change(&database, change).await;
        let completed = migrate(binaries, &database, &["up"]).is_ok();
        stop_terminating(&database).await;
        database.up().await.unwrap_or_else(|error| unreachable!("after {change}: {error}"));
        assert_eq!(database.differences().await, [""; 0], "after {change}");
        let objects =
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')";
        let expected: &[&str] = match completed {
            true => &["_sqlx_migrations", "task_fences", "tasks", "users"],
            false => &["tasks", "users"],
        };
        assert_eq!(database.rows(&format!("{objects} order by 1")).await, expected, "after {change}");
        while database.down().await.expect("a revert") != no_changes() {}
        assert_eq!(database.catalog().await, original, "after {change}");
        if completed {
            return;
        }
    }
    unreachable!("the adoption has more than 40 changes");
}
