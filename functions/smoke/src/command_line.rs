//! At a terminal: the API at a URL, with the token of a user.

use clap::Parser;

use crate::gateway::Gateway;
use crate::requests::smoke;
use crate::transport::Transport;

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

/// Checks the API and prints a line for each request.
///
/// # Errors
/// What is wrong with the API, as one sentence.
pub(crate) async fn run() -> Result<(), String> {
    let Arguments { url, token } = Arguments::parse();
    let transport = Transport::Gateway(Gateway::new(&url)?);
    let print = |line: &str| println!("{line}");
    smoke(&transport, Some(token.trim()), print, None).await.map_err(|error| error.to_string())
}
