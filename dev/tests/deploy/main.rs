//! What can be proven of a deployment without AWS: the template, the programs, and the way to try what is deployed.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![allow(clippy::panic, reason = "a test ends where it cannot go on")]

mod artefacts;
mod documents;
mod emulator;
mod limits;
mod pre_traffic;
mod smoke;
mod template;
mod transform;

/// A binary beside the one of dev: it takes `cargo build --workspace`.
fn binary(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name(name)
}

/// What a command prints on standard output, if it succeeds.
fn output(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout
}
