//! Signs the test user in, as a front end does, to get a token.

use std::time::Duration;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};

use crate::environment::{required, variable};
use crate::http::{client, root_cause, with_retries};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The user whose tasks are created and deleted by the check.
pub(crate) struct TestUser {
    client: Client,
    /// The URL of Better Auth: `https://app.example.com/api/auth`.
    base_url: String,
    /// The value of `Origin`, without which Better Auth refuses a sign-in.
    origin: String,
    email: String,
    password: String,
    /// Whether the functions accept JWTs.
    accepts_jwt: bool,
}

/// The session of a test user who has signed in.
pub(crate) struct Session {
    /// The bearer token for the functions.
    pub(crate) token: String,
    /// The value of `Cookie` for Better Auth.
    cookies: String,
}

impl TestUser {
    /// The user of `SMOKE_EMAIL`. `None` when it is not set.
    ///
    /// # Errors
    /// A sentence that names the missing or invalid variable.
    pub(crate) fn from_environment() -> Result<Option<Self>, String> {
        let Some(email) = variable("SMOKE_EMAIL") else { return Ok(None) };
        let password = required("SMOKE_PASSWORD")?;
        let invalid = "BETTER_AUTH_URL must be a URL such as https://app.example.com";
        let url = Url::parse(required("BETTER_AUTH_URL")?.trim()).map_err(|_| invalid.to_owned())?;
        let origin = url.origin().ascii_serialization();
        let is_local = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        if url.scheme() != "https" && !is_local {
            return Err("BETTER_AUTH_URL must be https: a password is sent there".to_owned());
        }
        // As in Better Auth, a URL with a path names another base path than the default one.
        let base_path = if url.path() == "/" { "/api/auth" } else { url.path().trim_end_matches('/') };
        // Without AUTH_MODE the mode is jwks, because there is a BETTER_AUTH_URL.
        let accepts_jwt = variable("AUTH_MODE").is_none_or(|modes| modes.split(',').any(|mode| mode.trim() == "jwks"));
        let base_url = format!("{origin}{base_path}");
        Ok(Some(Self {
            client: client(REQUEST_TIMEOUT, redirect::Policy::none())?,
            base_url,
            origin,
            email,
            password,
            accepts_jwt,
        }))
    }

    /// Signs in and requests a JWT. The token is that of the session when Better Auth has no plugin `jwt()`, or when
    /// the functions do not accept JWTs.
    ///
    /// # Errors
    /// Why there is no token, as a sentence.
    pub(crate) async fn sign_in(&self) -> Result<Session, String> {
        let response = with_retries(async || self.send_credentials().await).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("Better Auth does not let the test user in: {}", error_message(response).await));
        }
        let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let cookies = cookies.join("; ");
        let mut token = string_member(response, "token").await;
        if self.accepts_jwt {
            let response = with_retries(async || self.request_jwt(&cookies).await).await?;
            match response.status() {
                StatusCode::OK => token = string_member(response, "token").await,
                StatusCode::NOT_FOUND => {}
                _ => {
                    return Err(format!(
                        "Better Auth does not give the test user a JWT: {}",
                        error_message(response).await
                    ));
                }
            }
        }
        let token = token.ok_or("Better Auth answered a sign-in without a token")?;
        Ok(Session { token, cookies })
    }

    /// Ends the session, so that sessions do not accumulate. A failure does no harm.
    pub(crate) async fn sign_out(&self, session: &Session) {
        let request = self.client.post(format!("{}/sign-out", self.base_url)).header(ORIGIN, &self.origin);
        let _ = request.header(COOKIE, &session.cookies).json(&json!({})).send().await;
    }

    async fn send_credentials(&self) -> Result<Response, String> {
        let request = self.client.post(format!("{}/sign-in/email", self.base_url)).header(ORIGIN, &self.origin);
        let request = request.json(&json!({ "email": self.email, "password": self.password }));
        request.send().await.map_err(|error| no_response(&error))
    }

    async fn request_jwt(&self, cookies: &str) -> Result<Response, String> {
        let request = self.client.get(format!("{}/token", self.base_url)).header(COOKIE, cookies);
        request.send().await.map_err(|error| no_response(&error))
    }
}

fn no_response(error: &reqwest::Error) -> String {
    format!("Better Auth did not answer: {}", root_cause(error))
}

/// The status, and the message of Better Auth if there is one.
async fn error_message(response: Response) -> String {
    let status = response.status();
    string_member(response, "message")
        .await
        .map_or_else(|| status.to_string(), |message| format!("{status}, {message}"))
}

/// A member of a JSON object. `None` when there is none or it is not a string.
async fn string_member(response: Response, name: &str) -> Option<String> {
    let body: Value = response.json().await.ok()?;
    Some(body[name].as_str()?.to_owned())
}
