//! `/openapi.json` with all kinds of settings.

use std::path::PathBuf;
use std::time::Duration;

use dev::install::python::OPENAPI_VALIDATOR;
use dev::testing::function::{Function, event};
use dev::testing::program::run_program;
use serde_json::{Value, json};

/// How long the validation of all files may take on a busy machine.
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Settings that change the document, each with the values other than its default.
const SETTINGS: [(&str, &[&str]); 14] = [
    ("AUTH_MODE", &["session", "password", "hs256,session,password"]),
    ("TASK_LIST_SHAPE", &["object"]),
    ("TASK_JSON_CASE", &["both"]),
    ("TASK_TAGS", &["objects", "string"]),
    ("TASK_DUE_DATES", &["instant"]),
    ("TASK_FIELDS", &["is_recurring,recurrence", "recurrence_pattern,recurrence_interval,parent_task_id,is_overdue"]),
    ("TASK_EXTRA_FIELDS", &["color,starred=is_starred,is_archived"]),
    ("TASK_PRIORITIES", &["someday", "none,some", "low,medium,high,urgent"]),
    ("TASK_PRIORITY_DEFAULT", &["medium"]),
    ("TASK_TITLE_MAX", &["255"]),
    ("TASK_DESCRIPTION_MAX", &["0"]),
    ("REQUIRE_IF_MATCH", &["1"]),
    ("PASSWORD_HASH", &["argon2id"]),
    ("PASSWORD_MIN_LENGTH", &["12"]),
];

async fn document(settings: &[(&str, &str)]) -> Value {
    let secret = "0123456789abcdef0123456789abcdef";
    let settings = [&[("BETTER_AUTH_SECRET", secret)], settings].concat();
    let mut function = Function::start_built("docs", &settings).await;
    let response = function.invoke(&event("GET", "/openapi.json")).await.expect("a response");
    response.expect_status(200).json
}

/// The last value of each setting, all at once.
fn together() -> Vec<(&'static str, &'static str)> {
    SETTINGS.iter().filter_map(|(name, values)| Some((*name, *values.last()?))).collect()
}

/// Whether these files are valid documents of OpenAPI 3.1.
///
/// # Errors
/// What the validator printed, which names the files.
async fn validate(files: &[PathBuf]) -> Result<(), String> {
    let command = OPENAPI_VALIDATOR.command("openapi-spec-validator").await.expect("the validator");
    let mut command = tokio::process::Command::from(command);
    run_program(command.args(["--schema", "3.1"]).args(files), VALIDATION_TIMEOUT).await.map(drop)
}

#[tokio::test]
async fn every_document_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = vec![vec![], together()];
    all.extend(SETTINGS.iter().flat_map(|(name, values)| values.iter().map(move |value| vec![(*name, *value)])));
    let mut files = Vec::new();
    for settings in all {
        let name = match &settings[..] {
            [] => "none".to_owned(),
            [(name, value)] => format!("{name}={value}"),
            _ => "all".to_owned(),
        };
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, document(&settings).await.to_string()).expect("a file");
        files.push(file);
    }
    if let Err(problem) = validate(&files).await {
        panic!("{problem}");
    }
}

#[tokio::test]
async fn the_validator_notices_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut document = document(&[]).await;
    let files = ["good.json", "bad.json"].map(|name| folder.path().join(name));
    for file in &files {
        std::fs::write(file, document.to_string()).expect("a file");
        document["paths"]["/api/tasks"]["get"]["responses"] = json!([]);
    }
    assert!(validate(&files).await.is_err());
}

#[tokio::test]
async fn examples_of_tasks_fit_their_schema() {
    for settings in [vec![], together()] {
        let document = document(&settings).await;
        let pages = [
            ("/components/schemas/Task", "/components/schemas/Task/examples/0"),
            ("/components/schemas/ChangePage", "/components/schemas/ChangePage/examples/0"),
            ("/components/schemas/TaskStats", "/components/schemas/TaskStats/examples/0"),
        ];
        for (schema, example) in pages {
            let root = json!({"components": document["components"], "$ref": format!("#{schema}")});
            let validator = jsonschema::draft202012::new(&root).expect("a schema");
            let example = document.pointer(example).expect("an example");
            let problems: Vec<_> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{schema} with {settings:?}: {}", problems.join("; "));
        }
        let task = &document["components"]["schemas"]["Task"];
        let properties = task["properties"].as_object().expect("properties").len();
        // All but `txid`.
        assert_eq!(task["required"].as_array().map(Vec::len), Some(properties - 1), "{settings:?}");
    }
}

#[tokio::test]
async fn examples_of_problems_fit_their_schema() {
    let document = document(&[("AUTH_MODE", "password")]).await;
    let mut count = 0;
    for (name, response) in document["components"]["responses"].as_object().expect("responses") {
        let content = &response["content"]["application/problem+json"];
        if content.is_null() {
            continue;
        }
        let root = json!({"components": document["components"], "allOf": [content["schema"]]});
        let validator = jsonschema::draft202012::new(&root).expect("a schema");
        let examples = content["examples"].as_object().expect("examples");
        assert!(!examples.is_empty(), "{name}");
        for (code, example) in examples {
            let problems: Vec<_> = validator.iter_errors(&example["value"]).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name} {code}: {}", problems.join("; "));
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[tokio::test]
async fn settings_change_what_is_described() {
    let names = |document: &Value| {
        let properties = document["components"]["schemas"]["Task"]["properties"].as_object().expect("properties");
        properties.keys().cloned().collect::<Vec<_>>()
    };
    let plain = document(&[]).await;
    assert!(!names(&plain).iter().any(|name| ["dueDate", "is_recurring", "color"].contains(&name.as_str())));
    assert_eq!(plain["components"]["securitySchemes"].as_object().map(serde_json::Map::len), Some(1));
    let all = document(&together()).await;
    for name in ["dueDate", "is_overdue", "isOverdue", "starred", "is_archived", "isArchived"] {
        assert!(names(&all).iter().any(|present| present == name), "{name}");
    }
    assert!(all["components"]["securitySchemes"]["password"].is_object());
    assert_eq!(all["components"]["parameters"]["IfMatch"]["required"], true);
    assert_eq!(all["components"]["schemas"]["TitleInput"]["maxLength"], 255);
    let filters = all["paths"]["/api/tasks"]["get"]["parameters"].as_array().expect("parameters");
    assert!(filters.iter().any(|filter| filter["name"] == "is_archived"));
}
