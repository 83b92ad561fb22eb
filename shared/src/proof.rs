//! Tries what the functions do, in a transaction that is rolled back. The program `migrate` proves with it that the
//! functions work with a database. No function contains it.
//!
//! A [`Proof`] has no token, and so no verified user. It never returns what belongs to a user, only whether an operation
//! succeeded, and counts.

use std::error::Error;
use std::sync::Arc;

use database_url::DatabaseUrl;
use serde_json::{Value, json};

use crate::auth::{VerifiedUser, check_tables};
use crate::config::{ApiConfig, Config, JsonFormat, StartError};
use crate::db::{Database, DbError, Query, cause_chain};
use crate::input::{FromJson, FromPath, FromQuery, ObjectReader, QueryReader};
use crate::scope::{ExtraMembers, IdempotencyKey, OperationFailure, OperationOutcome, StoreError, UserScope, Versions};
use crate::tasks::{
    Bulk, ChangesQuery, Completion, ListQuery, NewTask, StatsQuery, Task, TaskChange, TaskId, TaskPage,
};

/// A transaction of the role of the functions.
pub struct Proof {
    database: Arc<Database>,
    config: ApiConfig,
    /// The role.
    role: String,
    /// The table `tasks` that it finds, with its schema.
    tasks: Option<String>,
}

/// Why a proof or one of its operations failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofError {
    /// What was tried, as a noun phrase: `creating a task`.
    pub operation: &'static str,
    /// The SQLSTATE, if the server refused.
    pub sqlstate: Option<String>,
    /// The reason, without values of rows.
    pub message: String,
}

/// What the API shows to one user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownTasks {
    /// All tasks.
    pub tasks: usize,
    /// Those that are completed.
    pub completed: usize,
    /// Those that have a due date.
    pub with_due_date: usize,
    /// When the newest was stored, as RFC 3339 in UTC.
    pub newest: Option<String>,
}

/// What is wrong with Better Auth's tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInCheck {
    /// Why tokens will be refused, each a sentence.
    pub problems: Vec<ProofError>,
    /// The public keys are in the database, and there are none.
    pub lacks_keys: bool,
    /// The table of sessions, if it has none that has not expired.
    pub without_sessions: Option<String>,
}

/// The filters of a list, each as a query string.
const FILTERS: [&str; 12] = [
    "",
    "status=pending",
    "status=completed",
    "due_before=2026-11-21T17:30:00Z",
    "due_after=2026-11-21",
    "overdue=true",
    "overdue=false",
    "search=a%20b",
    "search=caf%C3%A9",
    "due_before=2026-11-21T17:30:00Z&due_after=2026-11-21&tz=Europe/Berlin",
    "due_before=2026-11-21&due_after=2026-11-21T17:30:00Z&tz=Europe/Berlin",
    "overdue=true&tz=Europe/Berlin",
];
const SORTS: [&str; 5] = ["created", "updated", "due_date", "title", "priority"];
/// The page of a list when all tasks are counted.
const PAGE: usize = 1000;

