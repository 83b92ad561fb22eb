//! The tokens of `GET /api/tasks/changes`: which are refused, and which have expired.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dev::testing::client::{Follower, TestResponse};
use dev::testing::database::TestDatabase;
use serde_json::json;

use crate::kit::{Api, api, schema};

const EXPIRED: (u16, &str, &str) = (410, "sync_token_expired", "The sync token has expired: start again without one");
const DAY: u64 = 24 * 60 * 60 * 1_000_000;

fn text_of(token: &str) -> String {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).expect("base64url")).expect("a text")
}

/// The token with each moment as `change` makes it from its time and its snapshot.
fn forge(token: &str, change: impl Fn(u64, &str) -> String) -> String {
    let text = text_of(token);
    let parts: Vec<String> = text
        .split(' ')
        .map(|part| match part.split_once('|') {
            Some((time, snapshot)) => change(time.parse().expect("a time"), snapshot),
            None => part.to_owned(),
        })
        .collect();
    BASE64_URL_SAFE_NO_PAD.encode(parts.join(" "))
}

async fn get(follower: &Follower, token: &str) -> TestResponse {
    follower.user.get(&format!("/api/tasks/changes?limit=1&since={token}")).await
}

/// Asserts that the token has expired.
async fn expect_expired(follower: &Follower, token: &str) {
    let (status, code, detail) = EXPIRED;
    let problem = get(follower, token).await.expect_problem(status, code, detail);
    assert_eq!(problem["title"], "Gone");
}

#[tokio::test]
async fn invalid_tokens_are_refused() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "1"})).await;
    ada.create(json!({"title": "2"})).await;
    let mut follower = Follower::new(&ada);
    follower.next_page(1).await.expect_status(200);
    let token = follower.token.clone().expect("a token");
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let text = text_of(&token);
    let mut invalid: Vec<String> =
        ["0", "abc", "%00", "%20", "*", "-", "....", "%F0%9F%99%82", "MQ", "MQ=="].map(str::to_owned).to_vec();
    invalid.extend([
        token[1..].to_owned(),
        format!("{token}="),
        "A".repeat(5000),
        encode("1"),
        encode(&text.replacen('1', "2", 1)),
        encode(&text.replace("stored:", "deleted:")),
        encode(&text.replace("stored:", "stored:99999999999999999999999")),
        encode(&text.replace('|', "|0:")),
        encode(&text.replace(':', "::")),
        encode(&text.replace("stored", "put")),
        encode(&text.replace(" - ", " ")),
        encode(&text.replace(" - ", "  ")),
        encode(&text.replace(" - ", " -1|1:1: ")),
        encode(&text[..text.len() / 2]),
    ]);
    if schema::has_number_ids() {
        invalid.push(encode(&format!("{text}x")));
        invalid.push(encode(&format!("{text}{text}")));
        invalid.push(encode(&format!("{text}99999999999999999999")));
    }
    for token in &invalid {
        let detail = "The sync token is malformed: start again without one";
        get(&follower, token).await.expect_problem(400, "invalid_sync_token", detail);
    }
    for token in ["", "undefined", "null"] {
        get(&follower, token).await.expect_status(200);
    }
    for limit in ["0", "1001", "-1", "x", "1.5"] {
        ada.get(&format!("/api/tasks/changes?limit={limit}")).await.expect_invalid_at(&["/limit"]);
    }
    // As the other parameters do, the last one counts.
    ada.get(&format!("/api/tasks/changes?since=x&since={token}")).await.expect_status(200);
}

#[tokio::test]
async fn tokens_expire_after_30_days() {
    let ada = api().new_user().await;
    let mut follower = Follower::started(&ada).await;
    for title in ["1", "2"] {
        ada.create(json!({"title": title})).await;
    }
    let mut tokens = vec![follower.token.clone().expect("a token")];
    follower.next_page(1).await.expect_status(200);
    tokens.push(follower.token.clone().expect("a token of the second page"));
    let mut loading = Follower::new(&ada);
    loading.next_page(1).await.expect_status(200);
    tokens.push(loading.token.expect("a token of the second page"));
    for token in tokens {
        let aged = |age: u64| forge(&token, |time, snapshot| format!("{}|{snapshot}", time - age));
        get(&follower, &aged(30 * DAY - DAY / 24)).await.expect_status(200);
        expect_expired(&follower, &aged(30 * DAY + 1)).await;
        expect_expired(&follower, &forge(&token, |_, snapshot| format!("0|{snapshot}"))).await;
    }
}

