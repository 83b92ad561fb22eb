//! A user's tasks: all SQL of the API, and the only door to it.
//!
//! Every statement names the user as `$1`, which [`UserTasks`] fills in and nobody else can: the handlers have no
//! way to name a user at all. Ids and times travel as text and take the type of their column, so the same statements
//! serve integer, uuid and text ids.

use std::sync::Arc;

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::auth::VerifiedUser;
use crate::db::{Database, DbError, DbErrorKind, Query, Statement, Text};
use crate::error::{ApiError, Remedy};
use crate::precondition::IfMatch;
use crate::task::{Completion, Filter, ListQuery, NewTask, Order, Sort, Task, TaskChange, TaskId, TaskPage, Timestamp};

/// The tasks of one verified user.
pub struct UserTasks {
    user: VerifiedUser,
    database: Arc<Database>,
    counts_total: bool,
    /// Names this request in what it writes, so that a statement which is sent twice is recognised.
    request_id: String,
}

/// What every statement about a task returns, in the order in which [`task`] reads it. The owner is not among it:
/// it is the caller.
macro_rules! columns {
    () => {
        "id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version"
    };
}

/// An attempt that was given up does nothing any more; see [`Database::write`].
macro_rules! unless_fenced {
    ($and:literal, $attempt:literal) => {
        concat!("\n         ", $and, " not exists (select from task_fences where attempt = ", $attempt, ")")
    };
}

/// Whether the task has one of these versions. Null is every version.
macro_rules! of_version {
    ($versions:literal) => {
        concat!("(", $versions, "::bigint[] is null or version = any (", $versions, "::bigint[]))")
    };
}

/// Whether the task has this version and was last changed at this time. Null is every time; JavaScript's have
/// milliseconds.
macro_rules! as_seen {
    ($versions:literal, $updated_at:literal) => {
        concat!(
            of_version!($versions),
            "
         and (coalesce(updated_at, created_at) = ",
            $updated_at,
            " or date_trunc('milliseconds', coalesce(updated_at, created_at)) = ",
            $updated_at,
            ") is not false"
        )
    };
}

/// What comes of a change that is conditional: after the columns of the task whether it was made. If it was not, they
/// are of the task as it is; without a row there is no task.
macro_rules! conditional {
    ($change:expr, $columns:expr) => {
        concat!(
            "with changed as (",
            $change,
            "
         returning *)
         select ",
            $columns,
            ", true
         from changed
         union all
         select ",
            $columns,
            ", false
         from tasks
         where user_id = $1 and id = $2 and not exists (select from changed)"
        )
    };
}

/// With a key that this user has used before, it returns what was stored then.
static CREATE: Statement = Statement {
    name: "create",
    sql: concat!(
        "insert into tasks (user_id, title, description, completed, priority, due_date, idempotency_key)
         select $1, $2, $3, $4, $5, $6, $7",
        unless_fenced!("where", "$8"),
        "
         on conflict (user_id, idempotency_key) do update
         set idempotency_key = excluded.idempotency_key
         returning ",
        columns!()
    ),
};

static GET: Statement =
    Statement { name: "get", sql: concat!("select ", columns!(), " from tasks where user_id = $1 and id = $2") };

/// A statement that changes a task, and the same for a client that says what it has seen.
struct Change {
    always: Statement,
    conditional: Statement,
}

/// Of each pair of parameters the first says whether the column changes, so that null can be a new value.
macro_rules! update {
    () => {
        "update tasks
         set title = coalesce($3, title),
             description = case when $4::boolean then $5 else description end,
             completed = coalesce($6, completed),
             priority = case when $7::boolean then $8 else priority end,
             due_date = case when $9::boolean then $10 else due_date end
         where user_id = $1 and id = $2"
    };
}

static UPDATE: Change = Change {
    always: Statement {
        name: "update",
        sql: concat!(update!(), unless_fenced!("and", "$11"), "\n         returning ", columns!()),
    },
    conditional: Statement {
        name: "conditional update",
        sql: conditional!(
            concat!(update!(), "\n         and ", as_seen!("$11", "$12"), unless_fenced!("and", "$13")),
            columns!()
        ),
    },
};

