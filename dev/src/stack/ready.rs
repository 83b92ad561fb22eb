//! Waiting until the API responds, and what the local stack prints then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::services::database::User;

/// What a program needs to use the stack: the line that `--json` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// The URL of the API, such as `http://127.0.0.1:9000`.
    pub base_url: String,
    /// The URL of the page about the API, unless it is turned off.
    pub docs_url: Option<String>,
    /// The URL of Better Auth, if it runs.
    pub better_auth_url: Option<String>,
    /// The database of the functions.
    pub database_url: String,
    /// The certificate authority of the private PostgreSQL, if there is one.
    pub ca_file: Option<std::path::PathBuf>,
    /// The secret that signs tokens.
    pub secret: String,
    /// The demo users. Empty without a private database.
    pub users: Vec<User>,
    /// The process id of the stack.
    pub pid: u32,
    /// The folder with the binaries of the functions.
    pub functions_dir: std::path::PathBuf,
}

/// The API does not become ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The response has another status than 200.
    #[error("GET {path} says {status}: {detail}")]
    Status {
        /// The path of the request.
        path: &'static str,
        /// The status of the response.
        status: u16,
        /// The `detail` of a problem document, or the whole body.
        detail: String,
    },
    /// There is no response.
    #[error("GET {0} is not answered")]
    NoResponse(&'static str),
}

impl NotReady {
    /// Adds the cause from the log, which a response must not contain.
    pub(crate) fn with_cause(mut self, cause: Option<String>) -> Self {
        if let (Self::Status { detail, .. }, Some(cause)) = (&mut self, cause) {
            *detail = format!("{detail} ({cause})");
        }
        self
    }
}

/// Sends requests until the response is 200. A 500 ends it, because it will not go away without a change of settings.
pub(crate) async fn wait_until_ok(port: u16, path: &'static str, limit: Duration) -> Result<(), NotReady> {
    let end = Instant::now() + limit;
    let mut error = NotReady::NoResponse(path);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match timeout(left, get(port, path)).await {
            Ok(Ok((200, _))) => return Ok(()),
            Ok(Ok((500, body))) => return Err(NotReady::Status { path, status: 500, detail: detail(&body) }),
            Ok(Ok((status, body))) => error = NotReady::Status { path, status, detail: detail(&body) },
            // An earlier response says more than a timeout.
            Ok(Err(_)) | Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends one request on a connection of its own. Returns the status and the body.
async fn get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, body.to_owned()))
}

/// The `detail` of a problem document, the `message` of the gateway, or the body itself.
fn detail(body: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let member = problem.as_ref().and_then(|problem| problem.get("detail").or_else(|| problem.get("message")));
    member.and_then(serde_json::Value::as_str).unwrap_or(body).trim().to_owned()
}

impl Ready {
    /// One line for a program.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and paths that were text before")
    }

    /// The text for a person, with commands to paste.
    pub(crate) fn text(&self, caller: &Caller) -> String {
        let Self { base_url, database_url, .. } = self;
        let mut text = format!("\nThe API answers at {base_url}\n");
        if let Some(url) = &self.docs_url {
            text += &format!("All operations, to read and to try: {url}\n");
        }
        text += &match self.ca_file {
            Some(_) => format!("PostgreSQL: {database_url}\n"),
            None => "It uses the database of DATABASE_URL.\n".to_owned(),
        };
        let mut sign_up = String::new();
        let token = match caller {
            Caller::Demo { user: User { id, name, .. }, token } => {
                text += &format!("The token is {name}'s ({id}) and good for 30 days. ");
                for User { id, name, .. } in self.users.iter().filter(|other| other.id != *id) {
                    text += &format!("{name}'s: make token USER_ID={id}\n");
                }
                token.clone()
            }
            Caller::Unknown => {
                text += "A token for one of its users: make token USER_ID=...\n";
                "...".to_owned()
            }
            Caller::BetterAuth { url } => {
                text += &format!("Better Auth answers at {url}\n");
                // With the process id of the shell in the address, because an address can sign up once only.
                let user = r#"{"name":"Ada","email":"ada-'$$'@example.com","password":"correct horse"}"#;
                sign_up = format!(
                    "SESSION=$(curl -sS {url}/api/auth/sign-up/email -H 'Content-Type: application/json' -d '{user}' | {EXTRACT_TOKEN})\n"
                );
                format!("$(curl -sS {url}/api/auth/token -H \"Authorization: Bearer $SESSION\" | {EXTRACT_TOKEN})")
            }
            Caller::Own => {
                text += "Users sign up and in at the API.\n";
                // With the process id of the shell, because an address can sign up once only.
                let user = r#"{"email":"ada-'$$'@example.com","password":"correct horse"}"#;
                let send = |route: &str| {
                    format!(
                        "curl -sSw '\\n' {base_url}/api/auth/{route} -H 'Content-Type: application/json' -d '{user}'"
                    )
                };
                sign_up = format!("{}\n", send("register"));
                format!("$({} | {EXTRACT_TOKEN})", send("login"))
            }
            Caller::Elsewhere => {
                text += "Tokens come from Better Auth. With hs256 in AUTH_MODE, `make token` makes some too.\n";
                "...".to_owned()
            }
        };
        // For a POSIX shell without jq: sed extracts the id from the response.
        text += &format!(
            r#"
{sign_up}TOKEN={token}
curl -sSw '\n' {base_url}/api/tasks -H "Authorization: Bearer $TOKEN"
ID=$(curl -sSw '\n' {base_url}/api/tasks -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{{"title":"Buy milk"}}' | tee /dev/stderr | sed -n 's/.*"id": *"\{{0,1\}}\([^",}}]*\).*/\1/p')
curl -sSw '\n' -X PATCH {base_url}/api/tasks/$ID/complete -H "Authorization: Bearer $TOKEN"

