//! Keys that come and go while the function runs, from the database and over HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::function::{Function, StatusFor, bearing, list_tasks};
use crate::keys::{ED25519, NEXT};
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, header, hs256};

fn token() -> String {
    by_key(&ED25519, header("EdDSA", "ed"), claims())
}

fn token_of_the_next_key() -> String {
    by_key(&NEXT, header("EdDSA", "next"), claims())
}

/// Signed by a key that exists, and naming one that does not.
fn token_of_no_key(number: u32) -> String {
    by_key(&ED25519, header("EdDSA", &format!("unknown-{number}")), claims())
}

async fn database() -> Database {
    let database = Database::new().await;
    database.add_user(ADA).await;
    database
}

async fn database_with_a_key() -> Database {
    let database = database().await;
    database.add_key("ed", &ED25519.jwk).await;
    database
}

async fn function_on(database_url: &str) -> Function {
    list_tasks(&[("BETTER_AUTH_URL", ORIGIN), ("DATABASE_URL", database_url)]).await
}

#[tokio::test]
async fn a_new_key_is_accepted_at_once_and_the_old_one_too() {
    let database = database_with_a_key().await;
    let mut function = function_on(&database.url).await;
    assert_eq!(function.status_for(&token()).await, 200);
    database.add_key("next", &NEXT.jwk).await;
    assert_eq!(function.status_for(&token_of_the_next_key()).await, 200);
    assert_eq!(function.status_for(&token()).await, 200);
}

#[tokio::test]
async fn the_first_key_may_come_after_the_start() {
    let database = database().await;
    let mut function = function_on(&database.url).await;
    assert_eq!(function.status_for(&token()).await, 401);
    database.add_key("ed", &ED25519.jwk).await;
    assert_eq!(function.status_soon_for(&token()).await, 200);
}

#[tokio::test]
async fn keys_that_were_known_outlive_a_failure_of_their_source() {
    for failure in ["alter table jwks rename to hidden", "drop table jwks", "delete from jwks"] {
        let database = database_with_a_key().await;
        let mut function = function_on(&database.url).await;
        assert_eq!(function.status_for(&token()).await, 200, "before {failure}");
        database.run(failure).await;
        assert_eq!(function.status_for(&token()).await, 200, "after {failure}");
        assert_eq!(function.status_for(&token_of_no_key(1)).await, 401, "after {failure}");
        // A table without keys is an answer, not a failure: the keys were withdrawn.
        let expected = if failure == "delete from jwks" { 401 } else { 200 };
        assert_eq!(function.status_for(&token()).await, expected, "after {failure} and a look");
    }
}

#[tokio::test]
async fn a_table_of_keys_that_is_missing_is_not_the_callers_fault() {
    let database = Database::without_keys().await;
    database.add_user(ADA).await;
    let variables = [
        ("AUTH_MODE", "jwks,hs256"),
        ("BETTER_AUTH_URL", ORIGIN),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", database.url.as_str()),
    ];
    let mut function = list_tasks(&variables).await;
    let answer = function.invoke(&bearing(&token())).await.expect("an answer");
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("sign_in_unavailable")));
    assert_eq!(answer.headers["retry-after"], "1");
    // What needs no key does not notice, and what is no token is no better for it.
    assert_eq!(function.status_for(&by_secret(hs256(), claims())).await, 200);
    assert_eq!(function.status_for("a.b.c").await, 401);
    database.make_key_table("text").await;
    database.add_key("ed", &ED25519.jwk).await;
    assert_eq!(function.status_soon_for(&token()).await, 200);
}

#[tokio::test]
async fn a_database_that_is_down_at_the_start_is_not_the_callers_fault() {
    let database = database_with_a_key().await;
    let switch = Switch::before(&database.url).await;
    let mut function = function_on(switch.url()).await;
    assert_eq!(function.status_for(&token()).await, 503);
    assert_eq!(function.status_for("a.b.c").await, 401);
    switch.turn(true).await;
    assert_eq!(function.status_soon_for(&token()).await, 200);
}

