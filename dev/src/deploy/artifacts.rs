//! What is deployed: one program per function, built by one run of `cargo lambda build` into `target/lambda`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use goblin::elf::Elf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};

use crate::install::{ToolError, find_cargo_lambda};
use crate::process::{Process, ProcessGroup};
use crate::workspace::{WorkspaceError, root};

/// The GNU C library of `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);
/// The newest GNU C library of a machine whose compiler is known to stay at [`GLIBC`].
const NEWEST_HOST_GLIBC: (u32, u32) = (2, 36);
/// The libraries of `provided.al2023` that do not change under a function: the C library and the compiler's.
const LIBRARIES: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// The authorities that the functions trust, beside each program in what is deployed.
const ROOTS: &str = "shared/roots.pem";

/// What `make bench` compares the functions with. Never deployed.
pub const BASELINES: [&str; 2] = ["bare", "empty"];

/// The feature by which the functions get an OpenSSL of their own. Without it that would be the image's, which AWS trims
/// and changes.
const OWN_OPENSSL: &str = "shared/vendored-openssl";

/// For rustc: addresses are fixed when the program is linked. OpenSSL has half a megabyte of pointers in tables; in a
/// program that can be loaded anywhere each of them is written anew at every start, from a list that is larger still.
/// What is lost is that the program's own code lies at a random address; libraries, heap and stack still do.
const RUSTFLAGS: &str = "-C relocation-model=static";
/// For the C compiler, and so for OpenSSL, which is more than half of a program: small, as the Rust of the release
/// profile, for half a megabyte less of memory. Most of what has to be fast in it is assembly.
const CFLAGS: &str = "-Os";

/// The processor of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// Lambda's default, and what the tests run.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

/// Why there is nothing to deploy, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No cargo-lambda.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Files and folders.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The system refuses to start it.
    #[error("cargo lambda build cannot be run: {0}")]
    Run(std::io::Error),
    /// The compiler says why.
    #[error("cargo lambda build failed")]
    Failed,
    /// It would not start in Lambda.
    #[error("{} cannot run in Lambda: {problem}", .path.display())]
    Incompatible {
        /// The program.
        path: PathBuf,
        /// A sentence without its end.
        problem: String,
    },
}

/// The names of the functions, in order: the folders in `functions`.
///
/// # Errors
/// The folder cannot be read.
pub fn function_names() -> Result<Vec<String>, WorkspaceError> {
    let folder = root().join("functions");
    let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(WorkspaceError::at(&folder))?;
    let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// `target/lambda/<function>/bootstrap`, the path that `template.yaml` names.
pub fn binary_path(function: &str) -> PathBuf {
    binaries_folder().join(function).join("bootstrap")
}

fn binaries_folder() -> PathBuf {
    root().join("target/lambda")
}

/// The binary of one of [`BASELINES`].
pub fn baseline_path(name: &str) -> PathBuf {
    baselines_folder().join(name).join("bootstrap")
}

fn baselines_folder() -> PathBuf {
    root().join("target/bench")
}

/// Builds every function for Lambda and looks whether Lambda can run it.
///
/// # Errors
/// [`BuildError`].
pub async fn build(architecture: Architecture) -> Result<(), BuildError> {
    let functions = function_names()?;
    run(&functions, OWN_OPENSSL, architecture, &binaries_folder(), "binary").await?;
    for function in &functions {
        let binary = binary_path(function);
        check_binary(&binary, architecture)?;
        let roots = binary.with_file_name("roots.pem");
        std::fs::copy(root().join(ROOTS), &roots).map_err(WorkspaceError::at(&roots))?;
    }
    Ok(())
}

/// Puts what was built into `target/lambda-zip/<function>/bootstrap.zip`, for a deployment without SAM.
///
/// # Errors
/// [`BuildError`].
pub async fn zip(architecture: Architecture) -> Result<(), BuildError> {
    run(&function_names()?, OWN_OPENSSL, architecture, &root().join("target/lambda-zip"), "zip").await
}

/// Builds [`BASELINES`] in the same way, but apart: neither side gets the features that the other asks for.
///
/// # Errors
/// [`BuildError`].
pub async fn build_baselines(architecture: Architecture) -> Result<(), BuildError> {
    run(&BASELINES, "native-tls/vendored", architecture, &baselines_folder(), "binary").await
}

/// One run of cargo for all packages: what they share is compiled once.
async fn run(
    packages: &[impl fmt::Display],
    features: &str,
    architecture: Architecture,
    folder: &Path,
    format: &str,
) -> Result<(), BuildError> {
    let cargo_lambda = find_cargo_lambda().await?;
    let group = ProcessGroup::new().map_err(BuildError::Run)?;
    let mut command = group.command(&cargo_lambda);
    // The check of targets calls rustup.
    command
        .args(["lambda", "build", "--release", "--skip-target-check", "--features", features])
        .args(["--output-format", format, "--lambda-dir"])
        .arg(folder)
        .args(packages.iter().map(|package| format!("--package={package}")))
        .args(if format == "zip" { &["--include", ROOTS][..] } else { &[] })
        .env("RUSTFLAGS", RUSTFLAGS)
        .env("CFLAGS", CFLAGS)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    if is_at_home(architecture) {
        command.args(["--compiler", "cargo"]);
    } else {
        // Zig, which comes with cargo-lambda, brings every version of the C library along.
        let (major, minor) = GLIBC;
        command.arg(format!("--target={}-unknown-linux-gnu.{major}.{minor}", architecture.machine()));
        if let Some(programs) = cargo_lambda.parent() {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap_or(path.clone()));
        }
    }
    // What cargo sets for the programs that it runs would make another cargo build everything again.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    let process = Process::start(&mut command).map_err(BuildError::Run)?;
    match process.wait().await {
        Some(status) if status.success() => Ok(()),
        _ => Err(BuildError::Failed),
    }
}

