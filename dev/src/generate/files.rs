//! The files that are generated, wholly or in part.

use std::fs;
use std::path::Path;

use super::api::Api;
use super::error::GenerateError;
use super::{route_table, smoke, template, watch_router};

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// From the root of the workspace.
    pub path: &'static str,
    /// All of it, with what is written by hand.
    pub text: String,
}

/// Every file as it follows from the `openapi.yaml` in the folder `root`. Nothing is written.
///
/// # Errors
/// [`GenerateError`].
pub fn generate(root: &Path) -> Result<Vec<GeneratedFile>, GenerateError> {
    let api = Api::parse(&read(root, "openapi.yaml")?)?;
    let file = |path, text| GeneratedFile { path, text };
    Ok(vec![
        file("shared/src/http/route_table.rs", route_table::render(&api)),
        file("functions/smoke/src/functions.rs", smoke::render(&api)),
        file("Cargo.toml", watch_router::render(&read(root, "Cargo.toml")?, &api)?),
        file("template.yaml", template::render(&read(root, "template.yaml")?, &api)?),
    ])
}

/// The paths of the files that differ from what follows from `openapi.yaml`.
///
/// # Errors
/// [`GenerateError`].
pub fn stale(root: &Path) -> Result<Vec<&'static str>, GenerateError> {
    let files = generate(root)?;
    let is_stale = |file: &GeneratedFile| fs::read_to_string(root.join(file.path)).ok().as_ref() != Some(&file.text);
    Ok(files.iter().filter(|file| is_stale(file)).map(|file| file.path).collect())
}

/// Writes the files that differ, and returns their paths.
///
/// # Errors
/// [`GenerateError`].
pub fn write(root: &Path) -> Result<Vec<&'static str>, GenerateError> {
    let stale = stale(root)?;
    for GeneratedFile { path, text } in generate(root)? {
        if stale.contains(&path) {
            let file = root.join(path);
            fs::write(&file, text).map_err(|cause| GenerateError::Io { path: file, cause })?;
        }
    }
    Ok(stale)
}

fn read(root: &Path, path: &str) -> Result<String, GenerateError> {
    let file = root.join(path);
    fs::read_to_string(&file).map_err(|cause| GenerateError::Io { path: file, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generating_twice_changes_nothing() {
        let root = crate::workspace::root();
        let copy = tempfile::tempdir().expect("a folder");
        for folder in ["shared/src/http", "functions/smoke/src"] {
            fs::create_dir_all(copy.path().join(folder)).expect("a folder");
        }
        for file in ["openapi.yaml", "Cargo.toml", "template.yaml"] {
            fs::copy(root.join(file), copy.path().join(file)).expect("a copy");
        }
        let written = write(copy.path()).expect("files");
        assert!(written.contains(&"shared/src/http/route_table.rs"), "{written:?}");
        assert_eq!(write(copy.path()).expect("files"), Vec::<&str>::new());
    }
}
