//! `migrate`: the schema of the database. At a terminal a program with commands; in AWS a function that CloudFormation
//! calls with each deployment.

mod command_line;
mod custom_resource;
mod settings;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return command_line::run().await;
    }
    match custom_resource::serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the Lambda runtime stopped: {error}");
            ExitCode::FAILURE
        }
    }
}
