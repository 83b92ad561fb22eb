//! Programs from PyPI, each in a virtual environment of its own in `.local`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::command::run;
use super::error::ToolError;
use crate::workspace::{Lock, WorkspaceError, local, root};

/// Python packages that are installed into one virtual environment.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// The name of the virtual environment in `.local`.
    folder: &'static str,
    requirements: &'static [&'static str],
}

/// AWS SAM, which contains the Runtime Interface Emulator, and the linter that `sam validate --lint` runs.
pub const SAM: Package = Package { folder: "sam", requirements: &["aws-sam-cli==1.170.*", "cfn-lint==1.58.*"] };

/// A security scanner for templates. Its dependencies conflict with those of SAM.
pub(crate) const CHECKOV: Package = Package { folder: "checkov", requirements: &["checkov==3.2.*"] };

/// The tool with which back ends in Python change a schema, and the models that it reads.
pub const ALEMBIC: Package = Package {
    folder: "alembic",
    requirements: &[
        "alembic==1.20.1",
        "annotated-types==0.8.0",
        "mako==1.4.3",
        "markupsafe==3.0.4",
        "psycopg[binary]==3.3.9",
        "pydantic==2.14.4",
        "pydantic-core==2.50.5",
        "sqlalchemy==2.1.9",
        "sqlmodel==0.0.50",
        "typing-extensions==4.16.0",
        "typing-inspection==0.4.5",
    ],
};

/// Recurrence rules, to compare ours with, and the time zones that it reads where the system has none.
pub const DATEUTIL: Package =
    Package { folder: "dateutil", requirements: &["python-dateutil==4.0.0", "tzdata==2026.6"] };

/// A validator of OpenAPI documents.
pub const OPENAPI_VALIDATOR: Package = Package {
    folder: "openapi-validator",
    requirements: &[
        "annotated-types==0.8.0",
        "attrs==26.1.0",
        "jsonschema==4.26.0",
        "jsonschema-path==0.5.0",
        "jsonschema-specifications==2025.9.1",
        "lazy-object-proxy==1.13.0",
        "openapi-schema-validator==0.9.0",
        "openapi-spec-validator==0.9.0",
        "pathable==0.6.0",
        "pydantic==2.14.4",
        "pydantic-settings==2.16.3",
        "pydantic_core==2.50.5",
        "python-dotenv==1.2.4",
        "PyYAML==6.0.4",
        "referencing==0.37.0",
        "rfc3339-validator==0.1.4",
        "rpds-py==2026.9.1",
        "six==1.17.0",
        "typing-inspection==0.4.5",
        "typing_extensions==4.16.0",
    ],
};

/// The libraries with which back ends in Python hash passwords.
pub const PASSWORD_HASHES: Package = Package {
    folder: "password-hashes",
    requirements: &[
        "argon2-cffi==25.1.0",
        "argon2-cffi-bindings==26.2.0",
        "bcrypt==4.3.0",
        "cffi==2.1.1",
        "passlib==1.7.4",
        "pycparser==3.12",
    ],
};

/// A program that sends requests made from the document of the API, and compares the responses with it.
pub const SCHEMATHESIS: Package = Package {
    folder: "schemathesis",
    requirements: &[
        "anyio==4.16.0",
        "certifi==2026.10.19.post1",
        "charset-normalizer==3.5.3",
        "click==8.5.1",
        "graphql-core==3.3.2",
        "harfile==0.6.0",
        "hypothesis==6.170.17",
        "hypothesis-graphql==0.13.5",
        "idna==3.20",
        "iniconfig==2.3.1",
        "jsonschema-rs==0.60.3",
        "markdown-it-py==4.3.0",
        "markupsafe==3.0.4",
        "mdurl==0.1.2",
        "packaging==26.4",
        "pluggy==1.7.0",
        "pygments==2.21.0",
        "pyrate-limiter==4.5.1",
        "pytest==9.2.0",
        "pyyaml==6.0.4",
        "requests==2.34.2",
        "rich==15.0.0",
        "schemathesis==4.32.5",
        "sortedcontainers==2.4.0",
        "typing-extensions==4.16.0",
        "urllib3==2.8.0",
        "werkzeug==3.1.9",
    ],
};

/// A back end that signs its users in, as it is commonly written: SQLModel and passlib, with the last bcrypt that passlib knows.
pub const OLD_BACK_END: Package = Package {
    folder: "old-back-end",
    requirements: &[
        "annotated-types==0.8.0",
        "bcrypt==4.0.1",
        "passlib==1.7.4",
        "psycopg[binary]==3.3.9",
        "pydantic==2.14.4",
        "pydantic-core==2.50.5",
        "sqlalchemy==2.1.9",
        "sqlmodel==0.0.50",
        "typing-extensions==4.16.0",
        "typing-inspection==0.4.5",
    ],
};

/// A back end in Python as it is commonly written, with the runtime client that Lambda uses for Python.
pub(crate) const PEER: Package = Package {
    folder: "peer",
    requirements: &[
        "annotated-doc==0.0.7",
        "annotated-types==0.8.0",
        "anyio==4.16.0",
        "asyncpg==0.32.0",
        "awslambdaric==4.2.2",
        "fastapi==0.165.0",
        "greenlet==3.5.6",
        "idna==3.20",
        "mangum==0.22.0",
        "opentelemetry-api==1.45.2",
        "pydantic==2.14.4",
        "pydantic-core==2.50.5",
        "pyjwt==2.15.1",
        "simplejson==4.3.0",
        "snapshot-restore-py==1.0.0",
        "sqlalchemy==2.1.9",
        "sqlmodel==0.0.50",
        "starlette==1.10.0",
        "typing-extensions==4.16.0",
        "typing-inspection==0.4.5",
    ],
};

impl Package {
    /// The folder of the virtual environment. It is installed if it is missing or has other versions.
    ///
    /// # Errors
    /// There is no Python, the package index is not reachable, or the folder cannot be made.
    pub async fn folder(self) -> Result<PathBuf, ToolError> {
        let folder = local()?.join(self.folder);
        let _lock = Lock::take(local()?.join(format!("{}.lock", self.folder))).await?;
        // Written last, so that an interrupted installation starts again.
        let record = folder.join("requirements.txt");
        let expected = self.requirements.join("\n");
        if std::fs::read_to_string(&record).is_ok_and(|installed| installed == expected) {
            return Ok(folder);
        }
        eprintln!("Installing {} from PyPI, once, into {}.", self.requirements.join(" and "), folder.display());
        install_into(&folder, self.requirements).await.ok_or(ToolError::NoPython(self.requirements[0]))?;
        std::fs::write(&record, expected).map_err(WorkspaceError::at(&record))?;
        Ok(folder)
    }

    /// A command that runs one of its programs in the root of the workspace.
    ///
    /// # Errors
    /// As [`Package::folder`].
    pub async fn command(self, program: &str) -> Result<std::process::Command, ToolError> {
        let mut command = std::process::Command::new(self.folder().await?.join("bin").join(program));
        command.current_dir(root()).env("SAM_CLI_TELEMETRY", "0");
        Ok(command)
    }
}

/// Installs packages into a virtual environment, which is made if it is missing. `None` if it fails.
pub(crate) async fn install_into(folder: &Path, requirements: &[&str]) -> Option<()> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder);
    run(venv).await?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(requirements);
    run(pip).await
}
