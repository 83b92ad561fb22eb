//! Programs from PyPI, each with a virtual environment of its own below `.local`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::tools::{ToolError, run};
use crate::workspace::{Lock, WorkspaceError, local};

/// What is installed together.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// The folder in `.local`.
    folder: &'static str,
    requirements: &'static [&'static str],
}

/// AWS SAM, which brings the Runtime Interface Emulator along, and the linter that `sam validate --lint` runs.
pub const SAM: Package = Package { folder: "sam", requirements: &["aws-sam-cli==1.170.*", "cfn-lint==1.58.*"] };

/// A scanner for templates. Its dependencies and SAM's exclude each other.
const CHECKOV: Package = Package { folder: "checkov", requirements: &["checkov==3.2.*"] };

impl Package {
    /// The folder of the virtual environment, installed where it is missing or has other versions.
    ///
    /// # Errors
    /// There is no Python, or no way to the packages; the folder cannot be made.
    pub async fn folder(self) -> Result<PathBuf, ToolError> {
        let folder = local()?.join(self.folder);
        let _lock = Lock::take(local()?.join(format!("{}.lock", self.folder))).await?;
        // Written last, so an installation that was interrupted begins again.
        let record = folder.join("requirements.txt");
        let wanted = self.requirements.join("\n");
        if std::fs::read_to_string(&record).is_ok_and(|installed| installed == wanted) {
            return Ok(folder);
        }
        eprintln!("Installing {} from PyPI, once, into {}.", self.requirements.join(" and "), folder.display());
        install(&folder, self.requirements).await.ok_or(ToolError::NoPython(self.requirements[0]))?;
        std::fs::write(&record, wanted).map_err(WorkspaceError::at(&record))?;
        Ok(folder)
    }

    /// A command that runs one of its programs in the root of the workspace.
    ///
    /// # Errors
    /// As [`Package::folder`].
    pub async fn command(self, program: &str) -> Result<std::process::Command, ToolError> {
        let mut command = std::process::Command::new(self.folder().await?.join("bin").join(program));
        command.current_dir(crate::workspace::root()).env("SAM_CLI_TELEMETRY", "0");
        Ok(command)
    }
}

/// Makes a virtual environment, or uses the one that is there, and installs into it.
pub(crate) async fn install(folder: &Path, requirements: &[&str]) -> Option<()> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder);
    run(venv).await?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(requirements);
    run(pip).await
}

/// Looks for known mistakes of security in `template.yaml`, beyond those that `.checkov.yaml` explains.
///
/// # Errors
/// Checkov cannot be installed or run, or has found something, which it has printed.
pub async fn scan() -> Result<(), Box<dyn std::error::Error>> {
    let status = CHECKOV.command("checkov").await?.args(["--config-file", ".checkov.yaml"]).status()?;
    if status.success() { Ok(()) } else { Err("template.yaml has mistakes that .checkov.yaml does not explain".into()) }
}
