//! Packages from npm. A folder has the files `package.json` and `package-lock.json`, which name them.

use std::path::PathBuf;

use tokio::process::Command;

use super::command::{major_version, output, run};
use super::error::ToolError;
use super::versions::OLDEST_NODE;
use crate::workspace::{Lock, local, root};

/// Packages that are installed together.
#[derive(Debug, Clone, Copy)]
pub struct NpmPackages {
    /// The folder, from the root of the workspace.
    folder: &'static str,
    /// What they are, for messages.
    name: &'static str,
}

/// The real Better Auth, as a server.
pub(crate) const BETTER_AUTH: NpmPackages = NpmPackages { folder: "dev/better-auth", name: "Better Auth" };

/// The front ends of the tests, and what uses them in a browser.
pub(crate) const FRONT_ENDS: NpmPackages = NpmPackages { folder: "dev/tests/front_ends", name: "Playwright" };

/// The example of a front end with Next.js.
pub(crate) const NEXT_EXAMPLE: NpmPackages = NpmPackages { folder: "examples/nextjs", name: "Next.js" };

/// The page of the documentation, as its makers build it.
pub(crate) const SWAGGER_UI: NpmPackages = NpmPackages { folder: "dev/swagger-ui", name: "Swagger UI" };

/// The tools with which back ends in TypeScript change a schema.
pub const MIGRATION_TOOLS: NpmPackages = NpmPackages { folder: "dev/migration-tools", name: "prisma and drizzle-kit" };

/// The client in TypeScript, with what generates, compiles and tests it.
pub(crate) const TYPESCRIPT_CLIENT: NpmPackages =
    NpmPackages { folder: "clients/typescript", name: "the tools of the client" };

impl NpmPackages {
    /// Installs the packages that the lock file names, if they are missing or out of date, and returns the folder.
    ///
    /// # Errors
    /// There is no Node, or the registry is not reachable.
    pub async fn folder(self) -> Result<PathBuf, ToolError> {
        let Self { folder, name } = self;
        let node = output(Command::new("node").arg("--version")).await;
        let major = node.and_then(|text| major_version(text.trim().trim_start_matches('v')));
        if major.is_none_or(|major| major < OLDEST_NODE) {
            return Err(ToolError::NoNode(name));
        }
        let folder = root().join(folder);
        let changed = |file: &str| std::fs::metadata(folder.join(file)).and_then(|data| data.modified()).ok();
        let is_installed = || changed("node_modules/.package-lock.json") >= changed("package-lock.json");
        let _lock = Lock::take(local()?.join("install.lock")).await?;
        if !is_installed() {
            eprintln!("Installing {name} from npm, once, into {}.", folder.display());
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
            run(npm).await;
        }
        if is_installed() { Ok(folder) } else { Err(ToolError::NoNpmPackages { name, folder }) }
    }
}
