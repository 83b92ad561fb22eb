//! At a terminal: brings the schema up to this release or takes its newest step back, and tells how it stands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use migrations::{MigrateError, Options, Report, State, StepStatus, Verification};

use crate::settings::{read_dotenv, target};

/// Brings the schema of the database up to this release.
///
/// The database is the one of DATABASE_URL_UNPOOLED, else of DATABASE_URL; AUTH_USER_TABLE names the table of users when
/// it is neither "user" nor users. Settings that the environment lacks are taken from the file .env.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Take every step that the database has not seen, or adopt the tasks of another back end (the default)
    Up,
    /// Take the newest step back; an adoption is one step
    Down {
        /// Also when what users have stored is lost by it
        #[arg(long)]
        discard_data: bool,
    },
    /// Print the SQL that `up` would run; change nothing
    Plan,
    /// Print which steps the database has taken
    Status,
    /// Compare the database with what the functions need; exit with 1 if they would miss something
    Verify,
}

/// Does what the arguments say.
pub(crate) async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match obey(arguments.command.unwrap_or(Command::Up)).await {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(command: Command) -> Result<ExitCode, String> {
    read_dotenv()?;
    let (url, options) = target()?;
    execute(command, &url, &options).await.map_err(|error| error.to_string())
}

async fn execute(command: Command, url: &str, options: &Options) -> Result<ExitCode, MigrateError> {
    match command {
        Command::Up => {
            let report = migrations::up(url, options).await?;
            print_report("applied", &report);
            if !report.changes.is_empty() {
                print_notes(&migrations::verify(url, options).await?.notes);
            }
        }
        Command::Down { discard_data: false } => {
            print_report("took back", &migrations::down(url, options).await?);
        }
        Command::Down { discard_data: true } => {
            print_report("took back", &migrations::down_discarding_data(url, options).await?);
        }
        Command::Plan => print!("{}", migrations::plan(url, options).await?),
        Command::Status => print_status(&migrations::status(url).await?),
        Command::Verify => return Ok(print_verification(&migrations::verify(url, options).await?)),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(verb: &str, Report { applied, changes }: &Report) {
    if applied.is_empty() && changes.is_empty() {
        println!("nothing to do");
    }
    for change in changes {
        println!("{verb}: {change}");
    }
    for step in applied {
        println!("{verb} {:04} {}", step.version, step.name);
    }
}

fn print_status(steps: &[StepStatus]) {
    for StepStatus { step, state } in steps {
        let state = match state {
            State::Pending => "pending".to_owned(),
            State::Applied { at } => format!("applied {at}"),
            State::Adopted { at } => format!("adopted {at}"),
            State::Newer { at } => format!("applied {at} by a newer release"),
        };
        println!("{:04} {}: {state}", step.version, step.name);
    }
}

/// What is no difference, and worth knowing all the same.
fn print_notes(notes: &[String]) {
    for note in notes {
        println!("note: {note}");
    }
}

fn print_verification(Verification { differences, notes }: &Verification) -> ExitCode {
    for difference in differences {
        println!("{}\n    {}", difference.what(), difference.fix().replace('\n', "\n    "));
    }
    print_notes(notes);
    if differences.is_empty() {
        println!("the database has all that the functions need");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
