//! How many attempts are allowed.

use std::time::Instant;

use dev::testing::database::TestDatabase;
use futures_util::stream::{self, StreamExt};

use super::kit::{Accounts, PASSWORD, accounts, layout, new_email};

#[tokio::test]
async fn five_attempts_at_an_account_from_one_address() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for unknown in [email.clone(), new_email()] {
        for _ in 0..5 {
            accounts.sign_in(&unknown, "wrong password").await.expect_status(401);
        }
        let refused = accounts.sign_in(&unknown, PASSWORD).await;
        let refused = refused.expect_problem(429, "too_many_attempts", "Too many attempts: try again later");
        assert!(refused.retry_after().is_some_and(|seconds| (1..=30).contains(&seconds)), "{refused:?}");
        assert_eq!(refused["message"], refused["detail"]);
        // The spelling does not matter, and other addresses are not affected.
        accounts.sign_in(&unknown.to_uppercase(), PASSWORD).await.expect_status(429);
    }
    accounts.elsewhere().sign_in(&email, PASSWORD).await.expect_status(200);
}

#[tokio::test]
async fn a_success_gives_its_attempt_back() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for _ in 0..4 {
        accounts.sign_in(&email, "wrong password").await.expect_status(401);
    }
    for _ in 0..2 {
        accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    }
    accounts.sign_in(&email, "wrong password").await.expect_status(401);
    accounts.sign_in(&email, PASSWORD).await.expect_status(429);
}

/// How many attempts are made at one account unless `SIGN_IN_ATTEMPTS` says otherwise.
const ATTEMPTS: usize = 60;
/// How many of them at once. A function serves one request at a time, so several processes count them.
const CONCURRENT: usize = 40;

/// Every attempt comes from another address, and the account stays.
#[tokio::test]
async fn twenty_attempts_at_an_account_from_all_addresses() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    let count = std::env::var("SIGN_IN_ATTEMPTS").map_or(ATTEMPTS, |count| count.parse().expect("a number"));
    let started = Instant::now();
    let attempts = stream::iter(0..count).map(async |_| {
        let response = accounts.elsewhere().sign_in(&email, "wrong password").await;
        (response.status, response.retry_after())
    });
    let responses: Vec<(u16, Option<u32>)> = attempts.buffer_unordered(CONCURRENT).collect().await;
    let refused = responses.iter().filter(|(status, _)| *status == 429).count();
    let tried = responses.iter().filter(|(status, _)| *status == 401).count();
    assert_eq!(refused + tried, count);
    // One more is possible every three minutes.
    let more = usize::try_from(started.elapsed().as_secs() / 180).expect("a few");
    assert!((20..=20 + more).contains(&tried), "{tried}");
    let longest = responses.iter().filter_map(|(_, wait)| *wait).max();
    assert!(longest.is_some_and(|seconds| (1..=180).contains(&seconds)), "{longest:?}");
    let client = accounts.connect().await;
    let overdrawn = "select count(*) from tasks_api.sign_in_buckets where tokens < 0";
    assert_eq!(client.query_one(overdrawn, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn thirty_attempts_from_one_address() {
    let database = TestDatabase::adopted(layout()).await;
    let accounts = Accounts::on(&database.url, &[]);
    accounts.sign_in(&new_email(), PASSWORD).await.expect_status(401);
    // Twenty-nine more. The time is that of the last one, which no test can wait for: a new one comes every two seconds.
    let take = "update tasks_api.sign_in_buckets set tokens = tokens - 29, taken_at = now() + interval '1 hour'
        where tokens = 29";
    assert_eq!(database.client.execute(take, &[]).await.unwrap(), 1);
    let refused = accounts.sign_in(&new_email(), PASSWORD).await.expect_status(429);
    assert_eq!(refused.retry_after(), Some(2));
    accounts.elsewhere().sign_in(&new_email(), PASSWORD).await.expect_status(401);
}

#[tokio::test]
async fn ten_sign_ups_from_one_address() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for _ in 0..9 {
        accounts.sign_up(&email).await.expect_status(409);
    }
    let refused = accounts.sign_up(&new_email()).await.expect_status(429);
    assert!(refused.retry_after().is_some_and(|seconds| (1..=60).contains(&seconds)), "{refused:?}");
    accounts.elsewhere().sign_up(&new_email()).await.expect_status(201);
}

#[tokio::test]
async fn buckets_name_nobody_and_are_deleted_when_full() {
    let accounts = accounts().await;
    let client = accounts.connect().await;
    let old = "insert into tasks_api.sign_in_buckets (key, tokens, taken_at)
        values (sha256('old'), 0, now() - interval '61 minutes'), (sha256('new'), 0, now() - interval '59 minutes')";
    client.batch_execute(old).await.unwrap();
    accounts.sign_in(&new_email(), PASSWORD).await.expect_status(401);
    let count = "select count(*) from tasks_api.sign_in_buckets where key = any (array[sha256('old'), sha256('new')])";
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    let keys = "select count(*) from tasks_api.sign_in_buckets where length(key) <> 32";
    assert_eq!(client.query_one(keys, &[]).await.unwrap().get::<_, i64>(0), 0);
}
