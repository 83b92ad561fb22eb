//! Where things are: the workspace, and the folder `.local` in which the local stack keeps its own.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The root folder of the workspace.
pub fn root() -> &'static Path {
    // The manifest folder of this crate is one level below the root.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// `.local` in the root: not in version control, safe to delete while nothing runs.
///
/// # Errors
/// The folder cannot be made.
pub fn local() -> Result<PathBuf, WorkspaceError> {
    let folder = root().join(".local");
    create_folder(&folder)?;
    Ok(folder)
}

/// A lock that ends with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// What went wrong with a file or folder of the stack.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Reading, writing or making it failed.
    #[error("{} cannot be used: {cause}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// Somebody else's folder has the name.
    #[error("{} belongs to another user: remove it or set TMPDIR to a folder of your own", .0.display())]
    Foreign(PathBuf),
}

impl WorkspaceError {
    /// For `map_err`: says which path the error is about.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }
}

impl Lock {
    /// Takes the lock, or `None` if another process has it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn try_take(path: &Path) -> Result<Option<Self>, WorkspaceError> {
        let file = File::create(path).map_err(WorkspaceError::at(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(WorkspaceError::at(path)(cause)),
        }
    }

    /// Waits for the lock.
    ///
    /// # Errors
    /// The file cannot be made, or the file system has no locks.
    pub async fn take(path: PathBuf) -> Result<Self, WorkspaceError> {
        loop {
            if let Some(lock) = Self::try_take(&path)? {
                return Ok(lock);
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

/// Makes a folder and its parents.
pub(crate) fn create_folder(folder: &Path) -> Result<(), WorkspaceError> {
    std::fs::create_dir_all(folder).map_err(WorkspaceError::at(folder))
}

/// Whether a user with no rights of its own may pass through `folder` and everything above it.
pub(crate) fn is_open_to_all_users(folder: &Path) -> bool {
    folder.ancestors().all(|folder| std::fs::metadata(folder).is_ok_and(|data| data.mode() & 0o001 != 0))
}

/// A folder for temporary things that everybody may pass through.
pub(crate) fn temp_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if is_open_to_all_users(&folder) { folder } else { PathBuf::from("/tmp") }
}

/// `.local/<name>`. Where `everybody` must be able to enter and cannot, a folder outside of the workspace, which is
/// always the same for one workspace.
pub(crate) fn local_folder(name: &str, everybody: bool) -> Result<PathBuf, WorkspaceError> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let local = local()?;
    if !everybody || is_open_to_all_users(&local) {
        return Ok(local.join(name));
    }
    let mut hasher = DefaultHasher::new();
    root().hash(&mut hasher);
    let folder = temp_folder().join(format!("dev-{:016x}", hasher.finish()));
    create_folder(&folder)?;
    // The name can be guessed, so somebody else may have been there first.
    let data = std::fs::symlink_metadata(&folder).map_err(WorkspaceError::at(&folder))?;
    if !data.is_dir() || data.uid() != nix::unistd::geteuid().as_raw() {
        return Err(WorkspaceError::Foreign(folder));
    }
    set_mode(&folder, 0o755)?;
    Ok(folder.join(name))
}

/// Sets the permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), WorkspaceError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(WorkspaceError::at(path))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), WorkspaceError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(content.as_bytes())
    };
    write().map_err(WorkspaceError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_template() {
        assert!(root().join("template.yaml").is_file());
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = Lock::try_take(&path).expect("a lock");
        assert!(first.is_some() && Lock::try_take(&path).expect("a lock").is_none());
        drop(first);
        assert!(Lock::try_take(&path).expect("a lock").is_some());
    }

    #[test]
    fn a_private_folder_is_not_open_to_everybody() {
        let folder = tempfile::tempdir().expect("a folder");
        set_mode(folder.path(), 0o700).expect("permissions");
        assert!(!is_open_to_all_users(&folder.path().join("x")));
    }
}
