//! How many round trips to the database sign-up and sign-in take.

use dev::testing::client::TestRequest;
use dev::testing::database::TestDatabase;
use dev::testing::fault_proxy::FaultProxy;
use serde_json::json;

use super::kit::{Accounts, PASSWORD, layout, new_email};

const NEW: &str = "battery staple";

#[tokio::test]
async fn a_refusal_takes_one_round_trip_and_a_success_two() {
    let database = TestDatabase::adopted(layout()).await;
    let proxy = FaultProxy::in_front_of(&database.url).await.expect("a free port");
    // One instance of each function has one connection.
    let accounts = Accounts::start(&proxy.redirect(&database.url), &[("LAMBDA_CONCURRENCY", "1")]).await;
    // The first requests connect. The counted ones come after them.
    for is_counted in [false, true] {
        let email = new_email();
        let send = async |request: TestRequest, status: u16, round_trips: usize| {
            let before = proxy.round_trips();
            let response = accounts.send(request).await.expect_status(status);
            let taken = proxy.round_trips() - before;
            assert!(!is_counted || taken == round_trips, "{}: {taken}", response.request);
            response
        };
        let post = |path: &str, password: &str| {
            accounts.request("POST", path).json(&json!({"email": email, "password": password}))
        };
        send(post("/api/auth/register", PASSWORD), 201, 2).await;
        send(post("/api/auth/register", PASSWORD), 409, 1).await;
        send(post("/api/auth/login", "wrong password"), 401, 1).await;
        let ada = send(post("/api/auth/login", PASSWORD), 200, 2).await;
        let token = |response: &dev::testing::client::TestResponse| response["token"].as_str().unwrap().to_owned();
        send(accounts.request("GET", "/api/auth/me").bearer(&token(&ada)), 200, 1).await;
        let change = |current: &str| {
            let body = json!({"current_password": current, "new_password": NEW});
            accounts.request("POST", "/api/auth/change-password").bearer(&token(&ada)).json(&body)
        };
        send(change("wrong password"), 403, 1).await;
        let changed = send(change(PASSWORD), 200, 2).await;
        let other = send(post("/api/auth/login", NEW), 200, 2).await;
        send(accounts.request("POST", "/api/auth/logout").bearer(&token(&other)), 200, 1).await;
        let delete = accounts.request("DELETE", "/api/auth/me").bearer(&token(&changed));
        send(delete.json(&json!({"password": NEW})), 204, 2).await;
    }
}
