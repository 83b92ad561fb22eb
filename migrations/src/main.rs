//! `migrate`: brings the schema of the database up to this release, or takes its newest step back.

use std::env::{self, VarError};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use migrations::{Options, Report};

/// Brings the schema of the database up to this release.
///
/// The database is the one of DATABASE_URL_UNPOOLED, else of DATABASE_URL; AUTH_USER_TABLE names the table of users when
/// it is neither "user" nor users. Settings that the environment lacks are taken from the file .env.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    direction: Option<Direction>,
}

#[derive(Subcommand)]
enum Direction {
    /// Take every step that the database has not seen (the default)
    Up,
    /// Take the newest step back
    Down,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.direction.unwrap_or(Direction::Up)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(direction: Direction) -> Result<(), String> {
    read_dotenv()?;
    let database_url = match setting("DATABASE_URL_UNPOOLED")? {
        Some(url) => url,
        None => setting("DATABASE_URL")?
            .ok_or("DATABASE_URL is not set: put the database's connection string there, or in the file .env")?,
    };
    let options = Options { auth_user_table: setting("AUTH_USER_TABLE")? };

    let (verb, report) = match direction {
        Direction::Up => ("applied", migrations::up(&database_url, &options).await),
        Direction::Down => ("took back", migrations::down(&database_url, &options).await),
    };
    let Report { applied } = report.map_err(|error| error.to_string())?;
    if applied.is_empty() {
        println!("nothing to do");
    }
    for step in applied {
        println!("{verb} {:04} {}", step.version, step.name);
    }
    Ok(())
}

/// Takes from `.env` what the environment does not have.
fn read_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::Io(error)) => Err(format!("The file .env cannot be read: {error}")),
        // The library's own words quote the line, which may be the one with the password.
        Err(_) => Err("The file .env has a line that is not NAME=value".to_owned()),
    }
}

/// A variable of the environment; an empty one counts as not set.
fn setting(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
