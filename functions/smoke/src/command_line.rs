//! At a terminal: the API at a URL, with the token of a user.

use clap::Parser;

use crate::api::Way;
use crate::gateway::Gateway;
use crate::requests::smoke;

/// Tries a deployed API with ten requests, and leaves nothing behind.
#[derive(Parser)]
struct Arguments {
    /// The base URL.
    #[arg(long, env)]
    url: String,
    /// A token of a user who may have a task more for a moment.
    #[arg(long, env, hide_env_values = true)]
    token: String,
}

/// Does what the arguments say.
///
/// # Errors
/// Why the API is not good, as one sentence.
pub(crate) async fn run() -> Result<(), String> {
    let Arguments { url, token } = Arguments::parse();
    let way = Way::Gateway(Gateway::at(&url)?);
    let say = |line: &str| println!("{line}");
    smoke(&way, Some(token.trim()), say, None).await.map_err(|error| error.to_string())
}
