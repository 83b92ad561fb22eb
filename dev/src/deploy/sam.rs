//! From built functions to a stack in AWS: the parameters of `template.yaml` from the environment, and `sam deploy`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Stdio;

use jiff::Timestamp;

use super::artifacts::{Architecture, BuildError, build};
use crate::aws::template::{TemplateError, parameters};
use crate::install::ToolError;
use crate::install::python::SAM;
use crate::workspace::{WorkspaceError, local, root, write_private};

/// Why nothing was deployed, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// There is nothing to deploy.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No SAM.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Files and folders.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The template names no parameters.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// SAM has said why.
    #[error("sam deploy failed")]
    Sam,
    /// The system refuses to start it.
    #[error("sam cannot be run: {0}")]
    Run(std::io::Error),
}

/// Builds the functions and deploys the stack that `samconfig.toml` describes under this name.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy(stage: &str, architecture: Architecture) -> Result<(), DeployError> {
    build(architecture).await?;
    let text = std::fs::read_to_string(root().join("template.yaml")).map_err(TemplateError::Read)?;
    let mut values = chosen(&parameters(&text)?, |name| std::env::var(name).ok());
    // A stack keeps the parameters that it is not given, so a release need not know the password.
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    eprintln!("Given by the environment: {}. The rest is as samconfig.toml says, or as it was.", names.join(", "));
    for (name, value) in [
        ("Architecture", architecture.name().to_owned()),
        ("Release", format!("{:x}", Timestamp::now().as_second())),
        ("MigrationsHash", migrations_hash()?),
    ] {
        values.insert(name.to_owned(), value);
    }
    // samconfig.toml names the file. On the command line everybody on this machine could read the passwords.
    let json = serde_json::to_string(&values).expect("text by text");
    write_private(&local()?.join("parameters.yaml"), &json)?;
    let mut sam = SAM.command("sam").await?;
    sam.args(["deploy", "--config-env", stage]).stdin(Stdio::inherit());
    // Python's AWS library alone knows the region by another name than Lambda, the AWS CLI and everybody else.
    if let (None, Some(region)) = (std::env::var_os("AWS_DEFAULT_REGION"), std::env::var_os("AWS_REGION")) {
        sam.env("AWS_DEFAULT_REGION", region);
    }
    let status = tokio::task::spawn_blocking(move || sam.status()).await.map_err(|_| DeployError::Sam)?;
    if status.map_err(DeployError::Run)?.success() { Ok(()) } else { Err(DeployError::Sam) }
}

/// The parameters for which there is a variable, `DATABASE_URL` for `DatabaseUrl`. An empty one counts as absent.
fn chosen(
    parameters: &BTreeMap<String, String>,
    variable: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let given = |(name, setting): (&String, &String)| {
        let value = variable(setting).filter(|value| !value.trim().is_empty())?;
        Some((name.clone(), value))
    };
    parameters.iter().filter_map(given).collect()
}

/// Sixteen hexadecimal digits that differ when a migration is added. That they may differ between versions of the
/// compiler only means that the schema is found to be up to date once more.
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
    fn a_parameter_takes_the_variable_of_its_name() {
        let text = "Parameters: { DatabaseUrl: { Type: String }, TaskTitleMax: { Type: Number }, Alarms: {} }";
        let variable = |name: &str| match name {
            "DATABASE_URL" => Some("postgres://a:b@c/d?x=y z".to_owned()),
            "ALARMS" => Some(String::new()),
            _ => None,
        };
        let chosen = chosen(&parameters(text).expect("parameters"), variable);
        assert_eq!(chosen, [("DatabaseUrl".to_owned(), "postgres://a:b@c/d?x=y z".to_owned())].into());
    }
}
