//! Templates as CloudFormation gets them.

use std::path::Path;

use dev::install::python::SAM;
use dev::workspace::root;
use serde_json::Value;

use crate::output;

/// A template after SAM's transform, with parameters of the form `NAME=value`.
pub(crate) async fn transform(template: &Path, parameters: &[&str]) -> Value {
    let mut python = SAM.command("python").await.unwrap();
    let script = root().join("dev/tests/deploy/transform.py");
    python.arg(script).arg(template).args(parameters).env("AWS_DEFAULT_REGION", "us-east-1");
    serde_json::from_str(&output(&mut python)).unwrap()
}
