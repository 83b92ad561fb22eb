//! `dev serve`, `dev watch`, `dev token` and `dev bench`: what `make dev`, `make watch`, `make token` and `make bench` run.

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
#[cfg(target_os = "linux")]
use dev::bench;
use dev::environment::Environment;
use dev::stack::{Mode, Options, StackError, run};
use dev::tokens;

/// The local stack of the todo API.
#[derive(Parser)]
#[command(name = "dev")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API with the functions as they are deployed, behind a gateway like AWS's.
    Serve(StackArguments),
    /// Serves the API with `cargo lambda watch`, which builds the functions anew when their source changes.
    Watch {
        #[command(flatten)]
        stack: StackArguments,
        /// Features to build with, as cargo takes them.
        #[arg(long)]
        features: Option<String>,
    },
    /// Prints a token for a user.
    Token {
        /// The id in the table of users.
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        user_id: String,
        /// How long it is good, in seconds.
        #[arg(long, default_value_t = tokens::DEFAULT_LIFETIME)]
        expires_in: u64,
    },
    /// Measures the functions beside an empty and a bare one.
    #[cfg(target_os = "linux")]
    Bench {
        /// The folder with the binaries that are measured.
        #[arg(long, default_value = "target/release")]
        binaries: std::path::PathBuf,
        /// Requests in a block of what is compared; everything else is in proportion.
        #[arg(long, env = "BENCH_REQUESTS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
        requests: u16,
        /// Leave out the sizes: binaries that were not built to be small take long to zip.
        #[arg(long)]
        without_sizes: bool,
        /// Where the results go as JSON.
        #[arg(long, default_value = "target/bench.json")]
        output: std::path::PathBuf,
    },
}

#[derive(Args)]
struct StackArguments {
    /// The port of the API, instead of PORT or 9000; 0 takes a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Print one JSON line when ready, for programs.
    #[arg(long)]
    json: bool,
    /// Stop when standard input ends.
    #[arg(long)]
    until_stdin_closes: bool,
    /// Begin with an empty database and delete it at the end.
    #[arg(long)]
    ephemeral: bool,
    /// Run the real Better Auth beside the API, on the next port, and accept its tokens.
    #[arg(long)]
    better_auth: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(stack) => end(run(Mode::Serve, &stack.into()).await),
        Command::Watch { stack, features } => end(run(Mode::Watch { features }, &stack.into()).await),
        Command::Token { user_id, expires_in } => end(print_token(&user_id, expires_in)),
        #[cfg(target_os = "linux")]
        Command::Bench { binaries, requests, without_sizes, output } => {
            let requests = requests.into();
            end(bench::run(&bench::Options { binaries, requests, with_sizes: !without_sizes, output }).await)
        }
    }
}

fn end(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_token(user_id: &str, lifetime: u64) -> Result<(), StackError> {
    let environment = Environment::read(&std::env::current_dir()?)?;
    let secret = tokens::secret(&environment)?;
    println!("{}", tokens::mint_for(&environment, &secret, user_id, lifetime));
    Ok(())
}

impl From<StackArguments> for Options {
    fn from(arguments: StackArguments) -> Self {
        let StackArguments { port, json, until_stdin_closes, ephemeral, better_auth } = arguments;
        Self { port, json, until_stdin_closes, ephemeral, better_auth }
    }
}
