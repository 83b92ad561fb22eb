//! `smoke`: whether an API works that is deployed, from a token to the database and back.
//!
//! At a terminal a program that goes through the gateway. In AWS the function that CodeDeploy asks before it lets a
//! request come to the new versions of the others: it invokes those versions.

mod api;
mod aws;
mod better_auth;
mod command_line;
mod environment;
mod functions;
mod gateway;
mod http;
mod pre_traffic;
mod requests;
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
