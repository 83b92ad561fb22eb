//! The binaries that are deployed.

use std::path::Path;

use dev::deploy::artifacts::{
    Architecture, BuildError, Optimization, binary_path, build, check_binary, function_names, zip,
};
use tokio::sync::OnceCell;

/// As they are deployed with `DEPLOYED=1`, which takes a quarter of an hour, or else without link-time optimization.
fn optimization() -> Optimization {
    if std::env::var_os("DEPLOYED").is_some() { Optimization::DEPLOYED } else { Optimization::QUICK }
}

/// Builds the functions, once for all tests.
pub(crate) async fn build_functions() {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    let build =
        || async { build(Architecture::X86_64, optimization()).await.unwrap_or_else(|error| panic!("{error}")) };
    BUILT.get_or_init(build).await;
}

#[tokio::test]
async fn every_function_is_built_for_lambda() {
    // It checks every binary.
    build_functions().await;
    for function in function_names().unwrap() {
        let size = std::fs::metadata(binary_path(&function)).unwrap().len();
        // A binary with symbols or debug information is several times as large.
        assert!(size < 12 * 1024 * 1024, "{function} has {size} bytes");
        let mut roots = file_names(&binary_path(&function).with_file_name("roots"));
        roots.push("README.md".into());
        roots.sort();
        assert_eq!(roots, file_names(&dev::workspace::root().join("shared/roots")));
    }
}

/// It has no database driver. `--nocapture` prints the sizes.
#[tokio::test]
async fn documentation_is_smaller_than_an_operation() {
    build_functions().await;
    let size = |function: &str| std::fs::metadata(binary_path(function)).unwrap().len();
    let (docs, operation) = (size("docs"), size("get-task"));
    println!("docs has {docs} bytes, get-task {operation}");
    assert!(docs < operation, "{docs} {operation}");
}

#[tokio::test]
async fn zip_files_have_the_authorities_beside_the_program() {
    build_functions().await;
    zip(Architecture::X86_64, optimization()).await.unwrap_or_else(|error| panic!("{error}"));
    for function in function_names().unwrap() {
        let archive = dev::workspace::root().join("target/lambda-zip").join(&function).join("bootstrap.zip");
        let list = crate::output(std::process::Command::new("python3").args(["-m", "zipfile", "-l"]).arg(&archive));
        let names = list.lines().skip(1).filter_map(|line| line.split(' ').next());
        let mut files: Vec<&str> = names.filter(|name| !name.ends_with('/')).collect();
        files.sort_unstable();
        let roots = file_names(&dev::workspace::root().join("shared/roots"));
        let mut expected: Vec<_> = roots.iter().map(|name| format!("roots/{}", name.display())).collect();
        expected.insert(0, "bootstrap".to_owned());
        assert_eq!(files, expected, "{function}");
    }
}

/// The files in a folder, sorted.
fn file_names(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn binary_for_another_architecture_is_rejected() {
    build_functions().await;
    let error = check_binary(&binary_path("health"), Architecture::Arm64).unwrap_err();
    assert!(error.to_string().ends_with("health/bootstrap cannot run in Lambda: it is not for arm64"), "{error}");
}

#[test]
fn binary_with_other_libraries_is_rejected() {
    // The C compiler links it against a library that Lambda does not have.
    let folder = tempfile::tempdir().unwrap();
    let error = check_binary(&linked(folder.path(), "int main() { return 0; }", &["-lcrypt"]), Architecture::X86_64);
    assert_eq!(problem(&error.unwrap_err()), "it needs libcrypt.so.1");
}

#[test]
fn binary_for_a_newer_libc_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    // The linker copies the symbol version from the library that it is given.
    let script = folder.path().join("versions");
    std::fs::write(&script, "GLIBC_2.99 { global: newer; };").unwrap();
    let library = folder.path().join("libc.so.6");
    let source = folder.path().join("newer.c");
    std::fs::write(&source, "int newer() { return 1; }").unwrap();
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-nostdlib", "-Wl,-soname,libc.so.6"]);
    compiler.arg(format!("-Wl,--version-script={}", script.display()));
    crate::output(compiler.arg(&source).arg("-o").arg(&library));
    let source = "int newer(); void _start() { newer(); }";
    let program = linked(folder.path(), source, &["-nostdlib", &library.display().to_string()]);
    assert_eq!(problem(&check_binary(&program, Architecture::X86_64).unwrap_err()), "it needs GLIBC_2.99");
}

fn linked(folder: &Path, source: &str, arguments: &[&str]) -> std::path::PathBuf {
    let (file, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&file, source).unwrap();
    let mut compiler = std::process::Command::new("cc");
    crate::output(compiler.arg(&file).arg("-Wl,--no-as-needed").args(arguments).arg("-o").arg(&program));
    program
}

fn problem(error: &BuildError) -> &str {
    match error {
        BuildError::Incompatible { problem, .. } => problem,
        other => panic!("{other}"),
    }
}