/// Whether the compiler of this machine makes what Lambda can run.
fn is_at_home(architecture: Architecture) -> bool {
    let glibc = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let glibc = glibc.and_then(|output| version(String::from_utf8(output.stdout).ok()?.strip_prefix("glibc ")?));
    std::env::consts::OS == "linux"
        && std::env::consts::ARCH == architecture.machine()
        && glibc.is_some_and(|glibc| glibc <= NEWEST_HOST_GLIBC)
}

impl Architecture {
    /// That of this machine.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// The name in a target triple.
    fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The name in `template.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Whether a program can run on `provided.al2023`: its processor, its libraries, and the version of the C library that
/// it asks for.
///
/// # Errors
/// [`BuildError::Incompatible`]; [`BuildError::Workspace`] if it cannot be read.
pub fn check_binary(path: &Path, architecture: Architecture) -> Result<(), BuildError> {
    let bytes = std::fs::read(path).map_err(WorkspaceError::at(path))?;
    let incompatible = |problem: String| BuildError::Incompatible { path: path.to_owned(), problem };
    let elf = Elf::parse(&bytes).map_err(|error| incompatible(error.to_string()))?;
    let machine = match architecture {
        Architecture::X86_64 => EM_X86_64,
        Architecture::Arm64 => EM_AARCH64,
    };
    if elf.header.e_machine != machine {
        return Err(incompatible(format!("it is not for {}", architecture.name())));
    }
    if let Some(library) = elf.libraries.iter().find(|library| !LIBRARIES.contains(library)) {
        return Err(incompatible(format!("it needs {library}")));
    }
    let needs = elf.verneed.iter().flat_map(|section| section.iter()).flat_map(|file| file.iter().collect::<Vec<_>>());
    for name in needs.filter_map(|need| elf.dynstrtab.get_at(need.vna_name)) {
        // GLIBC_PRIVATE has no number, and is promised to nobody.
        let glibc = name.strip_prefix("GLIBC_").map(version);
        if glibc.is_some_and(|glibc| glibc.is_none_or(|glibc| glibc > GLIBC)) {
            return Err(incompatible(format!("it needs {name}")));
        }
    }
    Ok(())
}

/// `2.34` or `2.2.5`: the first two numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
