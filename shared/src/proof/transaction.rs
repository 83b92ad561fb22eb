//! The transaction in which everything is tried.

use std::sync::Arc;

use database_url::DatabaseUrl;

use super::error::ProofError;
use super::input::list_query;
use super::trial::{Trial, new_request_id};
use crate::auth::VerifiedUser;
use crate::config::ApiConfig;
use crate::db::{Database, DbError, Query};
use crate::scope::{ExtraMembers, UserScope};

/// A transaction of the role of the functions.
pub struct Proof {
    database: Arc<Database>,
    config: ApiConfig,
    /// The role.
    role: String,
    /// The table `tasks` that it finds, with its schema.
    tasks: Option<String>,
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
        Trial::new(self.config, user).run().await
    }

    /// Counts what the API shows to this user.
    ///
    /// # Errors
    /// A list fails.
    pub async fn shown(&self, user_id: &str) -> Result<ShownTasks, ProofError> {
        let user = self.user(user_id).ok_or_else(ProofError::unusable_user)?;
        let mut shown = ShownTasks::default();
        loop {
            let query = list_query(&format!("limit={PAGE}&offset={}", shown.tasks), self.config)?;
            let page = user.tasks().list(&query).await;
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
        Some(UserScope::new(user, Arc::clone(&self.database), new_request_id(), extra))
    }
}

fn parse(database_url: &str) -> Result<DatabaseUrl, ProofError> {
    DatabaseUrl::parse(database_url.trim()).map_err(|problem| ProofError {
        operation: "connecting",
        sqlstate: None,
        message: format!("DATABASE_URL {problem}"),
    })
}
