//! The program `migrate`, as far as it works without a database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory for one test, so that no other `.env` is found.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("the target directory can be written to");
    directory
}

fn migrate(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.current_dir(directory);
    for name in ["DATABASE_URL", "DATABASE_URL_UNPOOLED", "AUTH_USER_TABLE"] {
        command.env_remove(name);
    }
    command
}

/// The standard error of a failed run, which has no other output.
fn error_message(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    assert_eq!(status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&stdout), "");
    String::from_utf8(stderr).expect("UTF-8")
}

#[test]
fn a_missing_url_is_explained() {
    assert_eq!(
        error_message(&mut migrate(&directory("without_a_url"))),
        "DATABASE_URL is not set: put the database's connection string there, or in the file .env\n"
    );
}

#[test]
fn the_direct_url_is_preferred() {
    let sentence = error_message(
        migrate(&directory("direct_url"))
            .env("DATABASE_URL_UNPOOLED", "postgres://ann:octopus@127.0.0.1:1/direct?colour=red")
            .env("DATABASE_URL", "postgres://ann:octopus@127.0.0.1:1/pooled?colour=blue&taste=sweet"),
    );
    assert_eq!(sentence, "The database URL has the unknown parameter colour\n");
}

#[test]
fn the_environment_overrides_the_env_file() {
    let directory = directory("environment_wins");
    fs::write(directory.join(".env"), "DATABASE_URL='mysql://ann:octopus@127.0.0.1/todo'\n").expect("a new file");
    assert_eq!(
        error_message(&mut migrate(&directory)),
        "The database URL must begin with postgres:// or postgresql://\n"
    );
    let sentence = error_message(migrate(&directory).env("DATABASE_URL", "postgres://ann:octopus@127.0.0.1:1/todo"));
    assert!(sentence.starts_with("Cannot connect to the database at 127.0.0.1: Connection refused"), "{sentence}");
}

#[test]
fn an_invalid_line_of_the_env_file_is_not_quoted() {
    let directory = directory("unreadable_line");
    fs::write(directory.join(".env"), "DATABASE_URL=postgres://ann:octo pus@127.0.0.1/todo\n").expect("a new file");
    assert_eq!(error_message(&mut migrate(&directory)), "The file .env has a line that is not NAME=value\n");
}
