//! Translates `openapi.yaml` to JSON, so that the function needs no parser of YAML.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let contract = Path::new("../../openapi.yaml");
    println!("cargo::rerun-if-changed={}", contract.display());
    // Not a map of `serde_json`, which would sort the members.
    let document: serde_norway::Value = serde_norway::from_str(&fs::read_to_string(contract)?)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("openapi.json"), serde_json::to_string(&document)?)?;
    Ok(())
}
