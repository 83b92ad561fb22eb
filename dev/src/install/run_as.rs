//! The user that runs servers which refuse to run as root.

use tokio::process::Command;

/// The user that runs PostgreSQL and PgBouncer when this process runs as root, because PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunAs {
    /// The user id.
    pub(crate) user: u32,
    /// The group id.
    pub(crate) group: u32,
}

impl RunAs {
    /// `nobody`, or `None` if this process does not run as root.
    pub(crate) fn current() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let nobody = nix::unistd::User::from_name("nobody").ok().flatten();
        let (user, group) = nobody.map_or((65534, 65534), |user| (user.uid.as_raw(), user.gid.as_raw()));
        Some(Self { user, group })
    }

    /// Makes a command run as this user, in the root directory.
    pub(crate) fn apply(run_as: Option<Self>, command: &mut Command) {
        if let Some(Self { user, group }) = run_as {
            command.uid(user).gid(group);
        }
        // The user may not be allowed to enter the current directory.
        command.current_dir("/");
    }
}
