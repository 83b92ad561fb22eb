//! `clean-up`: deletes what no request needs any more.

use std::fmt;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::connection::connect;
use crate::error::MigrateError;
use crate::lock_budget::{DEFAULT_LOCK_TIMEOUT, LockBudget, RETRY_DELAY, is_lock_conflict};
use crate::sql::BRIEF_LOCK_TIMEOUT;

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleanUp {
    /// Keys of clients that were older than 30 days, which is how long a request may be repeated, and keys of requests without
    /// one that were older than an hour.
    pub idempotency_keys: u64,
    /// Records of tasks that were deleted more than 31 days ago. A token is refused after 30 days; a transaction may commit a
    /// day after it has deleted a task.
    pub tombstones: u64,
    /// Records of attempts that were given up more than an hour ago, so that they are not in progress any more.
    pub fences: u64,
    /// Tokens that were signed out and have expired since.
    pub revoked_tokens: u64,
    /// Codes for forgotten passwords that have expired.
    pub reset_codes: u64,
    /// Counts of attempts to sign in or up. After an hour without another attempt, they have no effect.
    pub sign_in_buckets: u64,
}

impl fmt::Display for CleanUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { idempotency_keys, tombstones, fences, revoked_tokens, reset_codes, sign_in_buckets } = self;
        write!(
            formatter,
            "deleted {idempotency_keys} idempotency keys, {tombstones} records of deleted tasks, {fences} fences, \
             {revoked_tokens} revoked tokens, {reset_codes} reset codes and {sign_in_buckets} counts of sign-in attempts"
        )
    }
}

/// A table, and the condition of the rows that are deleted.
struct Expiry {
    table: &'static str,
    is_expired: &'static str,
}

/// The functions give a request a key that begins with a control character, so that they can send it twice themselves.
const IDEMPOTENCY_KEYS: Expiry = Expiry {
    table: "tasks_api.idempotency_keys",
    is_expired: "(made_at < now() - interval '30 days' \
        or (made_at < now() - interval '1 hour' and left(key, 1) = chr(31)))",
};
const TOMBSTONES: Expiry =
    Expiry { table: "tasks_api.task_tombstones", is_expired: "deleted_at < now() - interval '31 days'" };
const FENCES: Expiry = Expiry { table: "tasks_api.task_fences", is_expired: "made_at < now() - interval '1 hour'" };
const REVOKED_TOKENS: Expiry = Expiry { table: "tasks_api.revoked_tokens", is_expired: "expires_at < now()" };
const RESET_CODES: Expiry = Expiry { table: "tasks_api.reset_codes", is_expired: "expires_at < now()" };
const SIGN_IN_BUCKETS: Expiry =
    Expiry { table: "tasks_api.sign_in_buckets", is_expired: "taken_at < now() - interval '1 hour'" };

/// How many pages of a table one statement reads: 2 MB. Each page is read once, with no index that writes would maintain.
const BATCH_PAGES: i64 = 256;

/// Deletes expired rows of the tables of our own, in batches that are transactions of their own. Rows that a request has
/// locked are left for the next time, so no request waits and there is no deadlock.
///
/// # Errors
/// When the URL is invalid or the database cannot be reached; when a table is locked for more than a minute. What was
/// deleted before stays deleted.
pub async fn clean_up(database_url: &str) -> Result<CleanUp, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = run(&mut database, &mut LockBudget::new(DEFAULT_LOCK_TIMEOUT)).await;
    let _ = database.close().await;
    report
}

async fn run(database: &mut PgConnection, budget: &mut LockBudget) -> Result<CleanUp, MigrateError> {
    let settings = format!("set statement_timeout = 0; set lock_timeout = '{BRIEF_LOCK_TIMEOUT}'");
    database.execute(AssertSqlSafe(settings)).await?;
    Ok(CleanUp {
        idempotency_keys: delete_expired(database, &IDEMPOTENCY_KEYS, budget).await?,
        tombstones: delete_expired(database, &TOMBSTONES, budget).await?,
        fences: delete_expired(database, &FENCES, budget).await?,
        revoked_tokens: delete_expired(database, &REVOKED_TOKENS, budget).await?,
        reset_codes: delete_expired(database, &RESET_CODES, budget).await?,
        sign_in_buckets: delete_expired(database, &SIGN_IN_BUCKETS, budget).await?,
    })
}

async fn delete_expired(
    database: &mut PgConnection,
    Expiry { table, is_expired }: &Expiry,
    budget: &mut LockBudget,
) -> Result<u64, MigrateError> {
    // Null where the table is missing, because the database lacks migrations.
    let pages: Option<i64> =
        sqlx::query_scalar("select pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint")
            .bind(table)
            .fetch_one(&mut *database)
            .await?;
    let mut deleted = 0;
    let mut first = 0;
    while first < pages.unwrap_or_default() {
        let next = first + BATCH_PAGES;
        let sql = format!(
            "delete from {table}
            where ctid = any (array(
                select ctid
                from {table}
                where ctid >= '({first},0)'
                    and ctid < '({next},0)'
                    and {is_expired}
                for update skip locked
            ))"
        );
        match database.execute(AssertSqlSafe(sql)).await {
            Ok(result) => {
                budget.reset();
                deleted += result.rows_affected();
                first = next;
            }
            Err(error) if is_lock_conflict(&error) && budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) if is_lock_conflict(&error) => {
                return Err(MigrateError::ChangeLockTimeout { change: format!("delete what is expired in {table}") });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(deleted)
}
