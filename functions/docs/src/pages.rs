//! The page with Swagger UI, and the files that pages need.

use xxhash_rust::xxh3::xxh3_64;

use crate::stored::Stored;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Scripts, styles and requests of this API only. Swagger UI has images in its styles, as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Licences that come with Swagger UI. Its bundle names the file in its first line.
const LICENCES: &str = concat!(
    include_str!("../assets/swagger-ui/NOTICE"),
    "\n",
    include_str!("../assets/swagger-ui/LICENSE"),
    "\n",
    include_str!("../assets/swagger-ui/swagger-ui-bundle.js.LICENSE.txt"),
);

/// The files that pages need, below a path that changes with their content.
pub(crate) struct Assets {
    files: Vec<(&'static str, Stored)>,
    version: String,
}

impl Assets {
    pub(crate) fn new() -> Self {
        let gzip = |content_type, file| Stored::from_gzip(content_type, file);
        let files = vec![
            ("swagger-ui-bundle.js", gzip(JAVASCRIPT, include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz"))),
            ("swagger-ui.css", gzip(CSS, include_bytes!("../assets/swagger-ui/swagger-ui.css.gz"))),
            ("swagger-ui-bundle.js.LICENSE.txt", Stored::from_text("text/plain; charset=utf-8", LICENCES)),
            ("docs.js", Stored::from_text(JAVASCRIPT, include_str!("../assets/docs.js"))),
            ("docs.css", Stored::from_text(CSS, include_str!("../assets/docs.css"))),
            ("icon.svg", Stored::from_text("image/svg+xml", include_str!("../assets/icon.svg"))),
        ];
        let hashes: Vec<u8> = files.iter().flat_map(|(_, file)| file.hash().to_le_bytes()).collect();
        Self { files, version: format!("{:016x}", xxh3_64(&hashes)) }
    }

    /// The segment of the path before the names of the files.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Stored> {
        self.files.iter().find(|(file, _)| *file == name).map(|(_, file)| file)
    }
}

/// The page with Swagger UI.
pub(crate) fn docs(assets: &Assets) -> Stored {
    html(include_str!("../assets/docs.html"), "docs/assets", assets)
}

/// A page. `{assets}` in it is where the files are, relative to the page: it is right below every path.
pub(crate) fn html(text: &str, assets_path: &str, assets: &Assets) -> Stored {
    let text = text.replace("{assets}", &format!("{assets_path}/{}", assets.version()));
    Stored::from_text(HTML, &text).with_policy(POLICY)
}