/// Toggles without a `$3`, and then only if the request `$4` has not done so already.
macro_rules! complete {
    () => {
        "update tasks
         set completed = case
                 when $3::boolean is not null then $3::boolean
                 when last_request = $4 then completed
                 else not coalesce(completed, false)
             end,
             last_request = case when $3::boolean is null then $4 else last_request end
         where user_id = $1 and id = $2"
    };
}

static COMPLETE: Change = Change {
    always: Statement {
        name: "complete",
        sql: concat!(complete!(), unless_fenced!("and", "$5"), "\n         returning ", columns!()),
    },
    conditional: Statement {
        name: "conditional complete",
        // A toggle of this very request has changed what the client has seen.
        sql: conditional!(
            concat!(
                complete!(),
                "\n         and (last_request = $4 or ",
                as_seen!("$5", "$6"),
                ")",
                unless_fenced!("and", "$7")
            ),
            columns!()
        ),
    },
};

macro_rules! delete {
    () => {
        "delete from tasks where user_id = $1 and id = $2"
    };
}

static DELETE: Change = Change {
    always: Statement { name: "delete", sql: concat!(delete!(), " returning true") },
    conditional: Statement {
        name: "conditional delete",
        sql: conditional!(concat!(delete!(), " and ", of_version!("$3")), "id"),
    },
};

/// Null filters nothing. The planner sees the values, so what filters nothing costs nothing, and with the value of `$2`
/// the condition becomes `completed is true` or `completed is not true`, each of which has an index; without one a task
/// is pending. A time is compared before it is looked at for null, which has no type to learn it from. `$7` is now, for `$6`.
macro_rules! filter {
    () => {
        " from tasks
          where user_id = $1
            and ($2::boolean is null or (completed is true) = $2::boolean)
            and ($3::text is null or priority = $3::text)
            and (due_date < $4 or $4 is null)
            and (due_date > $5 or $5 is null)
            and ($6::boolean is null or ((due_date < $7 and completed is not true) is true) = $6::boolean)
            and ($8::text[] is null or concat_ws(' ', title, description) ilike all ($8::text[]))"
    };
}

static COUNT: Statement = Statement { name: "count", sql: concat!("select count(*)", filter!()) };

/// One per order; the id as last key makes each a total order. What has no due date or priority comes last in both
/// directions.
macro_rules! list {
    ($($order:expr),+) => {
        Statement {
            name: "list",
            sql: concat!("select ", columns!(), filter!(), " order by ", $($order),+, " limit $9::bigint offset $10::bigint")
        }
    };
}

/// A priority that an older back end made up has no rank, like none at all.
macro_rules! urgency {
    () => {
        "case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end"
    };
}

static LIST_CREATED_ASC: Statement = list!("created_at asc, id asc");
static LIST_CREATED_DESC: Statement = list!("created_at desc, id desc");
static LIST_UPDATED_ASC: Statement = list!("updated_at asc, id asc");
static LIST_UPDATED_DESC: Statement = list!("updated_at desc, id desc");
static LIST_DUE_DATE_ASC: Statement = list!("due_date asc nulls last, id asc");
static LIST_DUE_DATE_DESC: Statement = list!("due_date desc nulls last, id desc");
static LIST_TITLE_ASC: Statement = list!("lower(title) asc, id asc");
static LIST_TITLE_DESC: Statement = list!("lower(title) desc, id desc");
static LIST_PRIORITY_ASC: Statement = list!(urgency!(), " asc nulls last, id asc");
static LIST_PRIORITY_DESC: Statement = list!(urgency!(), " desc nulls last, id desc");

fn list_statement(sort: Sort, order: Order) -> &'static Statement {
    match (sort, order) {
        (Sort::Created, Order::Ascending) => &LIST_CREATED_ASC,
        (Sort::Created, Order::Descending) => &LIST_CREATED_DESC,
        (Sort::Updated, Order::Ascending) => &LIST_UPDATED_ASC,
        (Sort::Updated, Order::Descending) => &LIST_UPDATED_DESC,
        (Sort::DueDate, Order::Ascending) => &LIST_DUE_DATE_ASC,
        (Sort::DueDate, Order::Descending) => &LIST_DUE_DATE_DESC,
        (Sort::Title, Order::Ascending) => &LIST_TITLE_ASC,
        (Sort::Title, Order::Descending) => &LIST_TITLE_DESC,
        (Sort::Priority, Order::Ascending) => &LIST_PRIORITY_ASC,
        (Sort::Priority, Order::Descending) => &LIST_PRIORITY_DESC,
    }
}

