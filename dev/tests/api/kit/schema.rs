//! The schema of the common database.
//!
//! It is the one that `migrate` creates in an empty database. With `LAYOUT=<name>` it is a layout of another
//! back end, with its rows, after the migrations.

use std::sync::LazyLock;

use dev::services::database;
use dev::testing::database::{LAYOUTS, Layout, TestDatabase};
use tokio_postgres::Client;
use uuid::Uuid;

static LAYOUT: LazyLock<Option<&Layout>> = LazyLock::new(|| {
    let name = std::env::var("LAYOUT").ok().filter(|name| !name.is_empty())?;
    let found = LAYOUTS.iter().find(|layout| layout.name == name);
    Some(
        found.unwrap_or_else(|| panic!("LAYOUT is {name}, and must be one of {:?}", LAYOUTS.map(|layout| layout.name))),
    )
});

/// The URL of a database with the layout. `None` without `LAYOUT`.
pub(crate) fn adopted_database_url() -> Option<String> {
    let layout = (*LAYOUT)?;
    // The thread of the caller may run an asynchronous runtime, which must not block.
    let adopting = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { TestDatabase::adopted(layout).await.url })
    });
    Some(adopting.join().expect("an adopted database"))
}

/// Connects to a database. Times without a time zone are UTC, as for the functions.
pub(crate) async fn connect(database_url: &str) -> Client {
    let client = database::connect(database_url).await.expect("the database");
    client.batch_execute("set timezone = 'UTC'").await.expect("a setting");
    client
}

/// The name of the table of users, quoted.
pub(crate) fn user_table() -> &'static str {
    LAYOUT.map_or("\"user\"", |layout| layout.user_table)
}

/// A user id that is not in the database, in the format of the ids that are.
pub(crate) fn new_user_id() -> String {
    let id = Uuid::new_v4();
    if LAYOUT.is_some_and(|layout| layout.has_uuid_users) { id.to_string() } else { id.simple().to_string() }
}

/// Inserts a user and returns the id.
pub(crate) async fn new_user(client: &Client) -> String {
    let Some(layout) = *LAYOUT else {
        return database::new_user(client).await.expect("a new user").id;
    };
    let id = new_user_id();
    client.execute(layout.new_user, &[&id]).await.expect("a new user");
    id
}

/// Whether the ids of tasks are numbers. Otherwise they are strings.
pub(crate) fn has_number_ids() -> bool {
    LAYOUT.is_none_or(|layout| !layout.makes_ids)
}

/// The length of the column of titles, in characters.
pub(crate) fn max_title_length() -> usize {
    LAYOUT.map_or(255, |layout| layout.longest_title)
}

/// What the log contains when the settings allow a title and a description and the database does not. `None` if the
/// database allows them as well.
pub(crate) fn refusal_of_long_texts() -> Option<&'static str> {
    match *LAYOUT {
        None => Some("ck_tasks_description_length"),
        Some(Layout { name: "own_users_with_passwords", .. }) => None,
        Some(_) => Some("value too long for type character varying"),
    }
}

/// Reports that a test makes no sense with this layout.
pub(crate) fn report_skipped(reason: &str) {
    let layout = LAYOUT.map_or("of an empty database", |layout| layout.name);
    dev::testing::report_skipped(&format!("with the layout {layout} {reason}"));
}
