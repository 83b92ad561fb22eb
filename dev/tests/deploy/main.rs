//! What can be tested of a deployment without AWS: the template, the binaries, and the checks of a deployment.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![allow(clippy::panic, reason = "a test ends where it cannot go on")]

mod artifacts;
mod documents;
mod emulator;
mod fake_aws;
mod limits;
mod pre_traffic;
mod smoke;
mod template;
mod transform;

/// Runs a command, asserts that it succeeds, and returns its standard output.
fn output(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout
}
