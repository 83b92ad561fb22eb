//! `smoke`: checks that a deployed API works, from the token to the database and back.
//!
//! At a terminal it is a program that sends its requests through the gateway. In AWS it is the function that CodeDeploy
//! invokes before the new versions of the other functions get requests: it invokes those versions itself.
//!
//! # Modules
//!
//! Each imports only from those below it.
//!
//! | Module | |
//! |---|---|
//! | `command_line` | the program at a terminal |
//! | `pre_traffic` | the hook of CodeDeploy |
//! | `requests` | the requests and what their responses have to be |
//! | `transport` | sends a request through one of the next two |
//! | `gateway`, `versions` | the API behind its URL, and the new versions of its functions |
//! | `message` | a request and its response |
//! | `operation`, `functions` | the operations that are tried, and the functions behind them |
//! | `better_auth` | signs the test user in |
//! | `aws` | signed requests to AWS |
//! | `http`, `environment` | the HTTP client, and the variables of the environment |

mod aws;
mod better_auth;
mod command_line;
mod environment;
mod functions;
mod gateway;
mod http;
mod message;
mod operation;
mod pre_traffic;
mod requests;
mod transport;
mod versions;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match environment::variable("AWS_LAMBDA_RUNTIME_API") {
        None => command_line::run().await,
        Some(_) => pre_traffic::serve().await.map_err(|error| format!("the Lambda runtime stopped: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
