//! `migrate`: changes the schema of the database. At a terminal it is a program with commands; in AWS it is the function
//! that CloudFormation calls in each deployment. The migrations are in the crate `migrations`.

mod callback;
mod custom_resource;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return migrations::command_line::run().await;
    }
    match custom_resource::serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the Lambda runtime stopped: {error}");
            ExitCode::FAILURE
        }
    }
}
