//! One operation on one account, whose effect can be checked in the tables.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use dev::testing::client::{ApiClient, TestRequest, TestResponse};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::Operation;
use crate::env::FaultDatabase;

/// The password of the accounts.
const PASSWORD: &str = "correct horse";
const NEW_PASSWORD: &str = "battery staple";
/// A hash of [`PASSWORD`] as new ones are.
const HASH: &str = "$2b$12$nJlfXRdcqP9PoCXIPN.FAuoym26mA1DKBNJp8UjJXHlv4UEdf1QL.";
/// A hash of [`PASSWORD`] that `PASSWORD_LEGACY=sha256` accepts.
const WEAK_HASH: &str = "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631";
/// A reset code.
const CODE: &str = "0123456789ABCDEF01234567";

/// One operation on an account, which no other case is about.
pub(super) struct AccountCase {
    pub(super) operation: Operation,
    client: ApiClient,
    /// The address of the client, so that no case takes the attempts of another.
    address: String,
    pub(super) email: String,
    /// The id of the user. Of no user for [`Operation::SignUp`].
    pub(super) id: Uuid,
    /// The token of the requests, and its id.
    token: String,
    pub(super) token_id: String,
    /// The stored hash before the operation.
    pub(super) hash: Option<String>,
}

impl AccountCase {
    /// Inserts the account, with a task. `mint` signs a token for a user with an id.
    pub(super) async fn new(
        operation: Operation,
        client: ApiClient,
        database: &FaultDatabase,
        mint: impl Fn(&str, &str) -> String,
    ) -> Self {
        let id = Uuid::new_v4();
        let (email, token_id) = (format!("{}@example.com", id.simple()), id.simple().to_string());
        let hash = match operation {
            Operation::SignUp => None,
            Operation::SignInWithWeakHash => Some(WEAK_HASH.to_owned()),
            _ => Some(HASH.to_owned()),
        };
        if let Some(hash) = &hash {
            let code = if operation == Operation::SignInWithCode {
                format!(
                    "insert into tasks_api.reset_codes (user_id, code_hash, expires_at)
                    values ('{id}', sha256('{CODE}'), now() + interval '30 minutes');"
                )
            } else {
                String::new()
            };
            database
                .run(&format!(
                    "insert into users (id, email, password_hash) values ('{id}', '{email}', '{hash}');
                    insert into tasks (user_id, title) values ('{id}', 'Buy milk');
                    {code}"
                ))
                .await;
        }
        let token = mint(&id.to_string(), &token_id);
        Self { operation, client, address: new_address(), email, id, token, token_id, hash }
    }

    /// Sends the request.
    pub(super) async fn send(&self) -> TestResponse {
        self.client.send(self.request()).await
    }

    /// The request of the operation.
    pub(super) fn request(&self) -> TestRequest {
        let password = json!({"email": self.email, "password": PASSWORD});
        match self.operation {
            Operation::SignUp => self.sign_up(),
            Operation::SignIn | Operation::SignInWithWeakHash => self.sign_in_with(PASSWORD),
            Operation::SignInWithCode => self.sign_in_with(CODE),
            Operation::SignOut => self.with_token("POST", "/api/auth/logout"),
            Operation::Me => self.with_token("GET", "/api/auth/me"),
            Operation::ChangePassword => {
                let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
                self.with_token("POST", "/api/auth/change-password").json(&change)
            }
            Operation::DeleteAccount => self.with_token("DELETE", "/api/auth/me").json(&password),
        }
    }

    pub(super) fn sign_up(&self) -> TestRequest {
        self.post("/api/auth/register", &json!({"email": self.email, "password": PASSWORD}))
    }

    /// Deletes the account with another token.
    pub(super) fn delete_with(&self, token: &str) -> TestRequest {
        self.client_request("DELETE", "/api/auth/me").bearer(token).json(&json!({"password": PASSWORD}))
    }

    /// Signs in with the password that the account has after the operation.
    pub(super) async fn sign_in_afterwards(&self) -> TestResponse {
        let password = if self.operation == Operation::ChangePassword { NEW_PASSWORD } else { PASSWORD };
        self.client.send(self.sign_in_with(password)).await
    }

    /// Sends another request of the same client.
    pub(super) async fn send_request(&self, request: TestRequest) -> TestResponse {
        self.client.send(request).await
    }

    fn sign_in_with(&self, password: &str) -> TestRequest {
        self.post("/api/auth/login", &json!({"email": self.email, "password": password}))
    }

    pub(super) fn with_token(&self, method: &str, path: &str) -> TestRequest {
        self.client_request(method, path).bearer(&self.token)
    }

    fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.client_request("POST", path).json(body)
    }

    fn client_request(&self, method: &str, path: &str) -> TestRequest {
        TestRequest::new(method, path).header("x-forwarded-for", &self.address)
    }
}

fn new_address() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // From the address block for network benchmarks.
    let first = Ipv4Addr::new(198, 18, 0, 0).to_bits();
    Ipv4Addr::from_bits(first + NUMBER.fetch_add(1, Ordering::Relaxed)).to_string()
}