impl Proof {
    /// Connects as the functions do and begins the transaction. `lookup` returns the settings of the functions.
    ///
    /// # Errors
    /// A setting is invalid, or the database refuses the connection.
    pub async fn begin(
        database_url: &str,
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ProofError> {
        const SESSION: &str = "\
select current_user::text, case when tasks is not null then format('%I.%I', nspname, relname) end
from (select to_regclass('tasks') as tasks) as found
left join pg_class on pg_class.oid = tasks
left join pg_namespace on pg_namespace.oid = relnamespace";
        let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let config = ApiConfig::from_lookup(&lookup).map_err(|error| ProofError::from_error("the start", &error))?;
        let url = parse(database_url)?;
        let failed = |error: DbError| ProofError::from_db("connecting", &error);
        let database = Database::begin(&url).await.map_err(failed)?;
        let rows = database.query(Query::new("session", SESSION, Vec::new())).await.map_err(failed)?.rows;
        let row = rows.first().ok_or_else(|| ProofError::from_error("connecting", &std::fmt::Error))?;
        let (role, tasks) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
        Ok(Self { database: Arc::new(database), config, role, tasks })
    }

    /// The role of the functions, not quoted.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The table `tasks` that the functions find, with its schema. `None` if they find none.
    #[must_use]
    pub fn tasks(&self) -> Option<&str> {
        self.tasks.as_deref()
    }

    /// Tries every statement as this user: on new tasks, and on the newest task that the user has.
    pub async fn try_operations(&self, user_id: &str) -> Vec<ProofError> {
        let Some(user) = self.user(user_id) else {
            return vec![ProofError::unusable_user()];
        };
        let mut trial = Trial { proof: self, user, errors: Vec::new() };
        let existing = trial.lists().await;
        trial.changes().await;
        trial.stats().await;
        if let Some(task) = existing {
            trial.changes_of_existing(&task).await;
        }
        trial.life_of_a_task().await;
        trial.several_tasks().await;
        trial.errors
    }

    /// Counts what the API shows to this user.
    ///
    /// # Errors
    /// A list fails.
    pub async fn shown(&self, user_id: &str) -> Result<ShownTasks, ProofError> {
        let user = self.user(user_id).ok_or_else(ProofError::unusable_user)?;
        let mut shown = ShownTasks::default();
        loop {
            let query = self.list_query(&format!("limit={PAGE}&offset={}", shown.tasks));
            let page = user.tasks().list(&query?).await;
            let page = page.map_err(|error| ProofError::from_store("listing tasks", &error))?.tasks;
            shown.tasks += page.len();
            shown.completed += page.iter().filter(|task| task.completed).count();
            shown.with_due_date += page.iter().filter(|task| task.due_date.is_some()).count();
            let newest = page.iter().map(|task| task.created_at.to_string()).max();
            shown.newest = shown.newest.max(newest);
            if page.len() < PAGE {
                return Ok(shown);
            }
        }
    }

    /// Counts all tasks that the role of the functions can see. `newest` is not among the counts.
    ///
    /// # Errors
    /// The role may not read the table.
    pub async fn visible(&self) -> Result<ShownTasks, ProofError> {
        const VISIBLE: &str = "\
select count(*), count(*) filter (where completed), count(due_date)
from tasks";
        let failed = |error: DbError| ProofError::from_db("counting tasks", &error);
        let rows = self.database.query(Query::new("visible", VISIBLE, Vec::new())).await.map_err(failed)?.rows;
        let count = |index: usize| {
            let count: i64 = rows.first().map_or(Ok(0), |row| row.get(index)).map_err(failed)?;
            Ok(usize::try_from(count).unwrap_or_default())
        };
        Ok(ShownTasks { tasks: count(0)?, completed: count(1)?, with_due_date: count(2)?, newest: None })
    }

    /// Rolls everything back and closes the connection.
    pub async fn roll_back(self) {
        // The server rolls back when the connection is closed.
        self.database.close().await;
    }

    fn user(&self, id: &str) -> Option<UserScope> {
        let user = VerifiedUser::for_proof(id)?;
        let extra = ExtraMembers::new(self.config.json);
        let request_id = format!("proof-{:016x}", fastrand::u64(..));
        Some(UserScope::new(user, Arc::clone(&self.database), request_id, extra))
    }

    fn list_query(&self, query: &str) -> Result<ListQuery, ProofError> {
        self.list_query_with(query, self.config)
    }

    fn list_query_with(&self, query: &str, config: ApiConfig) -> Result<ListQuery, ProofError> {
        let mut reader = QueryReader::new(query);
        let value = ListQuery::from_query(&mut reader, &config);
        reader.finish(value).map_err(|error| ProofError {
            operation: "listing tasks",
            sqlstate: None,
            message: error.to_string(),
        })
    }

    fn input<T: FromJson>(&self, body: &Value) -> Option<T> {
        let mut reader = ObjectReader::new(body.as_object()?, "");
        let value = T::from_json(&mut reader, &self.config);
        reader.finish(value).ok()
    }
}

/// Reads Better Auth's tables as requests do. `None` if no setting of `lookup` says how users sign in.
///
/// # Errors
/// A setting is missing or invalid: the functions would not start.
pub async fn check_sign_in(
    database_url: &str,
    lookup: impl Fn(&'static str) -> Option<String>,
) -> Result<Option<SignInCheck>, StartError> {
    const SETTINGS: [&str; 5] = ["AUTH_MODE", "BETTER_AUTH_URL", "BETTER_AUTH_SECRET", "JWKS_URL", "JWKS_JSON"];
    let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
    if SETTINGS.iter().all(|name| lookup(name).is_none()) {
        return Ok(None);
    }
    let config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(database_url.to_owned()),
        _ => lookup(name),
    })?;
    let url =
        DatabaseUrl::parse(database_url.trim()).map_err(|problem| StartError::invalid("DATABASE_URL", problem))?;
    let database = Arc::new(Database::new(&url));
    let check = check_tables(&config.auth, Arc::clone(&database)).await;
    database.close().await;
    let problems = check.errors.iter().map(|error| ProofError::from_error("signing in", error)).collect();
    Ok(Some(SignInCheck { problems, lacks_keys: check.lacks_keys, without_sessions: check.without_sessions }))
}

fn parse(database_url: &str) -> Result<DatabaseUrl, ProofError> {
    DatabaseUrl::parse(database_url.trim()).map_err(|problem| ProofError {
        operation: "connecting",
        sqlstate: None,
        message: format!("DATABASE_URL {problem}"),
    })
}

