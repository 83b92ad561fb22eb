//! The program `dev`, which the targets of the Makefile run: `dev serve` for `make dev`, and others by their names.

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
#[cfg(target_os = "linux")]
use dev::bench;
use dev::deploy::artifacts::{self, Architecture, Optimization};
use dev::deploy::{deploy, scan};
use dev::environment::Environment;
use dev::generate;
use dev::stack::{Mode, Options, StackError, run};
use dev::tokens;
use dev::workspace::root;

/// The local stack of the todo API.
#[derive(Parser)]
#[command(name = "dev")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API with the functions behind a gateway that behaves like API Gateway.
    Serve(StackArguments),
    /// Serves the API with `cargo lambda watch`, which rebuilds the functions when their source changes.
    Watch {
        #[command(flatten)]
        stack: StackArguments,
        /// Cargo features to build with.
        #[arg(long)]
        features: Option<String>,
    },
    /// Prints a token for a user.
    Token {
        /// The id of the user.
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        user_id: String,
        /// The lifetime of the token, in seconds.
        #[arg(long, default_value_t = tokens::DEFAULT_LIFETIME)]
        expires_in: u64,
    },
    /// Measures the functions in comparison with others that do less.
    #[cfg(target_os = "linux")]
    Bench {
        /// Measure the binaries in this folder, instead of building and measuring what is deployed.
        #[arg(long)]
        binaries: Option<std::path::PathBuf>,
        /// Requests in a block. All other numbers are in proportion.
        #[arg(long, env = "BENCH_REQUESTS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
        requests: u16,
        /// Also measure a back end in Python.
        #[arg(long, env = "PEERS", value_parser = clap::builder::FalseyValueParser::new())]
        peers: bool,
        /// Leave out the sizes: debug binaries take long to compress.
        #[arg(long)]
        without_sizes: bool,
        /// The file for the results as JSON. Next to it, a file `.md` has them as tables.
        #[arg(long, default_value = "target/bench.json")]
        output: std::path::PathBuf,
    },
    /// Builds the functions for Lambda.
    Build {
        /// The processor architecture.
        #[arg(long, env = "ARCH", default_value = "x86_64")]
        arch: Architecture,
        /// Also make zip files, for a deployment without SAM.
        #[arg(long)]
        zip: bool,
    },
    /// Builds the functions and deploys them with SAM.
    Deploy {
        /// The section of samconfig.toml.
        #[arg(long, env = "STAGE", default_value = "dev")]
        stage: String,
        /// The processor architecture.
        #[arg(long, env = "ARCH", default_value = "x86_64")]
        arch: Architecture,
    },
    /// Checks the template for known security mistakes.
    Scan,
    /// Writes what lists routes and functions, from openapi.yaml.
    Generate,
    /// Writes the files of Swagger UI, from the npm package that is pinned.
    SwaggerUi,
}

#[derive(Args)]
struct StackArguments {
    /// The port of the API, instead of PORT or 9000. 0 stands for a free port.
    #[arg(long)]
    port: Option<u16>,
    /// Print one line of JSON when ready, for programs.
    #[arg(long)]
    json: bool,
    /// Stop when standard input ends.
    #[arg(long)]
    until_stdin_closes: bool,
    /// Start with an empty database and delete it at the end.
    #[arg(long)]
    ephemeral: bool,
    /// Also run the real Better Auth, on the next port, and accept its tokens.
    #[arg(long)]
    better_auth: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match execute(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve(stack) => run(Mode::Serve, &stack.into()).await?,
        Command::Watch { stack, features } => run(Mode::Watch { features }, &stack.into()).await?,
        Command::Token { user_id, expires_in } => print_token(&user_id, expires_in)?,
        Command::Build { arch, zip } => {
            artifacts::build(arch, Optimization::DEPLOYED).await?;
            if zip {
                artifacts::zip(arch, Optimization::DEPLOYED).await?;
            }
        }
        Command::Deploy { stage, arch } => deploy(&stage, arch).await?,
        Command::Scan => scan().await?,
        Command::Generate => {
            for path in generate::write(root())? {
                println!("{path}");
            }
        }
        Command::SwaggerUi => {
            for path in generate::write_swagger_ui().await? {
                println!("{path}");
            }
        }
        #[cfg(target_os = "linux")]
        Command::Bench { binaries, requests, peers, without_sizes, output } => {
            let requests = requests.into();
            let binaries = match binaries {
                Some(folder) => bench::Binaries::In(folder),
                None => {
                    artifacts::build(Architecture::NATIVE, Optimization::DEPLOYED).await?;
                    artifacts::build_baselines(Architecture::NATIVE).await?;
                    bench::Binaries::Deployed
                }
            };
            let (with_peers, with_sizes) = (peers, !without_sizes);
            bench::run(&bench::Options { binaries, requests, with_peers, with_sizes, output }).await?;
        }
    }
    Ok(())
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
