//! `sam deploy`, with the parameters of `template.yaml` from the environment.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Stdio;

use jiff::Timestamp;

use super::artifacts::{Architecture, BuildError, Optimization, build};
use crate::aws::cors::parse_origins;
use crate::aws::template::{TemplateError, parameters};
use crate::install::ToolError;
use crate::install::python::SAM;
use crate::workspace::{WorkspaceError, local, root, write_private};

/// The stack was not deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The functions could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No SAM.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or folder cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The template cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The origins are not a list of origins.
    #[error("CORS_ORIGINS {0}")]
    Origins(String),
    /// SAM failed and has printed the reason.
    #[error("sam deploy failed")]
    Sam,
    /// The system cannot start SAM.
    #[error("sam cannot be run: {0}")]
    Run(std::io::Error),
}

/// Builds the functions and deploys the stack that is the section `stage` of `samconfig.toml`.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy(stage: &str, architecture: Architecture) -> Result<(), DeployError> {
    let text = std::fs::read_to_string(root().join("template.yaml")).map_err(TemplateError::Read)?;
    let mut values = parameter_values(&parameters(&text)?, |name| std::env::var(name).ok());
    if let Some(origins) = values.get_mut("CorsOrigins") {
        *origins = parse_origins(origins).map_err(DeployError::Origins)?.join(",");
    }
    build(architecture, Optimization::DEPLOYED).await?;
    // A stack keeps the values of parameters that are not set, so a release need not know the password.
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    eprintln!("Given by the environment: {}. The rest is as samconfig.toml says, or as it was.", names.join(", "));
    for (name, value) in [
        ("Architecture", architecture.name().to_owned()),
        ("Release", format!("{:x}", Timestamp::now().as_second())),
        ("MigrationsHash", migrations_hash()?),
    ] {
        values.insert(name.to_owned(), value);
    }
    // samconfig.toml names the file. On the command line, every user of this machine could read the passwords.
    let json = serde_json::to_string(&values).expect("text by text");
    write_private(&local()?.join("parameters.yaml"), &json)?;
    let mut sam = SAM.command("sam").await?;
    sam.args(["deploy", "--config-env", stage]).stdin(Stdio::inherit());
    // SAM reads AWS_DEFAULT_REGION only, unlike other AWS tools.
    if let (None, Some(region)) = (std::env::var_os("AWS_DEFAULT_REGION"), std::env::var_os("AWS_REGION")) {
        sam.env("AWS_DEFAULT_REGION", region);
    }
    let status = tokio::task::spawn_blocking(move || sam.status()).await.map_err(|_| DeployError::Sam)?;
    if status.map_err(DeployError::Run)?.success() { Ok(()) } else { Err(DeployError::Sam) }
}

/// The values of the parameters that have a variable, such as `DATABASE_URL` for `DatabaseUrl`. An empty variable counts as
/// absent.
fn parameter_values(
    parameters: &BTreeMap<String, String>,
    variable: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let given = |(name, setting): (&String, &String)| {
        let value = variable(setting).filter(|value| !value.trim().is_empty())?;
        Some((name.clone(), value))
    };
    parameters.iter().filter_map(given).collect()
}

/// A hash of 16 hexadecimal digits that changes when a migration is added. If it differs between versions of the compiler,
/// the migrations only run once more and find nothing to do.
fn migrations_hash() -> Result<String, WorkspaceError> {
    let folder = root().join("migrations");
    let entries = std::fs::read_dir(&folder).map_err(WorkspaceError::at(&folder))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".up.sql"));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file).map_err(WorkspaceError::at(&file))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_the_variables_of_their_names() {
        let text = "Parameters: { DatabaseUrl: { Type: String }, TaskTitleMax: { Type: Number }, Alarms: {} }";
        let variable = |name: &str| match name {
            "DATABASE_URL" => Some("postgres://a:b@c/d?x=y z".to_owned()),
            "ALARMS" => Some(String::new()),
            _ => None,
        };
        let chosen = parameter_values(&parameters(text).expect("parameters"), variable);
        assert_eq!(chosen, [("DatabaseUrl".to_owned(), "postgres://a:b@c/d?x=y z".to_owned())].into());
    }
}