impl UserTasks {
    /// The tasks of a user whose token was verified. `counts_total` tells whether lists say how many there are in all.
    pub(crate) fn of(user: VerifiedUser, database: Arc<Database>, counts_total: bool, request_id: String) -> Self {
        Self { user, database, counts_total, request_id }
    }

    /// Stores a new task and returns it.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`] when the user no longer exists; the database's failures.
    pub async fn create(&self, new: &NewTask) -> Result<Task, ApiError> {
        let query = self.query(
            &CREATE,
            [
                Text::of(&new.title),
                new.description.as_deref().map_or(Text::NULL, Text::of),
                Text::print(new.completed),
                new.priority.map_or(Text::NULL, Text::of),
                new.due_date.map_or(Text::NULL, Text::print),
                Text::print(format_args!("request:{}", self.request_id)),
            ],
        );
        let answer = self.database.write(query).await.map_err(refused_for_the_user)?;
        self.only_task(&answer.rows)
    }

    /// The task with this id.
    ///
    /// # Errors
    /// [`ApiError::TaskNotFound`] when the user has no such task; the database's failures.
    pub async fn get(&self, id: &TaskId) -> Result<Task, ApiError> {
        let answer = self.database.query(self.about(&GET, id, [])).await.map_err(refused_for_the_task)?;
        self.only_task(&answer.rows)
    }

    /// The tasks that the query asks for, in its order.
    ///
    /// # Errors
    /// The database's failures.
    pub async fn list(&self, query: &ListQuery) -> Result<TaskPage, ApiError> {
        let filter = filtering(&query.filter);
        let page = filter.iter().cloned().chain([Text::print(query.limit), Text::print(query.offset)]);
        let list = self.query(list_statement(query.sort, query.order), page);
        let (rows, total) = if self.counts_total {
            let count = self.query(&COUNT, filter);
            let answer = self.database.query_together([list, count]).await.map_err(refused_for_the_user)?;
            let [rows, counts] = answer.rows;
            let count = counts.first().ok_or_else(|| ApiError::Internal("no count was returned".into()))?;
            (rows, Some(count.try_get(0).map_err(unreadable)?))
        } else {
            (self.database.query(list).await.map_err(refused_for_the_user)?.rows, None)
        };
        let tasks = rows.iter().map(|row| self.task(row)).collect::<Result<_, _>>()?;
        Ok(TaskPage { tasks, total })
    }

    /// Changes the fields that are given and returns the task.
    ///
    /// # Errors
    /// [`ApiError::TaskNotFound`] when the user has no such task; [`ApiError::PreconditionFailed`] when it has changed;
    /// the database's failures.
    pub async fn update(&self, id: &TaskId, change: &TaskChange, if_match: &IfMatch) -> Result<Task, ApiError> {
        let description = change.description.as_ref();
        let parameters = [
            change.title.as_deref().map_or(Text::NULL, Text::of),
            Text::print(description.is_some()),
            description.and_then(Option::as_deref).map_or(Text::NULL, Text::of),
            change.completed.map_or(Text::NULL, Text::print),
            Text::print(change.priority.is_some()),
            change.priority.flatten().map_or(Text::NULL, Text::of),
            Text::print(change.due_date.is_some()),
            change.due_date.flatten().map_or(Text::NULL, Text::print),
        ];
        let seen = Seen { if_match, updated_at: change.expected_updated_at };
        self.change(&UPDATE, id, parameters, &seen, |task| change.is_in(task)).await
    }

