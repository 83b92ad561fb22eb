//! The moment in which the local stack answers, and what it says then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::services::database::User;

/// Everything one needs to use the stack: the line that `--json` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// `http://127.0.0.1:9000`
    pub base_url: String,
    /// Where the Better Auth answers that runs beside; none without one.
    pub better_auth_url: Option<String>,
    /// What the functions connect to.
    pub database_url: String,
    /// What a client must trust to reach the private PostgreSQL with TLS; none with a database of one's own.
    pub ca_file: Option<std::path::PathBuf>,
    /// The key of the tokens.
    pub secret: String,
    /// The demo users; none with a database of one's own.
    pub users: Vec<User>,
    /// The process id of the stack.
    pub pid: u32,
    /// Where the binaries of the functions are.
    pub functions_dir: std::path::PathBuf,
}

/// The stack does not answer, or not well.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It answers, but not with 200.
    #[error("GET {path} says {status}: {sentence}")]
    Says {
        /// What was asked.
        path: &'static str,
        /// The status of the answer.
        status: u16,
        /// The `detail` of a problem document, or the body as it is.
        sentence: String,
    },
    /// There is no answer.
    #[error("GET {0} is not answered")]
    Silent(&'static str),
}

impl NotReady {
    /// Adds what a log says about it, which an answer must not say.
    pub(crate) fn because(mut self, cause: Option<String>) -> Self {
        if let (Self::Says { sentence, .. }, Some(cause)) = (&mut self, cause) {
            *sentence = format!("{sentence} ({cause})");
        }
        self
    }
}

/// Asks until the answer is 200.
pub(crate) async fn until_ok(port: u16, path: &'static str, limit: Duration) -> Result<(), NotReady> {
    let end = Instant::now() + limit;
    let mut problem = NotReady::Silent(path);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match timeout(left, get(port, path)).await {
            Ok(Ok((200, _))) => return Ok(()),
            // Only a human can change what is misconfigured.
            Ok(Ok((500, body))) => return Err(NotReady::Says { path, status: 500, sentence: sentence(&body) }),
            Ok(Ok((status, body))) => problem = NotReady::Says { path, status, sentence: sentence(&body) },
            // What it said before tells more than that time ran out.
            Ok(Err(_)) | Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(problem);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// One request on a connection of its own: the status and the body.
async fn get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, body.to_owned()))
}

fn sentence(body: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let member = problem.as_ref().and_then(|problem| problem.get("detail").or_else(|| problem.get("message")));
    member.and_then(serde_json::Value::as_str).unwrap_or(body).trim().to_owned()
}

impl Ready {
    /// One line for a program.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and paths that were text before")
    }

    /// What a person wants to know, and can paste.
    pub(crate) fn text(&self, caller: &Caller) -> String {
        let Self { base_url, database_url, .. } = self;
        let mut text = format!("\nThe API answers at {base_url}\n");
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
                // With the number of the shell in the address: the same one cannot sign up twice.
                let user = r#"{"name":"Ada","email":"ada-'$$'@example.com","password":"correct horse"}"#;
                sign_up = format!(
                    "SESSION=$(curl -sS {url}/api/auth/sign-up/email -H 'Content-Type: application/json' -d '{user}' | {CUT_TOKEN})\n"
                );
                format!("$(curl -sS {url}/api/auth/token -H \"Authorization: Bearer $SESSION\" | {CUT_TOKEN})")
            }
            Caller::Elsewhere => {
                text += "Tokens come from Better Auth. With hs256 in AUTH_MODE, `make token` makes some too.\n";
                "...".to_owned()
            }
        };
        // POSIX shell without jq: the id is cut out of the answer.
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

/// Cuts the token out of an answer of Better Auth.
const CUT_TOKEN: &str = r#"sed -n 's/.*"token":"\([^"]*\)".*/\1/p'"#;

/// Whose token the printed commands carry.
#[derive(Debug)]
pub(crate) enum Caller {
    /// A demo user's.
    Demo {
        /// Who.
        user: User,
        /// A good token.
        token: String,
    },
    /// The users of somebody else's database are not known.
    Unknown,
    /// Somebody who signs up with the Better Auth that runs beside.
    BetterAuth {
        /// Where.
        url: String,
    },
    /// The functions do not accept what this program signs.
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_by_its_detail() {
        assert_eq!(sentence(r#"{"status":503,"detail":"No database"}"#), "No database");
        assert_eq!(sentence(r#"{"message":"Not Found"}"#), "Not Found");
        assert_eq!(sentence("plain\n"), "plain");
    }

    #[test]
    fn the_id_is_cut_out_of_the_answer() {
        let users: Vec<User> = crate::services::database::demo_users().into();
        let caller = Caller::Demo { user: users[0].clone(), token: "t".to_owned() };
        let ready = Ready {
            base_url: String::new(),
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
