//! The program `migrate` at a terminal.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{self, MigrationStatus, NewEpoch, State, Verification};
use crate::error::MigrateError;
use crate::report::Report;
use crate::settings::{Settings, load_dotenv};

/// Brings the schema of the database up to this release.
///
/// The database is the one of DATABASE_URL_UNPOOLED, else of DATABASE_URL; AUTH_USER_TABLE names the table of users when
/// it is neither "user" nor users. Settings that the environment lacks are taken from the file .env.
#[derive(Parser)]
#[command(name = "migrate")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Apply every migration that the database lacks, or adopt the tasks of another back end (the default)
    Up,
    /// Revert the newest migration; an adoption is reverted as a whole
    Down {
        /// Also when users lose what they have stored
        #[arg(long)]
        discard_data: bool,
    },
    /// Print the SQL that `up` would run; change nothing
    Plan,
    /// Print which migrations the database has
    Status,
    /// Compare the database with what the functions need, and try what they do as an existing user, in a transaction that
    /// is rolled back; exit with 1 if they would miss something, 0 if there are only notes
    Verify,
    /// Make every client fetch all tasks again; after a restore, before the functions get requests
    NewEpoch,
    /// Delete what has expired: idempotency keys, records of deleted tasks, fences, revoked tokens, reset codes, and counts of
    /// sign-in attempts
    CleanUp,
    /// Print a code with which a user who has forgotten the password can sign in once, within 30 minutes
    ResetPassword {
        /// The e-mail address of the user
        email: String,
    },
}

/// Executes the command of the arguments, prints what it did to standard output or one sentence to standard error, and
/// returns the exit code: 0 for success, 1 for a failure or a difference, 2 for invalid arguments.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match run_command(arguments.command.unwrap_or(Command::Up)).await {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run_command(command: Command) -> Result<ExitCode, String> {
    load_dotenv()?;
    execute(command, &Settings::from_env()?).await.map_err(|error| error.to_string())
}

async fn execute(
    command: Command,
    Settings { database_url, options, functions }: &Settings,
) -> Result<ExitCode, MigrateError> {
    match command {
        Command::Up => {
            let report = commands::up(database_url, options).await?;
            print_report("applied", &report);
            let was_adopted = !report.changes.is_empty();
            if was_adopted {
                return Ok(print_verification(&commands::verify_functions(database_url, functions, options).await?));
            }
        }
        Command::Down { discard_data: false } => {
            print_report("took back", &commands::down(database_url).await?);
        }
        Command::Down { discard_data: true } => {
            print_report("took back", &commands::down_discarding_data(database_url).await?);
        }
        Command::Plan => print!("{}", commands::plan(database_url, options).await?),
        Command::Status => print_statuses(&commands::status(database_url).await?),
        Command::Verify => {
            return Ok(print_verification(&commands::verify_functions(database_url, functions, options).await?));
        }
        Command::NewEpoch => print_new_epoch(&commands::new_epoch(database_url).await?),
        Command::CleanUp => println!("{}", commands::clean_up(database_url).await?),
        Command::ResetPassword { email } => {
            println!("{}", commands::reset_password(database_url, options, &email).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(verb: &str, Report { migrations, changes }: &Report) {
    if migrations.is_empty() && changes.is_empty() {
        println!("nothing to do");
    }
    for change in changes {
        println!("{verb}: {change}");
    }
    for migration in migrations {
        println!("{verb} {:04} {}", migration.version, migration.name);
    }
}

fn print_new_epoch(NewEpoch { epoch, cleared_tasks, deleted_tombstones }: &NewEpoch) {
    println!("the epoch is now {epoch}: every client fetches all tasks again");
    if *cleared_tasks > 0 {
        println!("{cleared_tasks} tasks had the transaction number of another server, and have none any more");
    }
    println!("deleted {deleted_tombstones} records of deleted tasks, which only the former epoch needed");
}

fn print_statuses(statuses: &[MigrationStatus]) {
    for MigrationStatus { migration, state } in statuses {
        let state = match state {
            State::Pending => "pending".to_owned(),
            State::Applied { at } => format!("applied {at}"),
            State::Adopted { at } => format!("adopted {at}"),
            State::Newer { at } => format!("applied {at} by a newer release"),
        };
        println!("{:04} {}: {state}", migration.version, migration.name);
    }
}

fn print_notes(notes: &[String]) {
    for note in notes {
        println!("note: {note}");
    }
}

fn print_verification(Verification { differences, notes }: &Verification) -> ExitCode {
    for difference in differences {
        println!("{}\n    {}", difference.description(), difference.fix().replace('\n', "\n    "));
    }
    print_notes(notes);
    if differences.is_empty() {
        println!("the database has all that the functions need");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
