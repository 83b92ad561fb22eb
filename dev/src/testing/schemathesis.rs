//! Schemathesis, which makes requests from `openapi.yaml`, against a running stack.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::install::python::SCHEMATHESIS;
use crate::process::ProcessGroup;
use crate::testing::program::run_program;
use crate::testing::stack::Stack;
use crate::workspace::root;

/// How long a run may take for each example.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(120);

/// A run of Schemathesis.
#[derive(Debug)]
pub struct Schemathesis<'a> {
    /// The stack to which the requests go.
    pub stack: &'a Stack,
    /// Whose requests they are.
    pub identity: Identity,
    /// The values of `operationId` of the operations that are called.
    pub operations: Vec<String>,
    /// How many valid requests and how many invalid ones are made of each operation, and how many chains of requests.
    pub examples: u32,
    /// From which the requests are made. The same seed makes the same requests.
    pub seed: u64,
}

/// Whose requests are made.
#[derive(Debug)]
pub enum Identity {
    /// Those of this user, with the first of these tokens. The second one is that of another user, who must not see what they
    /// make.
    User(String, [String; 2]),
    /// Those of this user, with a token for each request, because operations revoke it. They come from many addresses, for
    /// which attempts are counted.
    ManyTokens(String),
}

impl Schemathesis<'_> {
    /// Sends the requests.
    ///
    /// # Errors
    /// A response is not as the document says: the report, with a command that repeats each request.
    pub async fn run(&self) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = SCHEMATHESIS.folder().await.unwrap_or_else(|error| panic!("{error}")).join("bin");
        let group = ProcessGroup::new().expect("sh");
        let mut command = group.command(programs.join("schemathesis"));
        command
            .args(self.arguments())
            .envs(self.variables(folder.path()))
            .current_dir(root())
            // The folder of the workspace must not get the one of Hypothesis.
            .env("HYPOTHESIS_STORAGE_DIRECTORY", folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        run_program(&mut command, EXAMPLE_TIMEOUT * self.examples.max(5)).await.map(drop)
    }

    fn arguments(&self) -> Vec<OsString> {
        let config = match self.identity {
            Identity::User(..) => "users.toml",
            Identity::ManyTokens(_) => "many_tokens.toml",
        };
        let mut arguments = vec![
            format!("--config-file=dev/tests/schemathesis/{config}"),
            "run".to_owned(),
            "openapi.yaml".to_owned(),
            format!("--url={}", self.stack.base_url()),
            format!("--max-examples={}", self.examples),
            format!("--seed={}", self.seed),
            "--no-color".to_owned(),
        ];
        arguments.extend(self.operations.iter().map(|operation| format!("--include-operation-id={operation}")));
        arguments.into_iter().map(OsString::from).collect()
    }

    /// The environment variables that the configuration and the hooks read.
    fn variables(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        match &self.identity {
            Identity::User(user_id, [token, other_token]) => {
                let header = |token: &str| json!([{"name": "Authorization", "value": format!("Bearer {token}")}]);
                let users = json!({"auth": [
                    {"name": "user", "fixedHeaders": header(token)},
                    {"name": "other", "fixedHeaders": header(other_token)},
                ]});
                let file = folder.join("users.json");
                std::fs::write(&file, users.to_string()).expect("a writable folder");
                vec![("SCHEMATHESIS_USERS", file.into()), ("SCHEMATHESIS_USER_ID", user_id.into())]
            }
            Identity::ManyTokens(user_id) => {
                vec![("SCHEMATHESIS_SECRET", self.stack.secret().into()), ("SCHEMATHESIS_USER_ID", user_id.into())]
            }
        }
    }
}
