//! `apt-get` on Debian and its derivatives.

use std::path::Path;

use tokio::process::Command;

use super::command::{output, run};

/// The program `apt-get`.
pub(crate) const APT_GET: &str = "/usr/bin/apt-get";

/// Installs packages. `None` without Debian, without the rights of root, or if it fails.
pub(crate) async fn apt_get_install(what: &str, packages: &[&str]) -> Option<()> {
    if !nix::unistd::geteuid().is_root() || !Path::new(APT_GET).is_file() {
        return None;
    }
    eprintln!("Installing {what} with apt-get, once.");
    let mut update = Command::new(APT_GET);
    update.args(["update", "-qq"]);
    run(update).await?;
    let mut install = Command::new(APT_GET);
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    // Keeps the package from starting a server, which would only take a port.
    install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    run(install).await
}

/// The URL from which this machine gets the packages of Debian. `None` on other systems.
pub(crate) async fn debian_mirror() -> Option<String> {
    let mut apt = Command::new(APT_GET);
    apt.args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]);
    let targets = output(&mut apt).await?;
    targets.lines().find_map(|line| line.strip_prefix("Debian Debian main ")).map(str::to_owned)
}
