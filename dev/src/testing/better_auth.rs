//! A local stack with the real Better Auth.

use serde_json::{Value, json};

use crate::testing::client::{ApiClient, TestRequest};
use crate::testing::stack::{Settings, Stack};

/// The password of every [`SignedUpUser`].
pub const PASSWORD: &str = "correct horse battery staple";

/// A running stack with Better Auth.
#[derive(Debug)]
pub struct BetterAuthStack {
    /// The stack.
    pub stack: Stack,
    /// A client of the API.
    pub client: ApiClient,
    /// A client of the application that Better Auth is part of.
    application: ApiClient,
    /// The path of Better Auth in the application.
    auth_path: String,
}

/// A user who has signed up, with what a front end keeps of the response.
#[derive(Debug, Clone)]
pub struct SignedUpUser {
    /// The id of the user.
    pub id: String,
    /// A unique address.
    pub email: String,
    /// The session token without a signature.
    pub session: String,
    /// The session token with its signature, from the header of the plugin `bearer()`.
    pub signed_session: String,
    /// All cookies: `name=value; name=value`.
    pub cookies: String,
}

impl BetterAuthStack {
    /// Starts a stack with these environment variables: those at the head of `dev/better-auth/server.mjs`, and those of
    /// the functions.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        let arguments = ["serve", "--json", "--until-stdin-closes", "--port", "0", "--ephemeral", "--better-auth"];
        let settings = Settings::new().with_arguments(&arguments);
        let settings = variables.iter().fold(settings, |settings, (name, value)| settings.with(name, value));
        let stack = Stack::start_async(settings).await.unwrap_or_else(|error| panic!("{error}"));
        let url = stack.ready().better_auth_url.as_deref().expect("the URL of Better Auth");
        let (origin, auth_path) = match url.match_indices('/').nth(2) {
            Some((start, _)) => url.split_at(start),
            None => (url, "/api/auth"),
        };
        let (application, auth_path) = (ApiClient::new(origin), auth_path.to_owned());
        Self { client: ApiClient::new(stack.base_url()), application, auth_path, stack }
    }

    /// The value of `BETTER_AUTH_URL`, which has a path only if `BASE_PATH` is set.
    pub fn auth_url(&self) -> &str {
        self.stack.ready().better_auth_url.as_deref().expect("the URL of Better Auth")
    }

    /// Signs up a new user.
    pub async fn sign_up(&self, name: &str) -> SignedUpUser {
        let email = format!("{name}-{}@example.com", uuid::Uuid::new_v4().simple());
        let body = json!({"name": name, "email": email, "password": PASSWORD});
        let request = TestRequest::new("POST", &format!("{}/sign-up/email", self.auth_path)).json(&body);
        let response = self.application.send(request).await.expect_status(200);
        let cookies = response.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        SignedUpUser {
            id: text(&response["user"]["id"]),
            email,
            session: text(&response["token"]),
            signed_session: response.header("set-auth-token").expect("the header of bearer()").to_owned(),
            cookies: cookies.join("; "),
        }
    }

    /// Tries to sign in and returns the status.
    pub async fn sign_in(&self, user: &SignedUpUser) -> u16 {
        let body = json!({"email": user.email, "password": PASSWORD});
        let request = TestRequest::new("POST", &format!("{}/sign-in/email", self.auth_path)).json(&body);
        self.application.send(request).await.status
    }

    /// The token that `authClient.token()` returns.
    pub async fn jwt(&self, user: &SignedUpUser) -> String {
        self.token_at(&format!("{}/token", self.auth_path), user).await
    }

    /// The HS256 token that a route of the application signs.
    pub async fn own_jwt(&self, user: &SignedUpUser) -> String {
        self.token_at("/api/token", user).await
    }

    async fn token_at(&self, path: &str, user: &SignedUpUser) -> String {
        let response = self.application.send(TestRequest::new("GET", path).bearer(&user.session)).await;
        response["token"].as_str().unwrap_or_else(|| panic!("no token: {response:?}")).to_owned()
    }

    /// Posts to a path of Better Auth that needs a session: `/sign-out`.
    pub async fn post(&self, path: &str, user: &SignedUpUser) {
        let request = TestRequest::new("POST", &format!("{}{path}", self.auth_path)).bearer(&user.session);
        let response = self.application.send(request.json(&json!({}))).await;
        assert_eq!(response.status, 200, "{path}");
    }
}

/// A signed session token as it is in a cookie: the characters of base64 are percent-encoded.
pub fn cookie_value(signed_session: &str) -> String {
    signed_session.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
