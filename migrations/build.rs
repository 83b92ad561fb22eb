//! Builds again when a migration is added: the compiler itself watches only the files it has already seen.

fn main() {
    println!("cargo::rerun-if-changed=.");
}
