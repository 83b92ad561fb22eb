//! How many attempts are allowed.

use dev::testing::client::TestResponse;
use futures_util::future::join_all;

use super::kit::{PASSWORD, accounts, new_email};

fn statuses(responses: &[TestResponse]) -> Vec<u16> {
    let mut statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    statuses
}

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
    accounts.from_elsewhere().sign_in(&email, PASSWORD).await.expect_status(200);
}

#[tokio::test]
async fn a_success_gives_its_attempt_back() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for _ in 0..4 {
        accounts.sign_in(&email, "wrong password").await.expect_status(401);
    }
    for _ in 0..4 {
        accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    }
    accounts.sign_in(&email, "wrong password").await.expect_status(401);
    accounts.sign_in(&email, PASSWORD).await.expect_status(429);
}

/// Addresses change, and the account stays. The attempts are concurrent, and each function serves one request at a time, so
/// several processes count them.
#[tokio::test]
async fn twenty_attempts_at_an_account_from_all_addresses() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    let clients: Vec<_> = (0..40).map(|_| accounts.from_elsewhere()).collect();
    let responses = join_all(clients.iter().map(|client| client.sign_in(&email, "wrong password"))).await;
    let expected: Vec<u16> = [vec![401; 20], vec![429; 20]].concat();
    assert_eq!(statuses(&responses), expected);
    let longest = responses.iter().filter_map(TestResponse::retry_after).max();
    assert!(longest.is_some_and(|seconds| (31..=180).contains(&seconds)), "{longest:?}");
    // A refused attempt is not counted, so the account is not locked for longer.
    let client = accounts.connect().await;
    let oldest = "select count(*) from tasks_api.sign_in_buckets where tokens < 0 or tokens > 30";
    assert_eq!(client.query_one(oldest, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn thirty_attempts_from_one_address() {
    let accounts = accounts().await;
    let mut refused = 0;
    for _ in 0..12 {
        let emails: Vec<String> = (0..4).map(|_| new_email()).collect();
        let responses = join_all(emails.iter().map(|email| accounts.sign_in(email, PASSWORD))).await;
        refused += responses.iter().filter(|response| response.status == 429).count();
    }
    // It gets a new one every two seconds meanwhile.
    assert!((1..=18).contains(&refused), "{refused}");
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
    accounts.from_elsewhere().sign_up(&new_email()).await.expect_status(201);
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