#[tokio::test]
async fn token_is_renewed_before_it_expires() {
    let ada = api().new_user().await;
    let follower = Follower::started(&ada).await;
    let token = follower.token.clone().expect("a token");
    let next = async |token: &str| get(&follower, token).await.expect_status(200)["next"].clone();
    assert_eq!(next(&token).await, token);
    let aged = |age: u64| forge(&token, |time, snapshot| format!("{}|{snapshot}", time - age));
    let (young, old) = (aged(DAY - DAY / 24), aged(DAY + 1));
    assert_eq!(next(&young).await, young);
    assert_ne!(next(&old).await, old);
}

#[tokio::test]
async fn token_ahead_of_the_database_has_expired() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "1"})).await;
    ada.create(json!({"title": "2"})).await;
    let done = Follower::started(&ada).await;
    let mut loading = Follower::new(&ada);
    loading.next_page(1).await.expect_status(200);
    for follower in [done, loading] {
        let token = follower.token.clone().expect("a token");
        for ahead in ["4000000000:0:", "10:4000000000:", "18446744073709551615:0:"] {
            expect_expired(&follower, &forge(&token, |time, _| format!("{time}|{ahead}"))).await;
        }
    }
}

/// A token says how far a client has got, and not whose tasks it has got.
#[tokio::test]
async fn token_of_another_user_shows_the_callers_tasks() {
    let (ada, bob) = (api().new_user().await, api().new_user().await);
    let of_ada = ada.post("/api/tasks", &json!({"title": "Ada's"})).await.expect_status(201);
    let mut of_bob = Follower::started(&bob).await;
    bob.create(json!({"title": "Bob's"})).await;
    bob.create(json!({"title": "Bob's second"})).await;
    let changed = ada.patch(of_ada.header("location").expect("where it is"), &json!({"title": "Changed"})).await;
    let mut tokens = vec![of_bob.token.clone().expect("a token")];
    of_bob.next_page(1).await.expect_status(200);
    tokens.push(of_bob.token.clone().expect("a token"));
    for token in tokens {
        let response = get(&Follower::new(&ada), &token).await.expect_status(200);
        let changes = response["changes"].as_array().expect("an array");
        assert!(changes.iter().all(|change| change["task"] == changed.json), "{}", response.json);
    }
    ada.get(&format!("/api/{}/tasks/changes", bob.id)).await.expect_status(403);
}

/// In a database of its own, because the epoch is that of all users.
#[tokio::test]
async fn token_of_another_epoch_has_expired() {
    let database = TestDatabase::migrated().await;
    let api = Api::start(&database.url, &[]).await;
    database.run("insert into \"user\" (id, name, email) values ('ada', 'Ada', 'ada@example.com')").await;
    let ada = api.user("ada");
    for renew in [
        "update tasks_api.sync_epoch set epoch = gen_random_uuid()",
        "truncate tasks",
        "begin; truncate tasks restart identity; commit",
    ] {
        ada.create(json!({"title": "1"})).await;
        ada.create(json!({"title": "2"})).await;
        let done = Follower::started(&ada).await;
        let mut loading = Follower::new(&ada);
        loading.next_page(1).await.expect_status(200);
        database.run("begin; truncate tasks; rollback").await;
        get(&done, done.token.as_deref().expect("a token")).await.expect_status(200);
        database.run(renew).await;
        for mut follower in [done, loading] {
            expect_expired(&follower, follower.token.as_deref().expect("a token")).await;
            follower.next_page(1).await.expect_status(410);
            follower.catch_up(1).await;
            let listed = ada.get("/api/tasks").await.expect_status(200);
            assert_eq!(follower.tasks.len(), listed.tasks().len(), "{renew}");
        }
    }
}
