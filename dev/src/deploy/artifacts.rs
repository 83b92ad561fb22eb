//! The binaries of the functions, built by one run of `cargo lambda build` into `target/lambda`.

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
/// The newest GNU C library on a build machine with which binaries are known to need [`GLIBC`] only.
const NEWEST_HOST_GLIBC: (u32, u32) = (2, 36);
/// The libraries of `provided.al2023` on which a function may depend: the C library and that of the compiler.
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

/// The certificate authorities that the functions trust. The folder is deployed beside each binary, as `roots`.
const ROOTS: &str = "shared/roots";

/// The functions with which `dev bench` compares the others. Never deployed.
pub const BASELINES: [&str; 4] = ["bare", "bare-rustls", "empty", "floor"];
/// The packages that contain [`BASELINES`].
const BASELINE_PACKAGES: [&str; 3] = ["bare", "empty", "floor"];

/// The feature that links OpenSSL statically. AWS removes parts of the OpenSSL in its image, and changes it.
const VENDORED_OPENSSL: &str = "shared/vendored-openssl";

/// For rustc. `relocation-model=static` links the binary for a fixed address: OpenSSL has half a megabyte of tables with
/// pointers, and in a position-independent binary each of them is relocated at every start. In return, the address of the
/// code is not random; those of libraries, heap and stack still are.
const RUSTFLAGS: &str = "-C relocation-model=static";
/// For the C compiler, which compiles OpenSSL, more than half of a binary. It is optimized for size, which saves half a
/// megabyte of memory: most of what must be fast in OpenSSL is assembly. Sections of their own let the linker leave out
/// functions that nothing calls. Unwind tables would never be used, because a panic aborts.
const CFLAGS: &str = "-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables";

/// How rustc and the C compiler optimize.
#[derive(Debug, Clone, Copy)]
pub struct Optimization {
    /// The option of cargo that chooses the profile.
    profile: &'static str,
    cflags: &'static str,
}

impl Optimization {
    /// For the deployed functions.
    pub const DEPLOYED: Self = Self { profile: "--release", cflags: CFLAGS };
    /// The same without link-time optimization, which compiles all dependencies again for each function.
    pub const QUICK: Self = Self { profile: "--profile=quick", cflags: CFLAGS };
    /// For speed, so that what is chosen for the deployed functions does not slow down what they are compared with.
    const BASELINE: Self = Self { profile: "--profile=baseline", cflags: "-O3" };
}

/// The processor architecture of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// The default of Lambda, and what the tests run.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

/// The functions could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No cargo-lambda.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or folder cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The system cannot start the build.
    #[error("cargo lambda build cannot be run: {0}")]
    Run(std::io::Error),
    /// The build failed. The compiler has printed the reason.
    #[error("cargo lambda build failed")]
    Failed,
    /// The binary would not start in Lambda.
    #[error("{} cannot run in Lambda: {problem}", .path.display())]
    Incompatible {
        /// The binary.
        path: PathBuf,
        /// The problem, as a sentence without a full stop.
        problem: String,
    },
}

/// The names of the functions, sorted: the folders in `functions`.
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

/// Builds every function for Lambda and checks that Lambda can run it.
///
/// # Errors
/// [`BuildError`].
pub async fn build(architecture: Architecture, optimization: Optimization) -> Result<(), BuildError> {
    let functions = function_names()?;
    run(&functions, VENDORED_OPENSSL, optimization, architecture, &binaries_folder(), "binary").await?;
    for function in &functions {
        let binary = binary_path(function);
        check_binary(&binary, architecture)?;
        let roots = binary.with_file_name("roots");
        copy_roots(&roots).map_err(WorkspaceError::at(&roots))?;
    }
    Ok(())
}

/// Copies the authorities that the functions trust to a folder, and replaces one that exists.
///
/// # Errors
/// A file or folder cannot be read or written.
pub fn copy_roots(target: &Path) -> std::io::Result<()> {
    if target.exists() {
        std::fs::remove_dir_all(target)?;
    }
    std::fs::create_dir(target)?;
    for entry in std::fs::read_dir(root().join(ROOTS))? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        // The others are not certificates.
        if path.extension().is_some_and(|extension| extension == "0") {
            std::fs::copy(path, target.join(name))?;
        }
    }
    Ok(())
}

