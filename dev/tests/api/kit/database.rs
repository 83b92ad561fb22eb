//! The common database, without the functions between.

use dev::testing::client::TestUser;
use serde_json::Value;
use tokio_postgres::Client;

use super::env::api;
use super::schema::{self, user_table};

/// Connects to the common database. Times without a time zone are UTC, as for the functions.
pub(crate) async fn connect() -> Client {
    schema::connect(api().stack().database_url()).await
}

/// Whether the column of due dates has a time zone. Then what another program stores is an instant.
pub(crate) async fn due_dates_have_a_zone() -> bool {
    let query = "select pg_typeof((null::tasks).due_date)::text = 'timestamp with time zone'";
    connect().await.query_one(query, &[]).await.expect("a type").get(0)
}

/// Deletes a user.
pub(crate) async fn delete_user(user: &TestUser) {
    let statement = format!("delete from {} where id::text = $1", user_table());
    assert_eq!(connect().await.execute(&statement, &[&user.id]).await.expect("a deleted row"), 1);
}

/// The rows of the tasks of a user, ordered by id.
pub(crate) async fn rows_of(user: &TestUser) -> Vec<Value> {
    let statement = "select to_jsonb(tasks)::text from tasks where user_id::text = $1 order by id";
    let rows = connect().await.query(statement, &[&user.id]).await.expect("rows");
    rows.iter().map(|row| serde_json::from_str(row.get(0)).expect("JSON")).collect()
}

/// Inserts tasks of a user. `values` are the expressions of these columns, and may end with a `from` clause.
pub(crate) async fn insert_tasks(user: &TestUser, columns: &str, values: &str) {
    let user_id = format!("(select id from {} where id::text = $1)", user_table());
    let statement = format!("insert into tasks (user_id, {columns}) select {user_id}, {values}");
    connect().await.execute(&statement, &[&user.id]).await.unwrap_or_else(|error| panic!("{error:?}"));
}
