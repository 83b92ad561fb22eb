//! Trying every operation as one user.

use serde_json::{Value, json};

use super::error::ProofError;
use super::input::{input, list_query};
use crate::config::{ApiConfig, JsonFormat};
use crate::input::{FromPath, FromQuery, QueryReader};
use crate::scope::{IdempotencyKey, OperationFailure, OperationOutcome, StoreError, UserScope, Versions};
use crate::tags::{NewTag, TagChange, TagName};
use crate::tasks::{
    AddedTags, Bulk, ChangesQuery, Completion, NewTask, StatsQuery, Task, TaskChange, TaskId, TaskPage,
};

/// The filters of a list, each as a query string.
const FILTERS: [&str; 18] = [
    "",
    "status=pending",
    "status=completed",
    "due_before=2026-11-21T17:30:00Z",
    "due_after=2026-11-21",
    "due_from=2026-11-21&due_to=2026-11-28T00:00:00Z&tz=Europe/Berlin",
    "due=today&tz=Europe/Berlin",
    "due=week",
    "overdue=true",
    "overdue=false",
    "tag=work",
    "tags=work,home",
    "category=home",
    "search=a%20b",
    "search=caf%C3%A9",
    "due_before=2026-11-21T17:30:00Z&due_after=2026-11-21&tz=Europe/Berlin",
    "due_before=2026-11-21&due_after=2026-11-21T17:30:00Z&tz=Europe/Berlin",
    "overdue=true&tz=Europe/Berlin",
];
const SORTS: [&str; 5] = ["created", "updated", "due_date", "title", "priority"];

/// The title of the tasks that are created.
const TITLE: &str = "A task of `migrate verify`, which is rolled back";
/// Their tag, which fits into narrow columns.
const TAG: &str = "migrate-verify";
/// What the tag is renamed to.
const RENAMED_TAG: &str = "migrate-verified";
const CREATING: &str = "creating a task";

/// The operations of one user, and those that failed.
pub(super) struct Trial {
    config: ApiConfig,
    user: UserScope,
    errors: Vec<ProofError>,
}

impl Trial {
    pub(super) fn new(config: ApiConfig, user: UserScope) -> Self {
        Self { config, user, errors: Vec::new() }
    }

    /// Tries every operation, and returns what failed, each failure once.
    pub(super) async fn run(mut self) -> Vec<ProofError> {
        let existing = self.lists().await;
        self.changes().await;
        self.stats().await;
        if let Some(task) = existing {
            self.changes_of_existing(&task).await;
        }
        self.life_of_a_task().await;
        self.several_tasks().await;
        self.series().await;
        self.tags().await;
        self.errors
    }

