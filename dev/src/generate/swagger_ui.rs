//! The files of Swagger UI in `functions/docs/assets/swagger-ui`, from the npm package that `dev/swagger-ui` pins.
//!
//! They are committed, so that builds and deployments need no Node.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::error::GenerateError;
use crate::install::ToolError;
use crate::install::npm::SWAGGER_UI;
use crate::workspace::root;

const FOLDER: &str = "functions/docs/assets/swagger-ui";
/// What is served is compressed; licences are committed as they are, so that they can be read.
const FILES: [(&str, bool); 5] = [
    ("swagger-ui-bundle.js", true),
    ("swagger-ui.css", true),
    ("swagger-ui-bundle.js.LICENSE.txt", false),
    ("LICENSE", false),
    ("NOTICE", false),
];

/// Why the files cannot be compared or written, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum SwaggerUiError {
    /// The package cannot be installed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] GenerateError),
}

/// The paths of the files that differ from those of the package.
///
/// # Errors
/// [`SwaggerUiError`].
pub async fn stale_swagger_ui() -> Result<Vec<String>, SwaggerUiError> {
    let mut stale = Vec::new();
    for (name, is_compressed) in FILES {
        let path = path(name, is_compressed);
        if read(&root().join(&path), is_compressed).ok() != Some(of_package(name).await?) {
            stale.push(path);
        }
    }
    Ok(stale)
}

/// Writes the files that differ from those of the package, and returns their paths.
///
/// # Errors
/// [`SwaggerUiError`].
pub async fn write_swagger_ui() -> Result<Vec<String>, SwaggerUiError> {
    let stale = stale_swagger_ui().await?;
    for (name, is_compressed) in FILES {
        let path = path(name, is_compressed);
        if stale.contains(&path) {
            let content = of_package(name).await?;
            let content = if is_compressed { compressed(&content) } else { content };
            let file = root().join(&path);
            fs::write(&file, content).map_err(|cause| GenerateError::Io { path: file, cause })?;
        }
    }
    Ok(stale)
}

fn path(name: &str, is_compressed: bool) -> String {
    format!("{FOLDER}/{name}{}", if is_compressed { ".gz" } else { "" })
}

async fn of_package(name: &str) -> Result<Vec<u8>, SwaggerUiError> {
    let file = SWAGGER_UI.folder().await?.join("node_modules/swagger-ui-dist").join(name);
    Ok(read(&file, false)?)
}

fn read(file: &Path, is_compressed: bool) -> Result<Vec<u8>, GenerateError> {
    let failed = |cause| GenerateError::Io { path: file.to_owned(), cause };
    let content = fs::read(file).map_err(failed)?;
    if !is_compressed {
        return Ok(content);
    }
    let mut text = Vec::new();
    GzDecoder::new(&*content).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}
