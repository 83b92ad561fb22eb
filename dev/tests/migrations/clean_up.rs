//! `clean-up`.

use migrations::{CleanUp, MigrateError};

use crate::kit::{Database, USER_TABLE, connect};
use dev::testing::database::LAYOUTS;

/// Rows of every age: each table has as many as are expired, and one that is not.
async fn fill(database: &Database, keys: u32, tombstones: u32, fences: u32) {
    database
        .run(&format!(
            "insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, answer, made_at)
            select 'ann', 'create-task', n::text, 'f', 'r', '{{}}',
                now() - interval '30 days' + case n when 0 then interval '1 minute' else interval '-1 second' end
            from generate_series(0, {keys}) as n;
            insert into tasks_api.task_tombstones (user_id, task_id, deleted_in, deleted_at)
            select 'ann', n::text, '7',
                now() - interval '31 days' + case n when 0 then interval '1 minute' else interval '-1 second' end
            from generate_series(0, {tombstones}) as n;
            insert into tasks_api.task_fences (attempt, made_at)
            select n::text, now() - interval '1 hour' + case n when 0 then interval '1 minute' else interval '-1 second' end
            from generate_series(0, {fences}) as n"
        ))
        .await;
}

async fn counts(database: &Database) -> String {
    let counts =
        "select (select count(*) from tasks_api.idempotency_keys), (select count(*) from tasks_api.task_tombstones),
        (select count(*) from tasks_api.task_fences)";
    database.row(counts).await
}

#[tokio::test]
async fn expired_rows_are_deleted_in_batches() {
    let database = Database::with_a_task().await;
    // Several batches of pages.
    fill(&database, 3, 100_000, 2).await;
    let pages = "select pg_relation_size('tasks_api.task_tombstones') / current_setting('block_size')::integer > 512";
    assert_eq!(database.row(pages).await, "t");
    let deleted = migrations::clean_up(&database.url).await.expect("a migrated database");
    let expected = CleanUp { idempotency_keys: 3, tombstones: 100_000, fences: 2, ..CleanUp::default() };
    assert_eq!(deleted, expected);
    assert_eq!(
        deleted.to_string(),
        "deleted 3 idempotency keys, 100000 records of deleted tasks, 2 fences, 0 revoked tokens, 0 reset codes and 0 counts \
         of sign-in attempts"
    );
    assert_eq!(counts(&database).await, "1 | 1 | 1");
    assert_eq!(migrations::clean_up(&database.url).await.expect("a migrated database"), CleanUp::default());
}

#[tokio::test]
async fn expired_rows_of_sign_in_are_deleted() {
    let database = Database::with_a_task().await;
    database
        .run(
            "insert into tasks_api.revoked_tokens
            select n::text, now() + interval '1 minute' * case n when 0 then 1 else -1 end
            from generate_series(0, 3) as n;
            insert into tasks_api.reset_codes (user_id, code_hash, expires_at)
            select n::text, '', now() + interval '1 minute' * case n when 0 then 1 else -1 end
            from generate_series(0, 2) as n;
            insert into tasks_api.sign_in_buckets
            select n::text::bytea, 0, now() - interval '1 minute' * case n when 0 then 59 else 61 end
            from generate_series(0, 1) as n",
        )
        .await;
    let deleted = migrations::clean_up(&database.url).await.expect("a migrated database");
    let expected = CleanUp { revoked_tokens: 3, reset_codes: 2, sign_in_buckets: 1, ..CleanUp::default() };
    assert_eq!(deleted, expected);
    assert_eq!(migrations::clean_up(&database.url).await.expect("a migrated database"), CleanUp::default());
}

/// A function sends a request without a key of the client at most a minute after it got it.
#[tokio::test]
async fn keys_of_requests_without_one_are_kept_for_an_hour() {
    let database = Database::with_a_task().await;
    database
        .run(
            r"insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, answer, made_at)
            select 'ann', 'bulk', key || minutes, 'f', 'r', '[]', now() - minutes * interval '1 minute'
            from unnest(array['k', E'\x1f', E'k\x1f']) as key, unnest(array[59, 61]) as minutes",
        )
        .await;
    let deleted = migrations::clean_up(&database.url).await.expect("a migrated database");
    assert_eq!(deleted, CleanUp { idempotency_keys: 1, tombstones: 0, fences: 0, ..CleanUp::default() });
    let kept = "select count(*), count(*) filter (where key like '%59') from tasks_api.idempotency_keys";
    assert_eq!(database.row(kept).await, "5 | 3");
}

#[tokio::test]
async fn clean_up_waits_for_no_request() {
    let database = Database::with_a_task().await;
    fill(&database, 3, 0, 0).await;
    let request = connect(&database.url).await;
    request
        .batch_execute(
            "begin; select from tasks_api.idempotency_keys where key = '1' for update;
            insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, answer)
            values ('ann', 'create-task', 'new', 'f', 'r', '{}')",
        )
        .await
        .expect("a request");
    let deleted = migrations::clean_up(&database.url).await.expect("a migrated database");
    assert_eq!(deleted, CleanUp { idempotency_keys: 2, tombstones: 0, fences: 0, ..CleanUp::default() });
    request.batch_execute("commit").await.expect("a request");
    let deleted = migrations::clean_up(&database.url).await.expect("a migrated database");
    assert_eq!(deleted, CleanUp { idempotency_keys: 1, tombstones: 0, fences: 0, ..CleanUp::default() });
    assert_eq!(counts(&database).await, "2 | 1 | 1");
}

#[tokio::test]
async fn clean_up_ignores_missing_tables() {
    for database in [Database::with_sql(USER_TABLE).await, Database::with_rows(&LAYOUTS[3]).await] {
        assert_eq!(migrations::clean_up(&database.url).await.expect("nothing to delete"), CleanUp::default());
    }
    let error = migrations::clean_up("postgres://ann@127.0.0.1:1/todo?sslmode=disable").await;
    assert!(matches!(error, Err(MigrateError::Connect { .. })), "{error:?}");
}