/// Builds zip files `target/lambda-zip/<function>/bootstrap.zip`, for a deployment without SAM.
///
/// # Errors
/// [`BuildError`].
pub async fn zip(architecture: Architecture, optimization: Optimization) -> Result<(), BuildError> {
    let folder = root().join("target/lambda-zip");
    run(&function_names()?, VENDORED_OPENSSL, optimization, architecture, &folder, "zip").await
}

/// Builds [`BASELINES`] in a run of their own, so that the features of neither affect the other, and with a profile of
/// their own.
///
/// # Errors
/// [`BuildError`].
pub async fn build_baselines(architecture: Architecture) -> Result<(), BuildError> {
    run(&BASELINE_PACKAGES, "native-tls/vendored", Optimization::BASELINE, architecture, &baselines_folder(), "binary")
        .await
}

/// Runs cargo once for all packages, so that it compiles their dependencies once.
async fn run(
    packages: &[impl fmt::Display],
    features: &str,
    optimization: Optimization,
    architecture: Architecture,
    folder: &Path,
    format: &str,
) -> Result<(), BuildError> {
    let cargo_lambda = find_cargo_lambda().await?;
    let group = ProcessGroup::new().map_err(BuildError::Run)?;
    let mut command = group.command(&cargo_lambda);
    // The check of the target would call rustup.
    command
        .args(["lambda", "build", optimization.profile, "--skip-target-check", "--features", features])
        .args(["--output-format", format, "--lambda-dir"])
        .arg(folder)
        .args(packages.iter().map(|package| format!("--package={package}")))
        .args(if format == "zip" { vec![format!("--include=roots:{ROOTS}")] } else { Vec::new() })
        .env("RUSTFLAGS", format!("{RUSTFLAGS} -C target-cpu={}", architecture.processor()))
        .env("CFLAGS", optimization.cflags)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    if is_native(architecture) {
        command.args(["--compiler", "cargo"]);
    } else {
        // Zig, which is installed with cargo-lambda, can link against any version of the C library.
        let (major, minor) = GLIBC;
        command.arg(format!("--target={}-unknown-linux-gnu.{major}.{minor}", architecture.machine()));
        if let Some(programs) = cargo_lambda.parent() {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap_or(path.clone()));
        }
    }
    // Cargo sets these for the programs that it runs. Another cargo would rebuild everything because of them.
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

/// Whether the compiler of this machine makes binaries that Lambda can run.
fn is_native(architecture: Architecture) -> bool {
    let glibc = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let glibc = glibc.and_then(|output| version(String::from_utf8(output.stdout).ok()?.strip_prefix("glibc ")?));
    std::env::consts::OS == "linux"
        && std::env::consts::ARCH == architecture.machine()
        && glibc.is_some_and(|glibc| glibc <= NEWEST_HOST_GLIBC)
}

impl Architecture {
    /// The architecture of this machine.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// The name in a target triple.
    fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The oldest processor on which Lambda runs functions. cargo-lambda would choose the same, but does not if
    /// `RUSTFLAGS` is set.
    fn processor(self) -> &'static str {
        match self {
            Self::X86_64 => "haswell",
            Self::Arm64 => "neoverse-n1",
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

/// Checks that a binary can run on `provided.al2023`: its architecture, its libraries, and the version of the C library
/// that it needs.
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
        // GLIBC_PRIVATE has no version, and is not a stable interface.
        let glibc = name.strip_prefix("GLIBC_").map(version);
        if glibc.is_some_and(|glibc| glibc.is_none_or(|glibc| glibc > GLIBC)) {
            return Err(incompatible(format!("it needs {name}")));
        }
    }
    Ok(())
}

/// The first two numbers of a version such as `2.34` or `2.2.5`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