/// The operations of one user, and those that failed.
struct Trial<'a> {
    proof: &'a Proof,
    user: UserScope,
    errors: Vec<ProofError>,
}

impl Trial<'_> {
    /// Lists in every order and with every filter, the first page and the next. Returns the newest task.
    async fn lists(&mut self) -> Option<Task> {
        let json = JsonFormat { list_object: true, ..self.proof.config.json };
        let config = ApiConfig { json, ..self.proof.config };
        let orders = SORTS.iter().flat_map(|sort| ["asc", "desc"].map(|order| format!("sort={sort}&order={order}")));
        let priority = config.priorities.most_urgent().map(|word| {
            let word: String = form_urlencoded::byte_serialize(word.as_bytes()).collect();
            format!("priority={word}")
        });
        let filters = FILTERS.iter().map(|filter| (*filter).to_owned());
        let mut newest = None;
        for query in filters.chain(priority).chain(orders) {
            let Some(page) = self.list(&format!("limit=1&{query}"), config).await else { continue };
            if let Some(cursor) = &page.next_cursor {
                self.list(&format!("limit=1&cursor={cursor}"), config).await;
            }
            if query.is_empty() {
                newest = page.tasks.into_iter().next();
            }
        }
        newest
    }

    async fn list(&mut self, query: &str, config: ApiConfig) -> Option<TaskPage> {
        let page = match self.proof.list_query_with(query, config) {
            Ok(parsed) => self.user.tasks().list(&parsed).await,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        self.note("listing tasks", page)
    }

    async fn stats(&mut self) {
        let mut reader = QueryReader::new("tz=Europe/Berlin");
        let query = StatsQuery::from_query(&mut reader, &self.proof.config);
        let stats = self.user.tasks().stats(&query).await;
        self.note("counting tasks", stats);
    }

    /// Sends a task back as a form does, and completes it.
    async fn changes_of_existing(&mut self, task: &Task) {
        let mut body = json!({"title": task.title, "description": task.description, "priority": task.priority});
        for field in self.proof.config.json.extra {
            body[&field.member] = task.extra.get(&field.column).cloned().unwrap_or_default();
        }
        if let Some(change) = self.proof.input::<TaskChange>(&body) {
            let changed = self.user.tasks().update(&task.id, &change, &Versions::ANY, None).await;
            self.note("storing a task as it is", changed);
        }
        if let Some(toggle) = self.proof.input::<Completion>(&json!({})) {
            let toggled = self.user.tasks().complete(&task.id, &toggle, &Versions::ANY, None).await;
            self.note("completing a task", toggled);
        }
    }

    /// Lists what has changed: all tasks, and since a token.
    async fn changes(&mut self) {
        let mut since = None;
        for _ in 0..3 {
            let page = self.user.tasks().changes(&ChangesQuery { since, limit: 1 }).await;
            let Some(page) = self.note("listing changes", page) else { return };
            since = page.next_token(1);
        }
    }

    /// Creates tasks, changes and deletes them, without and with keys.
    async fn life_of_a_task(&mut self) {
        let word = self.proof.config.priorities.most_urgent();
        let whole = json!({
            "title": "A task of `migrate verify`, which is rolled back",
            "description": "Words",
            "completed": true,
            "priority": word,
            "due_date": "2026-11-21T17:30:00Z",
        });
        for body in [json!({"title": "A task of `migrate verify`, which is rolled back"}), whole.clone()] {
            let Some(new) = self.proof.input::<NewTask>(&body) else { continue };
            for has_key in [false, true] {
                let key = has_key.then(new_key).flatten();
                let created = self.user.tasks().create(&new, key.as_ref()).await;
                let Some(task) = self.note(CREATING, created) else { continue };
                let Some(id) = TaskId::from_path(&task.value.id.to_string()) else { continue };
                let read = self.user.tasks().get(&id).await;
                self.note("reading a task", read);
                let current = self.change(&id, &whole, has_key).await.unwrap_or(task.value.version);
                self.delete(&id, &Versions::one_of(vec![current]), key.as_ref()).await;
                if key.is_some() {
                    let repeated = self.user.tasks().create(&new, key.as_ref()).await;
                    self.note("repeating the creation of a task", repeated);
                }
            }
        }
        let Some(new) = self.proof.input::<NewTask>(&json!({"title": "Another one"})) else { return };
        for key in [None, new_key()] {
            if let Ok(task) = self.user.tasks().create(&new, None).await {
                self.delete(&task.value.id, &Versions::ANY, key.as_ref()).await;
            }
        }
    }

    /// Creates tasks, and changes and deletes them, each time in one request.
    async fn several_tasks(&mut self) {
        // It would fail for the same reason.
        if self.errors.iter().any(|error| error.operation == CREATING) {
            return;
        }
        let title = "A task of `migrate verify`, which is rolled back";
        let whole = json!({"op": "create", "title": title, "description": "Words", "due_date": "2026-11-21"});
        let created = self.bulk(&json!({"operations": [{"op": "create", "title": title}, whole]})).await;
        let [one, other] = created.as_slice() else { return };
        let changes = json!({"operations": [
            {"op": "update", "id": one.id, "version": one.version, "title": title, "due_date": "2026-11-21T17:30:00Z"},
            {"op": "complete", "id": one.id},
            {"op": "delete", "id": other.id},
        ]});
        self.bulk(&changes).await;
        self.bulk(&json!({"task_ids": [one.id], "delete": true})).await;
    }

    /// Returns the created and the changed tasks.
    async fn bulk(&mut self, body: &Value) -> Vec<Task> {
        const OPERATION: &str = "creating, changing and deleting several tasks";
        let Some(bulk) = self.proof.input::<Bulk>(body) else { return Vec::new() };
        let done = self.user.tasks().bulk(bulk, new_key().as_ref()).await;
        let Some(done) = self.note(OPERATION, done) else { return Vec::new() };
        let mut tasks = Vec::new();
        for operation in done.value.operations {
            match operation {
                Ok(OperationOutcome::Created(task) | OperationOutcome::Changed(task)) => tasks.push(task),
                Ok(OperationOutcome::Deleted) | Err(OperationFailure::With(_) | OperationFailure::NotDone) => {}
                Err(OperationFailure::Refused(error)) => drop(self.note::<()>(OPERATION, Err(error))),
                Err(OperationFailure::Invalid(_) | OperationFailure::VersionRequired) => {}
            }
        }
        tasks
    }

    async fn delete(&mut self, id: &TaskId, versions: &Versions, key: Option<&IdempotencyKey>) {
        let deleted = self.user.tasks().delete(id, versions, key).await;
        self.note("deleting a task", deleted);
    }

    /// Changes the task with and without a precondition. Returns its version.
    async fn change(&mut self, id: &TaskId, whole: &Value, has_key: bool) -> Option<i64> {
        let key = || has_key.then(new_key).flatten();
        let floating = json!({"due_date": "2026-11-21", "description": "Other words", "completed": false});
        let mut version = None;
        for body in [whole, &floating, whole] {
            let change = self.proof.input::<TaskChange>(body)?;
            let versions = version.map_or(Versions::ANY, |version| Versions::one_of(vec![version]));
            let changed = self.user.tasks().update(id, &change, &versions, key().as_ref()).await;
            version = self.note("changing a task", changed).map(|task| task.value.version);
        }
        for body in [json!({"completed": true}), json!({}), json!({})] {
            let completion = self.proof.input::<Completion>(&body)?;
            let versions = version.map_or(Versions::ANY, |version| Versions::one_of(vec![version]));
            let completed = self.user.tasks().complete(id, &completion, &versions, key().as_ref()).await;
            version = self.note("completing a task", completed).map(|task| task.value.version);
        }
        version
    }

    /// Records a failure, unless the same one is recorded already.
    fn note<T>(&mut self, operation: &'static str, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let error = ProofError::from_store(operation, &error);
                if !self.errors.contains(&error) {
                    self.errors.push(error);
                }
                None
            }
        }
    }
}

