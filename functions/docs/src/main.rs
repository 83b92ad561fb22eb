//! `GET /docs`, `GET /docs/errors` and `GET /openapi.json`: what this deployment serves, to read and to try.
//!
//! | module | what it is for |
//! |---|---|
//! | `site` | which path has which document, and how long it may be cached |
//! | `pages` | the page with Swagger UI, and the files that it needs |
//! | `errors` | the page about problem documents |
//! | `problems` | what each code means, with an example |
//! | `openapi` | the contract, reduced to what the settings turn on |
//! | `stored` | a document, compressed; entity tags; content codings |
//! | `json` | JSON whose members keep their order |

mod errors;
mod json;
mod openapi;
mod pages;
mod problems;
mod site;
mod stored;

use shared::StartError;

use crate::site::Site;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_documents(Site::new, Site::respond).await
}
