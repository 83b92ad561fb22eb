//! An API with sign-up and sign-in, on a database of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use dev::testing::client::{TestRequest, TestResponse, TestUser};
use dev::testing::database::{LAYOUTS, Layout, TestDatabase};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::kit::{Api, api_with, schema};

/// A good password that is not common.
pub(super) const PASSWORD: &str = "correct horse";

/// An API whose users sign in at it.
pub(super) struct Accounts {
    pub(super) api: Api,
    database_url: String,
    /// The address of the client, as a trusted proxy says. Every test has one of its own, so that none takes the attempts of
    /// another.
    address: String,
}

/// The layout with users and passwords of its own.
pub(super) fn layout() -> &'static Layout {
    LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").expect("the layout")
}

/// The API that most tests share.
pub(super) async fn accounts() -> Accounts {
    accounts_with(&[]).await
}

/// As [`accounts`], with further settings.
pub(super) async fn accounts_with(settings: &[(&str, &str)]) -> Accounts {
    static DATABASE: OnceCell<String> = OnceCell::const_new();
    let url = DATABASE.get_or_init(async || TestDatabase::adopted(layout()).await.url).await;
    Accounts::on(url, settings)
}

impl Accounts {
    /// An API on a migrated database. Tests with the same settings share it.
    pub(super) fn on(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::new(api_with(&with_defaults(database_url, settings)), database_url)
    }

    /// As [`Accounts::on`], for one test.
    pub(super) async fn start(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::new(Api::start(database_url, &with_defaults(database_url, settings)).await, database_url)
    }

    fn new(api: Api, database_url: &str) -> Self {
        Self { api, database_url: database_url.to_owned(), address: new_address() }
    }

    /// The same API, for a client at another address.
    pub(super) fn elsewhere(&self) -> Self {
        Self::new(self.api.clone(), &self.database_url)
    }

    pub(super) async fn connect(&self) -> Client {
        schema::connect(&self.database_url).await
    }

    pub(super) fn request(&self, method: &str, path: &str) -> TestRequest {
        TestRequest::new(method, path).header("x-forwarded-for", &self.address)
    }

    pub(super) async fn send(&self, request: TestRequest) -> TestResponse {
        self.api.client.send(request).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send(self.request("POST", path).json(body)).await
    }

    pub(super) async fn sign_up(&self, email: &str) -> TestResponse {
        self.post("/api/auth/register", &json!({"email": email, "password": PASSWORD})).await
    }

    pub(super) async fn sign_in(&self, email: &str, password: &str) -> TestResponse {
        self.post("/api/auth/login", &json!({"email": email, "password": password})).await
    }

    /// A new user with an e-mail address of their own, signed up.
    pub(super) async fn new_account(&self) -> (String, TestResponse) {
        let email = new_email();
        let response = self.sign_up(&email).await.expect_status(201);
        (email, response)
    }

    /// The user of a response to sign-up or sign-in.
    pub(super) fn user(&self, response: &TestResponse) -> TestUser {
        let token = response["access_token"].as_str().expect("a token");
        let id = &response["user_id"];
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        self.api.client.user(&id, token)
    }

    /// Sends a request with the token of a response to sign-up or sign-in.
    pub(super) async fn as_user(
        &self,
        response: &TestResponse,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> TestResponse {
        let token = response["access_token"].as_str().expect("a token");
        self.send(self.request(method, path).bearer(token).maybe_json(body)).await
    }
}

fn with_defaults<'a>(database_url: &'a str, settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let defaults = [("DATABASE_URL", database_url), ("AUTH_MODE", "password"), ("TRUSTED_PROXIES", "127.0.0.1")];
    [&defaults, settings].concat()
}

/// An e-mail address that no other test uses.
pub(super) fn new_email() -> String {
    format!("ada-{}@example.com", uuid::Uuid::new_v4().simple())
}

fn new_address() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::net::Ipv4Addr::from_bits(u32::from_be_bytes([198, 18, 0, 0]) + number).to_string()
}
