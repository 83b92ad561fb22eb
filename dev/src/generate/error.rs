//! Why nothing is generated.

use std::io;
use std::path::PathBuf;

/// Why nothing was generated, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file cannot be read or written.
    #[error("{} cannot be used: {cause}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// `openapi.yaml` is not YAML, or a member that routes are made from has another form.
    #[error("openapi.yaml cannot be read: {0}")]
    Yaml(serde_norway::Error),
    /// `openapi.yaml` describes routes that cannot be deployed.
    #[error("openapi.yaml: {place} {problem}")]
    Api {
        /// The route or function.
        place: String,
        /// A predicate.
        problem: String,
    },
    /// A file that is partly generated lacks the comments around a section.
    #[error("{file} must have one line `{marker}`, and has {count}")]
    Marker {
        /// The path from the root of the workspace.
        file: &'static str,
        /// The line without its indentation.
        marker: String,
        /// How many such lines there are, in their order.
        count: usize,
    },
}