const CREATING: &str = "creating a task";

/// A key that no client has.
fn new_key() -> Option<IdempotencyKey> {
    IdempotencyKey::new(&format!("migrate-verify-{:016x}", fastrand::u64(..)))
}

impl ProofError {
    fn unusable_user() -> Self {
        let message = "no token can have the id of this user".to_owned();
        Self { operation: "signing in", sqlstate: None, message }
    }

    fn from_store(operation: &'static str, error: &StoreError) -> Self {
        Self::from_error(operation, error)
    }

    fn from_db(operation: &'static str, error: &DbError) -> Self {
        match error.server_message() {
            Some((sqlstate, message)) => {
                Self { operation, sqlstate: Some(sqlstate.to_owned()), message: message.to_owned() }
            }
            None => {
                let message = cause_chain(error).unwrap_or_else(|| error.to_string());
                Self { operation, sqlstate: None, message }
            }
        }
    }

    fn from_error(operation: &'static str, error: &(dyn Error + 'static)) -> Self {
        let mut sources = std::iter::successors(Some(error), |&error| error.source());
        match sources.find_map(|error| error.downcast_ref::<DbError>()) {
            Some(error) => Self::from_db(operation, error),
            None => Self { operation, sqlstate: None, message: error.to_string() },
        }
    }
}
