//! Where cargo puts binaries.

use std::path::PathBuf;

/// The path of a binary of the workspace: `binary("list-tasks")`. `cargo build --workspace` builds it.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    // Tests are in `target/debug/deps`, binaries in `target/debug`.
    let folder = test.ancestors().nth(2).expect("the folder of the profile");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace`", path.display());
    path
}
