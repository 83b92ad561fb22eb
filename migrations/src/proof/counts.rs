//! What the tables hold, and what the functions show of it.

use shared::proof::ShownTasks;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::proof::advice::FunctionsRole;
use crate::schema::catalog::UserTable;

/// Counts of tasks.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct TaskCounts {
    tasks: i64,
    completed: i64,
    with_due_date: i64,
    /// When the newest was stored, as RFC 3339 in UTC.
    newest: Option<String>,
}

/// A user, and what the table holds of them.
pub(super) struct SampleUser {
    pub(super) id: String,
    pub(super) counts: TaskCounts,
}

/// How many users are compared. All of their tasks are read.
const SAMPLE: i64 = 5;
/// Users with more tasks are left out.
const TASKS_MAX: i64 = 20_000;

/// A time without a zone is UTC. One that is missing is read as the other of the two.
const COUNTS: &str = r#"count(*) as tasks,
    count(*) filter (where completed) as completed,
    count(due_date) as with_due_date,
    to_char(max(
        case pg_typeof(created_at) when 'timestamp'::regtype
            then created_at::timestamp
            else created_at::timestamptz at time zone 'utc'
        end
    ), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as newest"#;

impl From<ShownTasks> for TaskCounts {
    fn from(shown: ShownTasks) -> Self {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            tasks: number(shown.tasks),
            completed: number(shown.completed),
            with_due_date: number(shown.with_due_date),
            newest: shown.newest,
        }
    }
}

impl TaskCounts {
    /// What the functions show otherwise to the user, as a clause. `None` when they show what the table holds.
    pub(super) fn difference_from(&self, shown: &Self, user: &str) -> Option<String> {
        // The newest of a user whose tasks have no time is one that the functions make up.
        let shows_newest = self.newest.is_none() || self.newest <= shown.newest;
        self.list_differences(shown, shows_newest).map(|list| format!("the user {user} is shown {list}"))
    }

    fn list_differences(&self, shown: &Self, shows_newest: bool) -> Option<String> {
        let counts = [
            ("tasks", shown.tasks, self.tasks),
            ("completed tasks", shown.completed, self.completed),
            ("tasks with a due date", shown.with_due_date, self.with_due_date),
        ];
        let differing = counts.iter().filter(|(_, shown, stored)| shown != stored);
        let mut list: Vec<String> =
            differing.map(|(name, shown, stored)| format!("{shown} of {stored} {name}")).collect();
        if list.is_empty() && !shows_newest {
            list.push("the newest task with another time than is stored".to_owned());
        }
        (!list.is_empty()).then(|| list.join(", "))
    }
}

/// The table `tasks` that this session finds, with its schema.
pub(super) async fn table_name(database: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select format('%I.%I', nspname, relname)
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where pg_class.oid = to_regclass('tasks')",
    )
    .fetch_optional(database)
    .await
}

/// The users with the most tasks, else any user.
pub(super) async fn sample_users(
    owner: &mut PgConnection,
    users: Option<&UserTable>,
) -> Result<Vec<SampleUser>, sqlx::Error> {
    let exists = users.map_or(String::new(), |UserTable { name, key, .. }| {
        format!("and exists (select from {name} as users where users.{key} = tasks.user_id)")
    });
    let sql = format!(
        "select user_id::text
        from tasks
        where user_id is not null {exists}
        group by user_id
        having count(*) <= {TASKS_MAX}
        order by count(*) desc, 1
        limit {SAMPLE}"
    );
    let mut ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *owner).await?;
    if let Some(UserTable { name, key, .. }) = users.filter(|_| ids.is_empty()) {
        let sql = format!("select {key}::text from {name} limit 1");
        ids = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *owner).await?;
    }
    let mut sample = Vec::new();
    for id in ids {
        let sql = format!("select {COUNTS} from tasks where user_id::text = $1");
        let counts = sqlx::query_as(AssertSqlSafe(sql)).bind(&id).fetch_one(&mut *owner).await?;
        sample.push(SampleUser { id, counts });
    }
    Ok(sample)
}

/// What the role of the functions sees of all tasks, as a clause. `None` when it sees all of them.
pub(super) async fn difference_in_total(
    owner: &mut PgConnection,
    visible: ShownTasks,
    role: &FunctionsRole,
) -> Result<Option<String>, sqlx::Error> {
    let sql = format!("select {COUNTS} from tasks");
    let stored: TaskCounts = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(owner).await?;
    let seen = TaskCounts::from(visible);
    Ok(stored.list_differences(&seen, true).map(|list| format!("the role {} sees {list}", role.name)))
}
