//! The router of `cargo lambda watch`, in `Cargo.toml`.

use std::fmt::Write;

use super::api::Api;
use super::error::GenerateError;
use super::sections::replace;

/// `Cargo.toml` with the routes of `api`.
///
/// # Errors
/// [`GenerateError::Marker`].
pub(super) fn render(manifest: &str, api: &Api) -> Result<String, GenerateError> {
    let mut lines = "[workspace.metadata.lambda.watch.router]\n".to_owned();
    // The routes of a path follow each other, as they do in the document.
    for routes in api.routes.chunk_by(|one, other| one.path == other.path) {
        let _ = writeln!(lines, "{:?} = [", routes[0].path);
        for route in routes {
            let _ = writeln!(lines, "    {{ method = {:?}, function = {:?} }},", route.method, route.function);
        }
        lines.push_str("]\n");
    }
    replace("Cargo.toml", manifest, "watch router", &lines)
}
