//! The functions that are measured, and how each is started.

use std::path::PathBuf;

use tempfile::TempPath;

use super::env::{Authentication, BenchEnv, BenchUser, TlsMode};
use super::error::BenchError;
use super::function::{Language, Launch};
use super::operation::{HEALTH, OPERATIONS, Operation};
use super::options::{Binaries, Options};
use crate::deploy::artifacts::BASELINES;
use crate::workspace::root;

/// The functions, with everything they need.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) env: BenchEnv,
    pub(super) binaries: Binaries,
    /// The interpreter with the packages of the back end in Python, if it takes part.
    pub(super) python: Option<PathBuf>,
    /// A copy of the bare function.
    twin: TempPath,
}

impl Subjects {
    /// Checks that all binaries exist.
    pub(super) fn new(options: &Options, env: BenchEnv, python: Option<PathBuf>) -> Result<Self, BenchError> {
        let functions = OPERATIONS.iter().chain([&HEALTH]).map(|operation| operation.function);
        for name in functions.chain(["bulk-tasks", "login"]).chain(BASELINES) {
            let binary = options.binaries.path(name);
            if !binary.is_file() {
                return Err(BenchError::Missing(binary));
            }
        }
        let twin = tempfile::NamedTempFile::new()?.into_temp_path();
        std::fs::copy(options.binaries.path("bare"), &twin)?;
        Ok(Self { env, binaries: options.binaries.clone(), python, twin })
    }

    /// The deployed function of the user's operation.
    pub(super) fn ours(&self, user: &BenchUser, authentication: &Authentication, port: u16, tls: TlsMode) -> Launch {
        self.function(user.operation, authentication, port, tls)
    }

    /// The deployed function of this operation.
    pub(super) fn function(
        &self,
        operation: &Operation,
        authentication: &Authentication,
        port: u16,
        tls: TlsMode,
    ) -> Launch {
        let mut variables = self.variables(port, tls);
        // As in template.yaml: each request writes a line with its metrics.
        variables.push(("METRICS_NAMESPACE", "Tasks/bench".to_owned()));
        variables.extend(authentication.variables.iter().cloned());
        Launch { variables, status: operation.status, ..self.launch(operation.function) }
    }

    /// The deployed function that needs no database.
    pub(super) fn health(&self) -> Launch {
        let user = self.user();
        let launch = self.ours(user, &self.env.hs256(&user.account), self.env.address.port(), TlsMode::Requested);
        Launch { variables: launch.variables, status: HEALTH.status, ..self.launch(HEALTH.function) }
    }

    /// One of the functions that execute the statement of the user's operation: `bare`, `bare-rustls` or `floor`.
    pub(super) fn baseline(&self, name: &str, user: &BenchUser, port: u16, tls: TlsMode) -> Launch {
        let mut variables = self.variables(port, tls);
        variables.push(("USER_ID", user.account.id.clone()));
        variables.push(("STATEMENT", user.operation.statement.to_owned()));
        Launch { variables, ..self.launch(name) }
    }

    /// A copy of the bare function.
    pub(super) fn twin(&self, user: &BenchUser, port: u16, tls: TlsMode) -> Launch {
        Launch { binary: self.twin.to_path_buf(), ..self.baseline("bare", user, port, tls) }
    }

    /// The function that does nothing.
    pub(super) fn empty(&self) -> Launch {
        self.launch("empty")
    }

    /// The back end in Python, for the operation. `None` if it does not take part.
    pub(super) fn peer(&self, status: u16, port: u16, tls: TlsMode) -> Option<Launch> {
        let url = self.env.url(port, tls);
        let url = url.replacen("postgres://", "postgresql+asyncpg://", 1).replace("sslmode=", "ssl=");
        let variables = vec![
            ("DATABASE_URL", url),
            ("BETTER_AUTH_SECRET", self.env.secret.clone()),
            ("PYTHONPATH", root().join("dev/bench/python").display().to_string()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            // asyncpg looks for certificates and a password file there.
            ("HOME", "/nonexistent".to_owned()),
        ];
        let binary = self.python.clone()?;
        Some(Launch { name: "python".to_owned(), binary, language: Language::Python, variables, status })
    }

    /// The user for measurements of a single operation, get-task.
    pub(super) fn user(&self) -> &BenchUser {
        self.user_of("get-task")
    }

    /// The user for measurements of the operation of this function.
    pub(super) fn user_of(&self, function: &str) -> &BenchUser {
        let found = self.env.users.iter().find(|user| user.operation.function == function);
        found.expect("there is one for each operation")
    }

    /// The event of the next request of the user.
    pub(super) fn event(&self, user: &BenchUser, authentication: &Authentication) -> Result<Vec<u8>, BenchError> {
        self.env.event(user.operation, user.task(), Some(&authentication.token))
    }

    /// A function without variables that responds with 200.
    fn launch(&self, name: &str) -> Launch {
        let (binary, language) = (self.binaries.path(name), Language::Rust);
        Launch { name: name.to_owned(), binary, language, variables: Vec::new(), status: 200 }
    }

    fn variables(&self, port: u16, tls: TlsMode) -> Vec<(&'static str, String)> {
        let authority = self.env.authority.display().to_string();
        vec![("DATABASE_URL", self.env.url(port, tls)), ("SSL_CERT_FILE", authority)]
    }
}
