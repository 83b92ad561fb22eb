//! A token of the test user, as a front end gets one: by signing in.

use std::time::Duration;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};

use crate::environment::{required, variable};
use crate::http::{causes, client, persistently};

/// How long Better Auth may take for one answer.
const LIMIT: Duration = Duration::from_secs(15);

/// Somebody who exists for this.
pub(crate) struct TestUser {
    client: Client,
    /// Where Better Auth is: `https://app.example.com/api/auth`.
    base: String,
    /// The site that a browser would be on.
    origin: String,
    email: String,
    password: String,
    /// Whether the functions accept JWTs.
    takes_jwt: bool,
}

/// A test user who has signed in.
pub(crate) struct Session {
    /// What the functions take.
    pub(crate) token: String,
    /// What Better Auth takes.
    cookies: String,
}

impl TestUser {
    /// The user of `SMOKE_EMAIL`, if there is one.
    ///
    /// # Errors
    /// A sentence that names the variable which is missing or wrong.
    pub(crate) fn from_environment() -> Result<Option<Self>, String> {
        let Some(email) = variable("SMOKE_EMAIL") else { return Ok(None) };
        let password = required("SMOKE_PASSWORD")?;
        let wrong = "BETTER_AUTH_URL must be a URL such as https://app.example.com";
        let url = Url::parse(required("BETTER_AUTH_URL")?.trim()).map_err(|_| wrong.to_owned())?;
        let origin = url.origin().ascii_serialization();
        let is_here = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        if url.scheme() != "https" && !is_here {
            return Err("BETTER_AUTH_URL must be https: a password is sent there".to_owned());
        }
        // A base URL with a path is Better Auth's own form of naming another mount point.
        let mount = if url.path() == "/" { "/api/auth" } else { url.path().trim_end_matches('/') };
        // An empty AUTH_MODE is jwks where there is a BETTER_AUTH_URL.
        let takes_jwt = variable("AUTH_MODE").is_none_or(|modes| modes.split(',').any(|mode| mode.trim() == "jwks"));
        let base = format!("{origin}{mount}");
        Ok(Some(Self { client: client(LIMIT, redirect::Policy::none())?, base, origin, email, password, takes_jwt }))
    }

    /// Signs in, and asks for a JWT. Where Better Auth has no plugin `jwt()`, or the functions do not accept its
    /// tokens, the token is that of the session.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn sign_in(&self) -> Result<Session, String> {
        let answer = persistently(async || self.send_credentials().await).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("Better Auth does not let the test user in: {}", refusal(answer).await));
        }
        let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let cookies = cookies.join("; ");
        let mut token = member(answer, "token").await;
        if self.takes_jwt {
            let answer = persistently(async || self.ask_for_jwt(&cookies).await).await?;
            match answer.status() {
                StatusCode::OK => token = member(answer, "token").await,
                StatusCode::NOT_FOUND => {}
                _ => return Err(format!("Better Auth does not give the test user a JWT: {}", refusal(answer).await)),
            }
        }
        let token = token.ok_or("Better Auth answered a sign-in without a token")?;
        Ok(Session { token, cookies })
    }

    /// Ends a session, so that they do not add up. One that stays does no harm.
    pub(crate) async fn sign_out(&self, session: &Session) {
        let request = self.client.post(format!("{}/sign-out", self.base)).header(ORIGIN, &self.origin);
        let _ = request.header(COOKIE, &session.cookies).json(&json!({})).send().await;
    }

    async fn send_credentials(&self) -> Result<Response, String> {
        let request = self.client.post(format!("{}/sign-in/email", self.base)).header(ORIGIN, &self.origin);
        let request = request.json(&json!({ "email": self.email, "password": self.password }));
        request.send().await.map_err(|error| silence(&error))
    }

    async fn ask_for_jwt(&self, cookies: &str) -> Result<Response, String> {
        let request = self.client.get(format!("{}/token", self.base)).header(COOKIE, cookies);
        request.send().await.map_err(|error| silence(&error))
    }
}

fn silence(error: &reqwest::Error) -> String {
    format!("Better Auth did not answer: {}", causes(error))
}

/// What Better Auth says, in its own words.
async fn refusal(answer: Response) -> String {
    let status = answer.status();
    member(answer, "message").await.map_or_else(|| status.to_string(), |message| format!("{status}, {message}"))
}

/// A member of an answer that is text.
async fn member(answer: Response, name: &str) -> Option<String> {
    let answer: Value = answer.json().await.ok()?;
    Some(answer[name].as_str()?.to_owned())
}