Ctrl-C stops everything.
"#
        );
        text
    }
}

/// Extracts the token from a response of Better Auth or of the API.
const EXTRACT_TOKEN: &str = r#"sed -n 's/.*"token":"\([^"]*\)".*/\1/p'"#;

/// Whose token the printed commands use.
#[derive(Debug)]
pub(crate) enum Caller {
    /// That of a demo user.
    Demo {
        /// The user.
        user: User,
        /// A valid token.
        token: String,
    },
    /// The database has users that are not known here.
    Unknown,
    /// A user who signs up with the Better Auth of this stack.
    BetterAuth {
        /// The URL of Better Auth.
        url: String,
    },
    /// A user who signs up at the API.
    Own,
    /// The functions do not accept tokens that this program signs.
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_of_a_problem_document_is_found() {
        assert_eq!(detail(r#"{"status":503,"detail":"No database"}"#), "No database");
        assert_eq!(detail(r#"{"message":"Not Found"}"#), "Not Found");
        assert_eq!(detail("plain\n"), "plain");
    }

    #[test]
    fn printed_commands_sign_up_and_in() {
        let ready = Ready {
            base_url: "http://127.0.0.1:9".to_owned(),
            docs_url: Some("http://127.0.0.1:9/docs".to_owned()),
            better_auth_url: None,
            database_url: String::new(),
            ca_file: None,
            secret: "s".to_owned(),
            users: Vec::new(),
            pid: 1,
            functions_dir: std::path::PathBuf::new(),
        };
        let text = ready.text(&Caller::Own);
        assert!(text.contains("http://127.0.0.1:9/docs\n"), "{text}");
        let sign_up =
            "\ncurl -sSw '\\n' http://127.0.0.1:9/api/auth/register -H 'Content-Type: application/json' -d '{\"email\"";
        assert!(text.contains(sign_up), "{text}");
        assert!(text.contains("TOKEN=$(curl -sSw '\\n' http://127.0.0.1:9/api/auth/login"), "{text}");
        let script = format!(
            "printf '%s' '{{\"access_token\":\"a.b.c\",\"token\":\"a.b.c\",\"token_type\":\"b\"}}' | {EXTRACT_TOKEN}"
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "a.b.c");
    }

    #[test]
    fn printed_commands_extract_the_id() {
        let users: Vec<User> = crate::services::database::demo_users().into();
        let caller = Caller::Demo { user: users[0].clone(), token: "t".to_owned() };
        let ready = Ready {
            base_url: String::new(),
            docs_url: None,
            better_auth_url: None,
            database_url: String::new(),
            ca_file: None,
            secret: "s".to_owned(),
            users,
            pid: 1,
            functions_dir: std::path::PathBuf::new(),
        };
        let text = ready.text(&caller);
        let sed = text.split("sed -n '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a sed script");
        for (body, id) in
            [(r#"{"id":42,"user_id":"u","title":"Buy milk"}"#, "42"), (r#"{"title":"x","id": "a-b"}"#, "a-b")]
        {
            let script = format!("printf '%s' '{body}' | sed -n '{sed}'");
            let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), id, "{script}");
        }
    }
}
