//! The program `migrate` from outside, as far as it goes without a database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own, so that no `.env` but the test's is found.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the target directory can be written to");
    folder
}

fn migrate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.current_dir(folder);
    for name in ["DATABASE_URL", "DATABASE_URL_UNPOOLED", "AUTH_USER_TABLE"] {
        command.env_remove(name);
    }
    command
}

/// What a failed run says, which is all that it says.
fn refusal(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    assert_eq!(status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&stdout), "");
    String::from_utf8(stderr).expect("UTF-8")
}

#[test]
fn without_a_url_it_says_what_to_set() {
    assert_eq!(
        refusal(&mut migrate(&folder("without_a_url"))),
        "DATABASE_URL is not set: put the database's connection string there, or in the file .env\n"
    );
}

#[test]
fn the_direct_url_is_preferred_to_the_pooled_one() {
    let sentence = refusal(
        migrate(&folder("direct_url"))
            .env("DATABASE_URL_UNPOOLED", "postgres://ann:octopus@127.0.0.1:1/direct?colour=red")
            .env("DATABASE_URL", "postgres://ann:octopus@127.0.0.1:1/pooled?colour=blue&taste=sweet"),
    );
    assert_eq!(sentence, "The database URL has the unknown parameter colour\n");
}

#[test]
fn the_environment_wins_over_the_file() {
    let folder = folder("environment_wins");
    fs::write(folder.join(".env"), "DATABASE_URL='mysql://ann:octopus@127.0.0.1/todo'\n").expect("a new file");
    assert_eq!(refusal(&mut migrate(&folder)), "The database URL must begin with postgres:// or postgresql://\n");
    let sentence = refusal(migrate(&folder).env("DATABASE_URL", "postgres://ann:octopus@127.0.0.1:1/todo"));
    assert!(sentence.starts_with("Cannot connect to the database at 127.0.0.1: Connection refused"), "{sentence}");
}

#[test]
fn a_line_of_the_file_that_cannot_be_read_is_not_shown() {
    let folder = folder("unreadable_line");
    fs::write(folder.join(".env"), "DATABASE_URL=postgres://ann:octo pus@127.0.0.1/todo\n").expect("a new file");
    assert_eq!(refusal(&mut migrate(&folder)), "The file .env has a line that is not NAME=value\n");
}
