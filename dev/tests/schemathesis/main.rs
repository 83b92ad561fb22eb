//! Requests that Schemathesis makes from `openapi.yaml`: valid ones, invalid ones, and chains of them. Each response must be
//! as the document says, no valid request may be refused, and no invalid one accepted.
//!
//! `SCHEMATHESIS_EXAMPLES` and `SCHEMATHESIS_SEED` are how many are made, and from what.
#![allow(clippy::panic, reason = "this is how a test fails")]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dev::generate::{Api, Route};
use dev::testing::client::{ApiClient, TestRequest};
use dev::testing::schemathesis::{Identity, Schemathesis};
use dev::testing::stack::{Settings, Stack};
use dev::tokens::{DEFAULT_LIFETIME, now, sign};
use dev::workspace::root;
use jsonwebtoken::{Algorithm, EncodingKey};
use openssl::pkey::PKey;
use serde_json::json;

/// How many examples are made of each operation unless `SCHEMATHESIS_EXAMPLES` says otherwise.
const EXAMPLES: u32 = 5;
/// What they are made from unless `SCHEMATHESIS_SEED` says otherwise.
const SEED: u64 = 1;
/// Where the front end would be.
const ORIGIN: &str = "http://localhost:3000";

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value}")))
}

/// The operations for which this holds.
fn operations(is_chosen: impl Fn(&Route) -> bool) -> Vec<String> {
    let document = std::fs::read_to_string(root().join("openapi.yaml")).expect("openapi.yaml");
    let routes = Api::parse(&document).expect("an OpenAPI document").routes;
    routes.into_iter().filter(is_chosen).map(|route| route.operation_id).collect()
}

/// Whether the route is about an account.
fn is_about_accounts(route: &Route) -> bool {
    const FUNCTIONS: [&str; 6] = ["register", "login", "logout", "me", "change-password", "delete-account"];
    FUNCTIONS.contains(&route.function.as_str())
}

/// Whether it is the first of the routes to its function. The other ones behave the same.
fn is_first(route: &Route) -> bool {
    route.operation_id == route.function
}

async fn start(settings: Settings) -> Stack {
    Stack::start_async(settings).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn assert_conforms(stack: &Stack, identity: Identity, operations: Vec<String>) {
    let examples = number("SCHEMATHESIS_EXAMPLES").map_or(EXAMPLES, |number| u32::try_from(number).expect("a few"));
    let seed = number("SCHEMATHESIS_SEED").unwrap_or(SEED);
    if let Err(report) = (Schemathesis { stack, identity, operations, examples, seed }).run().await {
        panic!("{report}\nSCHEMATHESIS_EXAMPLES={examples} SCHEMATHESIS_SEED={seed} repeats it.\n{}", stack.logs());
    }
}

/// Calls operations on tasks and tags as a demo user, whose tokens are as Better Auth signs them.
async fn assert_tasks_conform(settings: Settings, is_chosen: impl Fn(&Route) -> bool) {
    let pair = PKey::generate_ed25519().expect("a key");
    let public = BASE64_URL_SAFE_NO_PAD.encode(pair.raw_public_key().expect("a public key"));
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "1", "x": public}]});
    let settings = settings.with("AUTH_MODE", "jwks").with("BETTER_AUTH_URL", ORIGIN);
    let stack = start(settings.with("JWKS_JSON", &keys.to_string())).await;
    let signing = EncodingKey::from_ed_der(&pair.private_key_to_pkcs8().expect("a private key"));
    let users = &stack.ready().users;
    let header = json!({"alg": "EdDSA", "kid": "1"}).to_string();
    let tokens = [&users[0], &users[1]].map(|user| {
        let claims = json!({
            "sub": user.id, "iss": ORIGIN, "aud": ORIGIN, "iat": now(), "exp": now() + DEFAULT_LIFETIME
        });
        sign(Algorithm::EdDSA, &signing, &header, claims.to_string())
    });
    let identity = Identity::User(users[0].id.clone(), tokens);
    assert_conforms(&stack, identity, operations(|route| !is_about_accounts(route) && is_chosen(route))).await;
}

/// Calls operations on accounts as a new user.
async fn assert_accounts_conform(is_chosen: impl Fn(&Route) -> bool) {
    let settings = Settings::new().with("AUTH_MODE", "password").with("TRUSTED_PROXIES", "127.0.0.1");
    let stack = start(settings).await;
    // No example of the document has this password, so that the account stays.
    let account = json!({"email": "user@example.com", "password": "a password of this test"});
    let sign_up = TestRequest::new("POST", "/api/auth/register").json(&account);
    let response = ApiClient::new(stack.base_url()).send(sign_up).await.expect_status(201);
    let user_id = response["user_id"].as_str().map_or_else(|| response["user_id"].to_string(), str::to_owned);
    let chosen = operations(|route| is_about_accounts(route) && is_chosen(route));
    assert_conforms(&stack, Identity::ManyTokens(user_id), chosen).await;
}

#[tokio::test]
async fn operations_on_tasks_are_as_documented() {
    assert_tasks_conform(Settings::new(), is_first).await;
}

#[tokio::test]
async fn operations_on_accounts_are_as_documented() {
    assert_accounts_conform(is_first).await;
}

#[tokio::test]
#[ignore = "takes minutes; make schemathesis runs it"]
async fn every_route_is_as_documented() {
    assert_tasks_conform(Settings::new(), |_| true).await;
}

#[tokio::test]
#[ignore = "takes minutes; make schemathesis runs it"]
async fn every_route_of_accounts_is_as_documented() {
    assert_accounts_conform(|_| true).await;
}

#[tokio::test]
#[ignore = "takes minutes; make schemathesis runs it"]
async fn other_forms_of_json_are_as_documented() {
    let settings = Settings::new()
        .with("TASK_LIST_SHAPE", "object")
        .with("TASK_JSON_CASE", "both")
        .with("TASK_TAGS", "objects")
        .with("TASK_FIELDS", "is_recurring,recurrence,recurrence_interval,parent_task_id,is_overdue,is_completed");
    assert_tasks_conform(settings, is_first).await;
}
