//! What responses and the tables must be after a fault.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dev::testing::client::TestResponse;
use serde_json::{Value, json};

use super::case::AccountCase;
use super::env::AccountsEnv;
use super::operation::Operation;

/// What is stored about the account of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// The hashes of the users with the e-mail address.
    hashes: Vec<String>,
    tasks: i64,
    /// How often the tokens of the user were revoked.
    version: i32,
    /// Whether the token of the case was revoked.
    is_revoked: bool,
    /// Whether there is a reset code, and it was used.
    used_code: Option<bool>,
}

impl AccountsEnv {
    pub(super) async fn stored(&self, case: &AccountCase) -> Stored {
        let sql = "
            select
                array(select password_hash::text from users where email = $1),
                (select count(*) from tasks where user_id::text = $2),
                coalesce((select version from tasks_api.token_versions where user_id = $2), 0),
                exists (select from tasks_api.revoked_tokens where token_id = $3),
                (select is_used from tasks_api.reset_codes where user_id = $2)";
        let client = &self.env.database.owner.client;
        let row = client.query_one(sql, &[&case.email, &case.id.to_string(), &case.token_id]).await.unwrap();
        Stored {
            hashes: row.get(0),
            tasks: row.get(1),
            version: row.get(2),
            is_revoked: row.get(3),
            used_code: row.get(4),
        }
    }

    /// Sends a request of each operation, one after the other, and asserts that each is done.
    pub(super) async fn assert_works(&self, operations: &[Operation]) {
        for case in self.prepare_all(operations).await {
            self.assert_done(&case, &case.send().await).await;
        }
    }

    /// Asserts that the operation was executed exactly once, and that the response says so.
    pub(super) async fn assert_done(&self, case: &AccountCase, response: &TestResponse) {
        let message = format!("{:?}: {response:?}\n{}", case.operation, self.env.stack.logs());
        assert_eq!(response.status, case.operation.status(), "{message}");
        let stored = self.assert_executed_once(case).await;
        match case.operation {
            Operation::SignOut => assert_eq!(response["message"], "Signed out", "{message}"),
            Operation::Me => assert_eq!(response["email"], json!(case.email), "{message}"),
            Operation::DeleteAccount => assert_eq!(response.json, json!(null), "{message}"),
            _ => {
                let claims = claims(response);
                let id = if case.operation == Operation::SignUp {
                    response["user_id"].clone()
                } else {
                    json!(case.id.to_string())
                };
                assert_eq!((&claims["sub"], &claims["ver"]), (&id, &json!(stored.version)), "{message}");
            }
        }
    }

    /// [`AccountsEnv::assert_done`] for each case.
    pub(super) async fn assert_all_done(&self, cases: &[Arc<AccountCase>], responses: &[TestResponse]) {
        assert_eq!(cases.len(), responses.len());
        for (case, response) in cases.iter().zip(responses) {
            self.assert_done(case, response).await;
        }
    }

    /// Asserts that the tables are as one execution leaves them.
    pub(super) async fn assert_executed_once(&self, case: &AccountCase) -> Stored {
        let stored = self.stored(case).await;
        assert_eq!(stored, case.stored_after(&stored), "{:?}\n{}", case.operation, self.env.stack.logs());
        stored
    }

    /// Asserts that the tables are as they were before the operation.
    pub(super) async fn assert_not_executed(&self, case: &AccountCase) {
        let stored = self.stored(case).await;
        assert_eq!(stored, case.stored_before(), "{:?}\n{}", case.operation, self.env.stack.logs());
    }

    /// Asserts that the response is a 503, and that the operation was not executed.
    pub(super) async fn assert_unavailable_and_not_executed(&self, case: &AccountCase, response: &TestResponse) {
        self.env.assert_unavailable(response);
        self.assert_not_executed(case).await;
    }

    /// Asserts that the operation was done, or that the response is a 503. Then it was executed once or not at all.
    pub(super) async fn assert_done_or_unavailable(&self, case: &AccountCase, response: &TestResponse) {
        if response.status != 503 {
            return self.assert_done(case, response).await;
        }
        self.env.assert_unavailable(response);
        if self.stored(case).await != case.stored_before() {
            self.assert_executed_once(case).await;
        }
    }
}

impl AccountCase {
    /// What is stored before the operation.
    fn stored_before(&self) -> Stored {
        Stored {
            hashes: Vec::from_iter(self.hash.clone()),
            tasks: i64::from(self.hash.is_some()),
            version: 0,
            is_revoked: false,
            used_code: (self.operation == Operation::SignInWithCode).then_some(false),
        }
    }

    /// What is stored after exactly one execution. New hashes are those of `stored`, if they have the form of one.
    fn stored_after(&self, stored: &Stored) -> Stored {
        let before = self.stored_before();
        let is_new = |hash: &&String| hash.starts_with("$2b$12$") && Some(*hash) != self.hash.as_ref();
        let new_hashes = || Vec::from_iter(stored.hashes.iter().find(is_new).cloned());
        match self.operation {
            Operation::SignIn | Operation::Me => before,
            Operation::SignUp | Operation::SignInWithWeakHash => Stored { hashes: new_hashes(), ..before },
            Operation::SignInWithCode => Stored { used_code: Some(true), ..before },
            Operation::SignOut => Stored { is_revoked: true, ..before },
            Operation::ChangePassword => Stored { hashes: new_hashes(), version: 1, ..before },
            Operation::DeleteAccount => Stored { hashes: Vec::new(), tasks: 0, version: 1, ..before },
        }
    }
}

/// The claims of the token in a response.
fn claims(response: &TestResponse) -> Value {
    let token = response["access_token"].as_str().unwrap_or_default();
    assert_eq!(token.split('.').count(), 3, "{response:?}");
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