    /// Sets or toggles whether the task is completed and returns it.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn complete(&self, id: &TaskId, completion: &Completion, if_match: &IfMatch) -> Result<Task, ApiError> {
        let set = completion.completed.map_or(Text::NULL, Text::print);
        let seen = Seen { if_match, updated_at: completion.expected_updated_at };
        let is_set = |task: &Task| completion.completed == Some(task.completed);
        self.change(&COMPLETE, id, [set, Text::of(&self.request_id)], &seen, is_set).await
    }

    /// Deletes the task for good.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn delete(&self, id: &TaskId, if_match: &IfMatch) -> Result<(), ApiError> {
        let query = match if_match.versions() {
            None => self.about(&DELETE.always, id, []),
            Some(versions) => self.about(&DELETE.conditional, id, [array(versions.iter().map(i64::to_string))]),
        };
        let answer = self.database.query(query).await.map_err(refused_for_the_task)?;
        match answer.rows.first() {
            Some(row) if was_made(row)? => Ok(()),
            Some(_) => Err(ApiError::PreconditionFailed),
            // A repeat that finds nothing finds the work of the execution whose answer was lost.
            None if answer.is_repeat => Ok(()),
            None => Err(ApiError::TaskNotFound),
        }
    }

    /// `is_made` tells of a task whether it is as the change makes it.
    async fn change<'a, const N: usize>(
        &'a self,
        change: &'static Change,
        id: &TaskId,
        parameters: [Text<'a>; N],
        seen: &Seen<'_>,
        is_made: impl Fn(&Task) -> bool,
    ) -> Result<Task, ApiError> {
        let Some(condition) = seen.condition() else {
            let query = self.about(&change.always, id, parameters);
            return self.only_task(&self.database.write(query).await.map_err(refused_for_the_task)?.rows);
        };
        let query = self.about(&change.conditional, id, parameters.into_iter().chain(condition));
        let answer = self.database.write(query).await.map_err(refused_for_the_task)?;
        let row = answer.rows.first().ok_or(ApiError::TaskNotFound)?;
        let task = self.task(row)?;
        // A repeat may find the work of the execution whose answer was lost, after which the version is another.
        if was_made(row)? || (answer.is_repeat && is_made(&task)) {
            Ok(task)
        } else {
            Err(ApiError::PreconditionFailed)
        }
    }

    /// A statement about the task `id`, which is its `$2`.
    fn about<'a>(
        &'a self,
        statement: &'static Statement,
        id: &TaskId,
        parameters: impl IntoIterator<Item = Text<'a>>,
    ) -> Query<'a> {
        self.query(statement, std::iter::once(Text::print(id)).chain(parameters))
    }

    /// A statement with the user as its `$1`. Every statement of this module is sent through here.
    fn query<'a>(&'a self, statement: &'static Statement, parameters: impl IntoIterator<Item = Text<'a>>) -> Query<'a> {
        let user = Text::of(self.user.id());
        Query { statement, parameters: std::iter::once(user).chain(parameters).collect() }
    }

    fn only_task(&self, rows: &[Row]) -> Result<Task, ApiError> {
        rows.first().map_or(Err(ApiError::TaskNotFound), |row| self.task(row))
    }

    /// Reads what [`columns`] names. A time that an older back end did not store is taken from the other one.
    fn task(&self, row: &Row) -> Result<Task, ApiError> {
        let read = || -> Result<Task, tokio_postgres::Error> {
            let created_at: Option<Timestamp> = row.try_get(6)?;
            let updated_at: Option<Timestamp> = row.try_get(7)?;
            Ok(Task {
                id: row.try_get(0)?,
                user_id: self.user.id().to_owned(),
                title: row.try_get(1)?,
                description: row.try_get(2)?,
                completed: row.try_get(3)?,
                priority: row.try_get(4)?,
                due_date: row.try_get(5)?,
                created_at: created_at.or(updated_at).unwrap_or(Timestamp::EPOCH),
                updated_at: updated_at.or(created_at).unwrap_or(Timestamp::EPOCH),
                version: row.try_get(8)?,
            })
        };
        read().map_err(unreadable)
    }
}

/// The parameters of `filter!`, from `$2` on.
fn filtering(filter: &Filter) -> [Text<'static>; 7] {
    let time = |time: Option<Timestamp>| time.map_or(Text::NULL, Text::print);
    let patterns = || array(filter.words.iter().map(|word| quoted(&format!("%{}%", literal(word)))));
    [
        filter.completed.map_or(Text::NULL, Text::print),
        filter.priority.map_or(Text::NULL, Text::of),
        time(filter.due_before),
        time(filter.due_after),
        filter.overdue.map_or(Text::NULL, Text::print),
        filter.overdue.map_or(Text::NULL, |_| Text::print(Timestamp::now())),
        if filter.words.is_empty() { Text::NULL } else { patterns() },
    ]
}

