//! From sign-up to the first task, with the real Better Auth: every token that its front ends send.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::time::Duration;

use dev::testing::stack::{Settings, Stack};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A stack with Better Auth, and a browser.
struct Site {
    stack: Stack,
    client: Client,
}

/// Somebody who has signed up: the answer of the sign-up is all that a front end keeps.
struct Visitor {
    id: String,
    email: String,
    /// The raw session token.
    session: String,
    /// The session token with its signature, from the header of the `bearer()` plugin.
    signed_session: String,
    cookies: String,
}

const PASSWORD: &str = "correct horse battery staple";

impl Site {
    /// `settings` are those at the head of `server.mjs`, and our own.
    async fn start(settings: &[(&str, &str)]) -> Self {
        let arguments = ["serve", "--json", "--until-stdin-closes", "--port", "0", "--ephemeral", "--better-auth"];
        let start = Settings::new(env!("CARGO_BIN_EXE_dev")).with_arguments(&arguments);
        let start = settings.iter().fold(start, |start, (name, value)| start.with(name, value));
        let stack = Stack::start_async(start).await.unwrap();
        Self { stack, client: Client::new() }
    }

    fn auth(&self, path: &str) -> String {
        format!("{}/api/auth{path}", self.stack.ready().better_auth_url.as_deref().unwrap())
    }