#[tokio::test]
async fn keys_have_ids_of_any_type() {
    for (id_type, id) in [
        ("text", "a key'; --"),
        ("varchar(64)", "k"),
        ("integer", "7"),
        ("uuid", "5f8d0d55-b54c-4d6e-9d0a-1f2e3d4c5b6a"),
    ] {
        let database = Database::without_keys().await;
        database.add_user(ADA).await;
        database.make_key_table(id_type).await;
        database.add_key(id, &ED25519.jwk).await;
        let mut function = function_on(&database.url).await;
        let token = by_key(&ED25519, header("EdDSA", id), claims());
        assert_eq!(function.status_for(&token).await, 200, "{id_type}");
    }
}

#[tokio::test]
async fn a_key_is_named_by_its_row_and_ends_30_days_after_its_time() {
    let database = database().await;
    // The name inside of the text is not the one that counts, and a row that is broken loses nobody else.
    database.add_key("ed", &ED25519.jwk_with(&json!({"kid": "next"}))).await;
    for (id, text) in [("1", ""), ("2", "{"), ("3", "null"), ("4", "[]"), ("5", "\"text\""), ("6", "{\"kty\":\"OKP\"}")]
    {
        database.add_key_text(id, text).await;
    }
    for (id, days) in [("in-grace", 29), ("past-grace", 31)] {
        database.add_key(id, &NEXT.jwk).await;
        database
            .run(&format!(r#"update jwks set "expiresAt" = now() - interval '{days} days' where id = '{id}'"#))
            .await;
    }
    // Nobody may read private keys: not even who may connect to the table.
    database.run(r#"alter table jwks drop column "privateKey""#).await;
    let mut function = function_on(&database.url).await;
    let of = |key, kid| by_key(key, header("EdDSA", kid), claims());
    assert_eq!(function.status_for(&of(&ED25519, "ed")).await, 200);
    assert_eq!(function.status_for(&of(&ED25519, "next")).await, 401);
    assert_eq!(function.status_for(&of(&NEXT, "in-grace")).await, 200);
    assert_eq!(function.status_for(&of(&NEXT, "past-grace")).await, 401);
    assert_eq!(function.status_for(&of(&ED25519, "2")).await, 401);
}

#[tokio::test]
async fn keys_come_over_http_and_are_not_asked_for_again_without_need() {
    let database = database().await;
    let server = KeyServer::start(Mood::Keys(json!([ED25519.jwk_with(&json!({"kid": "ed"}))]))).await;
    let mut function = server.function(&database).await;
    for _ in 0..20 {
        assert_eq!(function.status_for(&token()).await, 200);
    }
    assert_eq!(server.requests(), 1);
    // Guesses are not passed on to the sign-in service.
    for number in 0..20 {
        assert_eq!(function.status_for(&token_of_no_key(number)).await, 401);
    }
    assert_eq!(server.requests(), 2);
    assert_eq!(function.status_for(&token()).await, 200);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_key_that_is_new_on_the_server_is_accepted_at_once() {
    let database = database().await;
    let (first, second) = (ED25519.jwk_with(&json!({"kid": "ed"})), NEXT.jwk_with(&json!({"kid": "next"})));
    let server = KeyServer::start(Mood::Keys(json!([first]))).await;
    let mut function = server.function(&database).await;
    assert_eq!(function.status_for(&token()).await, 200);
    server.be(Mood::Keys(json!([first, second])));
    assert_eq!(function.status_for(&token_of_the_next_key()).await, 200);
    assert_eq!(function.status_for(&token()).await, 200);
}

#[tokio::test]
async fn keys_that_were_known_outlive_a_failure_of_their_server() {
    let database = database().await;
    let mut failures = JoinSet::new();
    for (name, mood) in moods() {
        let url = database.url.clone();
        failures.spawn(async move {
            let _turn = turn().await;
            let server = KeyServer::start(Mood::Keys(json!([ED25519.jwk_with(&json!({"kid": "ed"}))]))).await;
            let mut function = server.function_on(&url).await;
            let before = function.status_for(&token()).await;
            server.be(mood);
            let unknown = function.status_for(&token_of_no_key(1)).await;
            let known = function.status_for(&token()).await;
            assert_eq!((before, unknown, known), (200, 401, 200), "{name}");
        });
    }
    failures.join_all().await;
}

#[tokio::test]
async fn a_server_of_keys_that_fails_is_not_the_callers_fault() {
    let database = database().await;
    let mut failures = JoinSet::new();
    for (name, mood) in moods() {
        let url = database.url.clone();
        failures.spawn(async move {
            let _turn = turn().await;
            let server = KeyServer::start(mood).await;
            let mut function = server.function_on(&url).await;
            let answer = function.invoke(&bearing(&token())).await.expect("an answer");
            assert_eq!((answer.status, &answer.body["code"]), (503, &json!("sign_in_unavailable")), "{name}");
            assert!(!function.output().contains("panicked"), "{name}: {}", function.output());
            server.be(Mood::Keys(json!([ED25519.jwk_with(&json!({"kid": "ed"}))])));
            assert_eq!(function.status_soon_for(&token()).await, 200, "{name}, and then the keys");
        });
    }
    failures.join_all().await;
}

#[tokio::test]
async fn a_redirect_of_the_keys_leads_nowhere() {
    let database = database().await;
    let target = KeyServer::start(Mood::Keys(json!([ED25519.jwk_with(&json!({"kid": "ed"}))]))).await;
    for status in [301, 302, 303, 307, 308] {
        let server = KeyServer::start(Mood::Redirect(status, target.url.clone())).await;
        let mut function = server.function(&database).await;
        assert_eq!(function.status_for(&token()).await, 503, "{status}");
        assert!(server.requests() >= 1);
    }
    assert_eq!(target.requests(), 0);
}

/// Two at a time: keys that come late are not distinguished from keys that do not come, and a crowd is late.
async fn turn() -> SemaphorePermit<'static> {
    static TURNS: Semaphore = Semaphore::const_new(2);
    TURNS.acquire().await.expect("a semaphore that is never closed")
}

/// Everything that a server of keys may do instead of its duty.
fn moods() -> Vec<(&'static str, Mood)> {
    let keys = json!([ED25519.jwk_with(&json!({"kid": "ed"}))]);
    let set = json!({"keys": keys}).to_string();
    let large = json!({"keys": keys, "x": "x".repeat(64 * 1024)}).to_string();
    vec![
        ("slow", Mood::Slow),
        ("hanging up", Mood::HangingUp),
        ("more than 64 KiB", Mood::Text(200, large.clone())),
        ("more than 64 KiB in pieces", Mood::Pieces(large)),
        ("not JSON", Mood::Text(200, "<!doctype html><title>Sign in</title>".to_owned())),
        ("nothing", Mood::Text(200, String::new())),
        ("half a set", Mood::Text(200, set[..set.len() - 1].to_owned())),
        ("a set in UTF-16", Mood::Text(200, set.chars().flat_map(|letter| [letter, '\0']).collect())),
        ("an array", Mood::Text(200, keys.to_string())),
        ("no keys", Mood::Text(200, "{}".to_owned())),
        ("keys in an object", Mood::Text(200, json!({"keys": {"ed": keys[0]}}).to_string())),
        ("deep", Mood::Text(200, format!("{{\"keys\":{}", "[".repeat(60_000)))),
        ("201", Mood::Text(201, set.clone())),
        ("204", Mood::Text(204, String::new())),
        ("304", Mood::Text(304, String::new())),
        ("401", Mood::Text(401, set.clone())),
        ("404", Mood::Text(404, set.clone())),
        ("429", Mood::Text(429, set.clone())),
        ("500", Mood::Text(500, set.clone())),
        ("503", Mood::Text(503, set)),
    ]
}

/// A database that can be turned off and on.
pub(crate) struct Switch {
    url: String,
    turns: mpsc::Sender<(bool, oneshot::Sender<()>)>,
}

impl Switch {
    /// Before this database, and off. While it is off, connections end as soon as they are made.
    pub(crate) async fn before(database_url: &str) -> Self {
        let (start, rest) = database_url.split_once('@').expect("a user");
        let (address, rest) = rest.split_once('/').expect("a database");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let own = listener.local_addr().expect("an address");
        let (turns, orders) = mpsc::channel(1);
        tokio::spawn(forward(listener, address.to_owned(), orders));
        Self { url: format!("{start}@{own}/{rest}"), turns }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// When this returns, connections that were open are not any more.
    pub(crate) async fn turn(&self, on: bool) {
        let (done, is_done) = oneshot::channel();
        self.turns.send((on, done)).await.expect("a task that forwards");
        is_done.await.expect("a task that forwards");
    }
}

async fn forward(listener: TcpListener, address: String, mut orders: mpsc::Receiver<(bool, oneshot::Sender<()>)>) {
    let mut connections = JoinSet::new();
    let mut is_on = false;
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => if is_on {
                connections.spawn(connect(client, address.clone()));
            },
            Some((on, done)) = orders.recv() => {
                is_on = on;
                if !is_on {
                    connections.shutdown().await;
                }
                let _ = done.send(());
            }
            else => return,
        }
    }
}

async fn connect(mut client: TcpStream, address: String) {
    let mut server = TcpStream::connect(&address).await.expect("a running server");
    // Either side may end it.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// What a server of keys does.
#[derive(Debug, Clone)]
enum Mood {
    /// Its duty.
    Keys(Value),
    Text(u16, String),
    /// Without saying how much there will be.
    Pieces(String),
    Redirect(u16, String),
    /// Longer than anybody waits.
    Slow,
    HangingUp,
}

/// A sign-in service on this machine.
struct KeyServer {
    url: String,
    inner: Arc<Mutex<(Mood, usize)>>,
}

impl KeyServer {
    async fn start(mood: Mood) -> Self {
        let inner = Arc::new(Mutex::new((mood, 0)));
        let routes = Router::new().fallback(keys).with_state(Arc::clone(&inner));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/api/auth/jwks", listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { url, inner }
    }

    /// A function that asks this server.
    async fn function(&self, database: &Database) -> Function {
        self.function_on(&database.url).await
    }

    async fn function_on(&self, database_url: &str) -> Function {
        let variables = [("BETTER_AUTH_URL", ORIGIN), ("JWKS_URL", self.url.as_str()), ("DATABASE_URL", database_url)];
        list_tasks(&variables).await
    }

    fn be(&self, mood: Mood) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0 = mood;
    }

    /// How often it was asked.
    fn requests(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

async fn keys(State(inner): State<Arc<Mutex<(Mood, usize)>>>) -> Response {
    let mood = {
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1 += 1;
        inner.0.clone()
    };
    let json = [(CONTENT_TYPE, "application/json")];
    match mood {
        Mood::Keys(keys) => (json, json!({"keys": keys}).to_string()).into_response(),
        Mood::Text(status, text) => (status_of(status), json, text).into_response(),
        Mood::Pieces(text) => {
            let pieces: Vec<Result<String, std::io::Error>> =
                text.as_bytes().chunks(1000).map(|piece| Ok(String::from_utf8_lossy(piece).into_owned())).collect();
            (json, Body::from_stream(futures_util::stream::iter(pieces))).into_response()
        }
        Mood::Redirect(status, url) => (status_of(status), [(LOCATION, url)]).into_response(),
        Mood::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        Mood::HangingUp => {
            let nothing: Result<String, std::io::Error> = Err(std::io::ErrorKind::ConnectionReset.into());
            Body::from_stream(futures_util::stream::iter([nothing])).into_response()
        }
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}
