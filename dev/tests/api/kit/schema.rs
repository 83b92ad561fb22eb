//! The schema that the tests run on: the one that `migrate` makes in an empty database, or with `LAYOUT=<name>` one that
//! another back end made, with its tasks, and that was adopted.

use std::sync::LazyLock;

use dev::services::database;
use dev::testing::new_database;
use uuid::Uuid;

use crate::adopted_layouts::{LAYOUTS, Layout};

static LAYOUT: LazyLock<Option<&Layout>> = LazyLock::new(|| {
    let name = std::env::var("LAYOUT").ok().filter(|name| !name.is_empty())?;
    let found = LAYOUTS.iter().find(|layout| layout.name == name);
    Some(
        found.unwrap_or_else(|| panic!("LAYOUT is {name}, and must be one of {:?}", LAYOUTS.map(|layout| layout.name))),
    )
});

/// The database of the layout, adopted, on a PostgreSQL of its own. `None` for the fresh schema.
pub(crate) fn adopted_database() -> Option<String> {
    let layout = (*LAYOUT)?;
    // The caller may be inside of a runtime, which cannot be blocked.
    let adopting = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let url = new_database().await;
            let sql = database::connect(&url).await.expect("the database");
            for statements in [IN_UTC, layout.tables, layout.users, layout.tasks] {
                sql.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
            }
            migrations::up(&url, &migrations::Options::default()).await.unwrap_or_else(|error| panic!("{error}"));
            url
        })
    });
    Some(adopting.join().expect("an adopted database"))
}

/// The zone of managed servers. A default such as now() stores it in a column without a zone.
const IN_UTC: &str =
    "do $$ begin execute format('alter database %I set timezone = ''UTC''', current_database()); end $$";

/// The table of users, quoted.
pub(crate) fn user_table() -> &'static str {
    LAYOUT.map_or("\"user\"", |layout| layout.user_table)
}

/// The id of somebody whom the database does not know, in the form that its ids have.
pub(crate) fn new_user_id() -> String {
    let id = Uuid::new_v4();
    if LAYOUT.is_some_and(|layout| layout.has_uuid_users) { id.to_string() } else { id.simple().to_string() }
}

/// Stores a user and returns the id.
pub(crate) async fn new_user(sql: &tokio_postgres::Client) -> String {
    let Some(layout) = *LAYOUT else {
        return database::new_user(sql).await.expect("a new user").id;
    };
    let id = new_user_id();
    sql.execute(layout.new_user, &[&id]).await.expect("a new user");
    id
}

/// Whether the database counts its tasks. Else their ids are texts.
pub(crate) fn counts_tasks() -> bool {
    LAYOUT.is_none_or(|layout| !layout.makes_ids)
}

/// How many characters the column of titles takes.
pub(crate) fn longest_title() -> usize {
    LAYOUT.map_or(255, |layout| layout.longest_title)
}

/// What the log tells of a title and a description that the settings allow and the database does not. `None` when the
/// database allows them as well.
pub(crate) fn refusal_of_long_texts() -> Option<&'static str> {
    match *LAYOUT {
        None => Some("ck_tasks_description_length"),
        Some(Layout { name: "own_users_with_passwords", .. }) => None,
        Some(_) => Some("value too long for type character varying"),
    }
}

/// Says that a test makes no sense with this layout.
pub(crate) fn not_run(reason: &str) {
    let layout = LAYOUT.map_or("of an empty database", |layout| layout.name);
    dev::testing::report_skipped(&format!("with the layout {layout} {reason}"));
}
