//! Tasks whose user does not exist.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::UserTable;
use crate::schema::difference::{Choice, Difference};

/// The number of tasks whose user does not exist.
pub(crate) async fn count(database: &mut PgConnection, users: &UserTable) -> Result<i64, sqlx::Error> {
    let sql = format!("select count(*) from tasks where {}", condition(users));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}

/// The difference for such tasks. `None` when there are none.
pub(crate) async fn difference(
    database: &mut PgConnection,
    users: &UserTable,
) -> Result<Option<Difference>, sqlx::Error> {
    let count = count(database, users).await?;
    let condition = condition(users);
    Ok((count > 0).then(|| {
        Difference::choice(
            format!("{count} tasks are of users that {} does not have", users.name),
            [
                Choice::sql_if("to list them", format!("select id, user_id, title from tasks where {condition};")),
                Choice::sql_if("to remove them", format!("delete from tasks where {condition};")),
                Choice::words_if("to keep them", "set AUTH_USER_TABLE to none for no foreign key"),
            ],
        )
    }))
}

fn condition(UserTable { name, key, .. }: &UserTable) -> String {
    format!("user_id is not null and not exists (select from {name} as users where users.{key} = tasks.user_id)")
}