/// What the client says that it has seen of a task.
struct Seen<'a> {
    if_match: &'a IfMatch,
    updated_at: Option<Timestamp>,
}

impl Seen<'_> {
    /// The parameters of `as_seen!`; none where the client has said nothing.
    fn condition(&self) -> Option<[Text<'static>; 2]> {
        let versions = self.if_match.versions();
        let has_condition = versions.is_some() || self.updated_at.is_some();
        let versions = versions.map_or(Text::NULL, |versions| array(versions.iter().map(i64::to_string)));
        has_condition.then(|| [versions, self.updated_at.map_or(Text::NULL, Text::print)])
    }
}

/// Elements as PostgreSQL reads an array: `{7,8}`.
fn array(elements: impl Iterator<Item = String>) -> Text<'static> {
    Text::print(format_args!("{{{}}}", elements.collect::<Vec<_>>().join(",")))
}

/// A text as an element of an [`array`].
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// A text as a pattern of `like` that matches only itself.
fn literal(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

/// The last column of what changes a task under a condition, and the only one of an unconditional delete.
fn was_made(row: &Row) -> Result<bool, ApiError> {
    row.try_get(row.len() - 1).map_err(unreadable)
}

/// The tables of the sign-in service, as far as it takes to verify a token. Better Auth owns them; we only read.
pub(crate) struct SignIn {
    database: Arc<Database>,
}

/// Never the private key, which is in the same table. Better Auth stops publishing a key 30 days after its end.
static KEYS: Statement = Statement {
    name: "keys",
    sql: "select id::text, \"publicKey\"
          from jwks
          where \"expiresAt\" is null or \"expiresAt\" > now() - interval '30 days'",
};

static SESSION: Statement = Statement {
    name: "session",
    sql: "select \"userId\"::text
          from session
          where token = $1 and \"expiresAt\" > now()",
};

impl SignIn {
    pub(crate) fn of(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// The public keys as JWKs, named by their ids. A text that is not a JWK becomes null.
    ///
    /// # Errors
    /// The database's failures; a missing table is one of the sign-in service.
    pub(crate) async fn keys(&self) -> Result<Vec<Value>, ApiError> {
        let rows = self.database.query(Query { statement: &KEYS, parameters: Vec::new() }).await;
        let jwk = |row: &Row| -> Result<Value, ApiError> {
            let (id, text): (String, &str) = (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
            let mut jwk: Value = serde_json::from_str(text).unwrap_or_default();
            if let Some(members) = jwk.as_object_mut() {
                members.insert("kid".to_owned(), id.into());
            }
            Ok(jwk)
        };
        rows.map_err(refused_for_the_sign_in)?.rows.iter().map(jwk).collect()
    }

    /// The user of a session that has not ended.
    ///
    /// # Errors
    /// As [`SignIn::keys`].
    pub(crate) async fn user_of_session(&self, token: &str) -> Result<Option<String>, ApiError> {
        let query = Query { statement: &SESSION, parameters: vec![Text::of(token)] };
        let answer = self.database.query(query).await.map_err(refused_for_the_sign_in)?;
        answer.rows.first().map(|row| row.try_get(0).map_err(unreadable)).transpose()
    }
}

/// Whether the database answers: what `GET /health/ready` may know of it.
pub struct Readiness {
    database: Arc<Database>,
}

/// The one statement without a user: it reads no table.
static PING: Statement = Statement { name: "ping", sql: "select true" };

impl Readiness {
    pub(crate) fn of(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// The database's failures.
    pub async fn check(&self) -> Result<(), ApiError> {
        let ping = Query { statement: &PING, parameters: Vec::new() };
        self.database.query(ping).await.map(drop).map_err(refused)
    }
}

/// A statement about a task that exists, or may not.
fn refused_for_the_task(error: DbError) -> ApiError {
    match &error.kind {
        // An id that this column's type cannot hold is the id of no task.
        DbErrorKind::Refused(state) if is_unreadable_value(state) => ApiError::TaskNotFound,
        _ => refused(error),
    }
}

/// A statement about the user alone.
fn refused_for_the_user(error: DbError) -> ApiError {
    match &error.kind {
        // The user was deleted, or has an id that the user table's type cannot hold: there is no such user.
        DbErrorKind::Refused(state) if *state == SqlState::FOREIGN_KEY_VIOLATION || is_unreadable_value(state) => {
            ApiError::Unauthenticated(Some(error.into()))
        }
        _ => refused(error),
    }
}

/// A statement about Better Auth's tables, which may be others than we think.
fn refused_for_the_sign_in(error: DbError) -> ApiError {
    match error.kind {
        DbErrorKind::Refused(_) => ApiError::SignInUnavailable(error.into()),
        _ => refused(error),
    }
}

fn refused(error: DbError) -> ApiError {
    match error.kind.clone() {
        DbErrorKind::Refused(SqlState::UNIQUE_VIOLATION) => ApiError::Conflict(error.into()),
        DbErrorKind::Refused(
            SqlState::CHECK_VIOLATION | SqlState::STRING_DATA_RIGHT_TRUNCATION | SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        ) => ApiError::Refused(error.into()),
        DbErrorKind::Unavailable { retry_after } => {
            ApiError::DatabaseUnavailable { retry_after, remedy: Remedy::Wait, source: Some(error.into()) }
        }
        DbErrorKind::Exhausted { retry_after } => {
            ApiError::DatabaseUnavailable { retry_after, remedy: Remedy::Scale, source: Some(error.into()) }
        }
        DbErrorKind::Misconfigured => ApiError::Misconfigured(error.into()),
        DbErrorKind::Refused(_) | DbErrorKind::Unreadable => ApiError::Internal(error.into()),
    }
}

fn unreadable(error: tokio_postgres::Error) -> ApiError {
    ApiError::Internal(error.into())
}

/// 22P02: `abc` is not an integer. 22003: 99999999999 is not a small one.
fn is_unreadable_value(state: &SqlState) -> bool {
    *state == SqlState::INVALID_TEXT_REPRESENTATION || *state == SqlState::NUMERIC_VALUE_OUT_OF_RANGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_about_tasks_names_its_user() {
        let source = include_str!("store.rs");
        let (code, _) = source.split_once("#[cfg(test)]").expect("this module");
        let defined = code.matches(": Statement =").count() + 2 * code.matches(": Change =").count();
        let about_tasks = [
            &CREATE,
            &GET,
            &UPDATE.always,
            &UPDATE.conditional,
            &COMPLETE.always,
            &COMPLETE.conditional,
            &DELETE.always,
            &DELETE.conditional,
            &COUNT,
            &LIST_CREATED_ASC,
            &LIST_CREATED_DESC,
            &LIST_UPDATED_ASC,
            &LIST_UPDATED_DESC,
            &LIST_DUE_DATE_ASC,
            &LIST_DUE_DATE_DESC,
            &LIST_TITLE_ASC,
            &LIST_TITLE_DESC,
            &LIST_PRIORITY_ASC,
            &LIST_PRIORITY_DESC,
        ];
        let others = [&PING, &KEYS, &SESSION];
        assert_eq!(about_tasks.len() + others.len(), defined, "a statement is missing from this test");
        for statement in about_tasks {
            let sql = statement.sql;
            let scoped = sql.contains("where user_id = $1") && !sql.contains(" or user_id");
            let owned = sql.starts_with("insert into tasks (user_id,") && sql.contains("select $1,");
            assert!(scoped || owned, "{}: {sql}", statement.name);
            // A delete that comes late finds nothing that it could harm.
            let may_land_late =
                sql.contains("not exists (select from task_fences") || sql.contains("delete from tasks");
            assert!(may_land_late || !sql.contains("returning"), "{}: {sql}", statement.name);
        }
        for statement in others {
            assert!(!statement.sql.contains("tasks") && statement.sql.starts_with("select"), "{}", statement.name);
        }
    }

    #[test]
    fn every_order_ends_with_the_id() {
        for sort in [Sort::Created, Sort::Updated, Sort::DueDate, Sort::Title, Sort::Priority] {
            for (order, direction) in [(Order::Ascending, "asc"), (Order::Descending, "desc")] {
                let sql = list_statement(sort, order).sql;
                assert!(sql.contains(&format!(", id {direction} limit $9")), "{sql}");
            }
        }
    }
}