    /// Lists in every order and with every filter, the first page and the next. Returns the newest task.
    async fn lists(&mut self) -> Option<Task> {
        let json = JsonFormat { list_object: true, ..self.config.json };
        let config = ApiConfig { json, ..self.config };
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
        let page = match list_query(query, config) {
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
        let query = StatsQuery::from_query(&mut reader, &self.config);
        let stats = self.user.tasks().stats(&query).await;
        self.note("counting tasks", stats);
    }

    /// Sends a task back as a form does, and completes it.
    async fn changes_of_existing(&mut self, task: &Task) {
        let mut body = json!({"title": task.title, "description": task.description, "priority": task.priority});
        for field in self.config.json.extra {
            body[&field.member] = task.extra.get(&field.column).cloned().unwrap_or_default();
        }
        if let Some(change) = input::<TaskChange>(&body, self.config) {
            let changed = self.user.tasks().update(&task.id, &change, &Versions::ANY, None).await;
            self.note("storing a task as it is", changed);
        }
        if let Some(toggle) = input::<Completion>(&json!({}), self.config) {
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
        let word = self.config.priorities.most_urgent();
        let whole = json!({
            "title": TITLE,
            "description": "Words",
            "completed": true,
            "priority": word,
            "due_date": "2026-11-21T17:30:00Z",
            "tags": [TAG],
            "category": "home",
            "time_zone": "Europe/Berlin",
        });
        for body in [json!({"title": TITLE}), whole.clone()] {
            let Some(new) = input::<NewTask>(&body, self.config) else { continue };
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
        let Some(new) = input::<NewTask>(&json!({"title": "Another one"}), self.config) else { return };
        for key in [None, new_key()] {
            if let Ok(task) = self.user.tasks().create(&new, None).await {
                self.delete(&task.value.id, &Versions::ANY, key.as_ref()).await;
            }
        }
    }

    /// Skips, completes and ends recurring tasks.
    async fn series(&mut self) {
        if self.cannot_create() {
            return;
        }
        let daily =
            json!({"title": TITLE, "due_date": "2026-11-21", "recurrence": "daily", "time_zone": "Europe/Berlin"});
        for key in [None, new_key()] {
            let Some(id) = self.recurring(&daily).await else { return };
            let skipped = self.user.tasks().skip(&id, &Versions::ANY, key.as_ref()).await;
            // The triggers know no next date where a column that they write has another type.
            if !matches!(skipped, Err(StoreError::NotRecurring(_))) {
                self.note("skipping an occurrence", skipped);
            }
            let Some(completion) = input::<Completion>(&json!({"completed": true}), self.config) else { return };
            let completed = self.user.tasks().complete(&id, &completion, &Versions::ANY, None).await;
            self.note("completing a recurring task", completed);
            let Some(id) = self.recurring(&daily).await else { return };
            let stopped = self.user.tasks().stop_recurrence(&id, &Versions::ANY, key.as_ref()).await;
            self.note("ending a recurrence", stopped);
        }
    }

    /// Creates a task that recurs. `None` if it fails, or if the table cannot store how a task recurs.
    async fn recurring(&mut self, body: &Value) -> Option<TaskId> {
        let new = input::<NewTask>(body, self.config)?;
        // A request creates one task.
        self.user.set_request_id(new_request_id());
        let created = self.user.tasks().create(&new, None).await;
        let task = self.note("creating a recurring task", created)?.value;
        task.recurrence.is_some().then_some(task.id)
    }

    /// Makes, renames, removes and deletes a tag of a task.
    async fn tags(&mut self) {
        if self.cannot_create() {
            return;
        }
        let inputs = (
            input::<NewTag>(&json!({"name": TAG, "color": "#ff8800"}), self.config),
            input::<AddedTags>(&json!({"tags": [TAG]}), self.config),
            input::<TagChange>(&json!({"name": RENAMED_TAG}), self.config),
            input::<NewTask>(&json!({"title": TITLE}), self.config),
        );
        let (Some(tag), Some(added), Some(change), Some(task)) = inputs else { return };
        let (Some(name), Some(renamed)) = (TagName::from_path(TAG), TagName::from_path(RENAMED_TAG)) else { return };
        let made = self.user.tags().create(&tag, new_key().as_ref()).await;
        self.note("making a tag", made);
        self.user.set_request_id(new_request_id());
        let created = self.user.tasks().create(&task, None).await;
        if let Some(task) = self.note(CREATING, created) {
            let Task { id, version, .. } = task.value;
            let mut versions = Versions::ANY;
            for _ in 0..2 {
                let tagged = self.user.tasks().add_tags(&id, &added, &versions, new_key().as_ref()).await;
                let version = self.note("adding a tag to a task", tagged).map_or(version, |task| task.value.version);
                versions = Versions::one_of(vec![version]);
                let removed = self.user.tasks().remove_tag(&id, &name, &versions, new_key().as_ref()).await;
                let removed = self.note("removing a tag from a task", removed);
                versions = Versions::one_of(vec![removed.map_or(version, |task| task.value.version)]);
            }
        }
        let changed = self.user.tags().change(&name, &change, new_key().as_ref()).await;
        self.note("renaming a tag", changed);
        let listed = self.user.tags().list().await;
        self.note("listing tags", listed);
        let deleted = self.user.tags().delete(&renamed, new_key().as_ref()).await;
        self.note("deleting a tag", deleted);
    }

    /// Whether an operation that needs a new task would fail for the reason that is recorded.
    fn cannot_create(&self) -> bool {
        self.errors.iter().any(|error| error.operation == CREATING)
    }

    /// Creates tasks, and changes and deletes them, each time in one request.
    async fn several_tasks(&mut self) {
        if self.cannot_create() {
            return;
        }
        let whole = json!({"op": "create", "title": TITLE, "description": "Words", "due_date": "2026-11-21"});
        let created = self.bulk(&json!({"operations": [{"op": "create", "title": TITLE}, whole]})).await;
        let [one, other] = created.as_slice() else { return };
        let changes = json!({"operations": [
            {"op": "update", "id": one.id, "version": one.version, "title": TITLE, "due_date": "2026-11-21T17:30:00Z"},
            {"op": "complete", "id": one.id},
            {"op": "delete", "id": other.id},
        ]});
        self.bulk(&changes).await;
        self.bulk(&json!({"task_ids": [one.id], "delete": true})).await;
    }

    /// Returns the created and the changed tasks.
    async fn bulk(&mut self, body: &Value) -> Vec<Task> {
        const OPERATION: &str = "creating, changing and deleting several tasks";
        let Some(bulk) = input::<Bulk>(body, self.config) else { return Vec::new() };
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
            let change = input::<TaskChange>(body, self.config)?;
            let versions = version.map_or(Versions::ANY, |version| Versions::one_of(vec![version]));
            let changed = self.user.tasks().update(id, &change, &versions, key().as_ref()).await;
            version = self.note("changing a task", changed).map(|task| task.value.version);
        }
        for body in [json!({"completed": true}), json!({}), json!({})] {
            let completion = input::<Completion>(&body, self.config)?;
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

/// The id of a request that there never was.
pub(super) fn new_request_id() -> String {
    format!("proof-{:016x}", fastrand::u64(..))
}

/// A key that no client has.
fn new_key() -> Option<IdempotencyKey> {
    IdempotencyKey::new(&format!("migrate-verify-{:016x}", fastrand::u64(..)))
}