    async fn sign_up(&self, name: &str) -> Visitor {
        let email = format!("{name}@example.com");
        let body = json!({"name": name, "email": email, "password": PASSWORD});
        let answer = self.client.post(self.auth("/sign-up/email")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let cookies = cookies.join("; ");
        let signed_session = answer.headers()["set-auth-token"].to_str().unwrap().to_owned();
        let body: Value = answer.json().await.unwrap();
        Visitor {
            id: body["user"]["id"].as_str().unwrap().to_owned(),
            email,
            session: body["token"].as_str().unwrap().to_owned(),
            signed_session,
            cookies,
        }
    }

    /// What `authClient.token()` returns.
    async fn jwt(&self, visitor: &Visitor) -> String {
        self.token_from(&self.auth("/token"), visitor).await
    }

    /// What the application's own route signs with HS256.
    async fn own_jwt(&self, visitor: &Visitor) -> String {
        self.token_from(&self.auth("").replace("/api/auth", "/api/token"), visitor).await
    }

    async fn token_from(&self, url: &str, visitor: &Visitor) -> String {
        let answer = self.client.get(url).bearer_auth(&visitor.session).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// Something that only a signed-in user may do with Better Auth.
    async fn act(&self, path: &str, visitor: &Visitor) {
        let request = self.client.post(self.auth(path)).bearer_auth(&visitor.session);
        assert_eq!(request.json(&json!({})).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }

    fn tasks(&self, path: &str) -> String {
        format!("{}/api/tasks{path}", self.stack.base_url())
    }

    async fn list(&self, token: &str) -> Response {
        self.client.get(self.tasks("")).bearer_auth(token).send().await.unwrap()
    }

    async fn create(&self, token: &str, title: &str) -> Response {
        let request = self.client.post(self.tasks("")).bearer_auth(token).json(&json!({"title": title}));
        request.send().await.unwrap()
    }

    /// Whether the token is good for the whole life of a task, and the task is its user's.
    async fn works_with_tasks(&self, token: &str, user_id: &str) {
        let created = self.create(token, "Buy milk").await;
        assert_eq!(created.status(), StatusCode::CREATED, "{}", self.stack.logs());
        let task: Value = created.json().await.unwrap();
        assert_eq!(task["user_id"], user_id);
        let path = format!("/{}", task["id"]);
        let send = async |request: RequestBuilder| request.bearer_auth(token).send().await.unwrap().status();
        assert_eq!(send(self.client.get(self.tasks(&path))).await, StatusCode::OK);
        let change = self.client.put(self.tasks(&path)).json(&json!({"priority": "low"}));
        assert_eq!(send(change).await, StatusCode::OK);
        assert_eq!(send(self.client.patch(self.tasks(&format!("{path}/complete")))).await, StatusCode::OK);
        let mine: Vec<Value> = self.list(token).await.json().await.unwrap();
        assert!(mine.iter().any(|listed| listed["id"] == task["id"] && listed["completed"] == true));
        assert_eq!(send(self.client.delete(self.tasks(&path))).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn every_token_of_one_sign_up_reaches_the_same_tasks() {
    let site = Site::start(&[("COOKIE_CACHE", "jwt")]).await;
    let ada = site.sign_up("ada").await;
    let cookie = ada.cookies.split("; ").find_map(|cookie| cookie.strip_prefix("better-auth.session_data=")).unwrap();
    let percent_encoded = ada.signed_session.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for token in [
        site.jwt(&ada).await,
        site.own_jwt(&ada).await,
        cookie.to_owned(),
        ada.session.clone(),
        ada.signed_session.clone(),
        percent_encoded,
    ] {
        site.works_with_tasks(&token, &ada.id).await;
    }

    site.create(&ada.session, "Ada's").await;
    let grace = site.sign_up("grace").await;
    for token in [site.jwt(&grace).await, site.own_jwt(&grace).await, grace.session.clone()] {
        let others: Vec<Value> = site.list(&token).await.json().await.unwrap();
        assert_eq!(others, [] as [Value; 0]);
    }
    let logs = site.stack.logs();
    for secret in [&ada.session, &ada.signed_session, site.stack.secret()] {
        assert!(!logs.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn only_the_forms_that_are_asked_for_are_accepted() {
    let site = Site::start(&[("AUTH_MODE", "jwks")]).await;
    let ada = site.sign_up("ada").await;
    site.works_with_tasks(&site.jwt(&ada).await, &ada.id).await;
    for token in [&site.own_jwt(&ada).await, &ada.session, &ada.signed_session] {
        assert_eq!(site.list(token).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_sign_out_ends_a_session_at_once_and_a_jwt_at_its_end() {
    let site = Site::start(&[("JWT_EXPIRATION", "3s")]).await;
    let ada = site.sign_up("ada").await;
    let jwt = site.jwt(&ada).await;
    assert_eq!(site.list(&ada.session).await.status(), StatusCode::OK);
    site.act("/sign-out", &ada).await;
    for token in [&ada.session, &ada.signed_session] {
        assert_eq!(site.list(token).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(site.list(&jwt).await.status(), StatusCode::OK);
    // The end of a token is a time on the clock: there is nothing else to wait for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(site.list(&jwt).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn deleting_the_user_deletes_the_tasks_and_ends_every_token_that_writes() {
    let site = Site::start(&[]).await;
    let (ada, grace) = (site.sign_up("ada").await, site.sign_up("grace").await);
    let (jwt, own) = (site.jwt(&ada).await, site.own_jwt(&ada).await);
    site.create(&jwt, "Ada's").await;
    site.create(&grace.session, "Grace's").await;
    site.act("/delete-user", &ada).await;

    let database = dev::services::database::connect(site.stack.database_url()).await.unwrap();
    let owners: Vec<String> =
        database.query("select user_id from tasks", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, [grace.id]);
    for token in [&jwt, &own, &ada.session] {
        assert_eq!(site.create(token, "From the beyond").await.status(), StatusCode::UNAUTHORIZED);
    }
    let users: i64 =
        database.query_one(r#"select count(*) from "user" where email = $1"#, &[&ada.email]).await.unwrap().get(0);
    assert_eq!(users, 0, "nobody makes a user but Better Auth");
}

#[tokio::test]
async fn a_new_key_is_found_and_the_old_one_still_verifies() {
    let site = Site::start(&[("ROTATION_INTERVAL_SECONDS", "1")]).await;
    let ada = site.sign_up("ada").await;
    let old = site.jwt(&ada).await;
    site.works_with_tasks(&old, &ada.id).await;
    let database = dev::services::database::connect(site.stack.database_url()).await.unwrap();
    // The next token after the end of a key makes another one.
    let ended = r#"select coalesce(bool_and("expiresAt" < now()), false) from jwks"#;
    while !database.query_one(ended, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let new = site.jwt(&ada).await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new));
    // The first look for a key that is unknown is taken at once; only the next one has to wait.
    assert_eq!(site.list(&new).await.status(), StatusCode::OK);
    assert_eq!(site.list(&old).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn es256_keys_verify() {
    let site = Site::start(&[("JWT_ALG", "ES256")]).await;
    let ada = site.sign_up("ada").await;
    site.works_with_tasks(&site.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn rs256_keys_from_the_url_verify() {
    let site = Site::start(&[("JWT_ALG", "RS256"), ("JWKS_SOURCE", "url")]).await;
    let ada = site.sign_up("ada").await;
    site.works_with_tasks(&site.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn ps256_keys_verify() {
    let site = Site::start(&[("JWT_ALG", "PS256")]).await;
    let ada = site.sign_up("ada").await;
    site.works_with_tasks(&site.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn es512_is_refused() {
    let site = Site::start(&[("JWT_ALG", "ES512")]).await;
    let ada = site.sign_up("ada").await;
    assert_eq!(site.list(&site.jwt(&ada).await).await.status(), StatusCode::UNAUTHORIZED);
    site.works_with_tasks(&ada.session, &ada.id).await;
}

#[tokio::test]
async fn users_with_uuid_ids_have_tasks() {
    let site = Site::start(&[("ID_FORMAT", "uuid")]).await;
    let ada = site.sign_up("ada").await;
    for token in [site.jwt(&ada).await, site.own_jwt(&ada).await, ada.session.clone()] {
        site.works_with_tasks(&token, &ada.id).await;
    }
    let nobody = dev::tokens::mint(site.stack.secret(), "not-a-uuid");
    assert_eq!(site.list(&nobody).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.create(&nobody, "Nobody's").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn users_in_a_table_with_snake_case_columns_have_tasks() {
    let site = Site::start(&[("USER_TABLE", "users")]).await;
    let ada = site.sign_up("ada").await;
    for token in [site.jwt(&ada).await, ada.session.clone()] {
        site.works_with_tasks(&token, &ada.id).await;
    }
    let path = format!("{}/api/{}/tasks", site.stack.base_url(), ada.id);
    let answer = site.client.get(path).bearer_auth(&ada.session).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
