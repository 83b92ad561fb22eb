//! `template.yaml`, as SAM and CloudFormation understand it.

use std::collections::BTreeSet;

use dev::deploy::artifacts::function_names;
use dev::deploy::scan;
use dev::install::python::SAM;
use dev::testing::binary;
use dev::workspace::root;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::artifacts::build_functions;
use crate::output;
use crate::transform::transform;

/// The template after SAM's transform, with these parameters.
async fn transformed(parameters: &[&str]) -> Value {
    transform(&root().join("template.yaml"), parameters).await
}

/// The resources of the template.
async fn resources(parameters: &[&str]) -> Map<String, Value> {
    transformed(parameters).await["Resources"].as_object().unwrap().clone()
}

/// The resources with the defaults of all parameters.
async fn by_default() -> &'static Map<String, Value> {
    static RESOURCES: OnceCell<Map<String, Value>> = OnceCell::const_new();
    RESOURCES.get_or_init(|| resources(&[])).await
}

/// How many functions answer routes.
fn routed_functions() -> usize {
    let names = function_names().unwrap();
    let routed = names.iter().filter(|name| !["migrate", "smoke"].contains(&name.as_str())).count();
    assert!(routed >= 7, "{names:?}");
    routed
}

fn of_type<'a>(resources: &'a Map<String, Value>, type_name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    resources.iter().filter(move |(_, resource)| resource["Type"] == type_name)
}

#[tokio::test]
async fn linters_find_no_mistakes() {
    for (program, arguments) in [("sam", &["validate", "--lint"][..]), ("cfn-lint", &["template.yaml"])] {
        output(SAM.command(program).await.unwrap().args(arguments).env("AWS_DEFAULT_REGION", "us-east-1"));
    }
}

#[tokio::test]
async fn scanner_finds_only_explained_mistakes() {
    scan().await.unwrap();
}

#[tokio::test]
async fn sam_build_keeps_the_built_binaries() {
    build_functions().await;
    let folder = tempfile::tempdir().unwrap();
    let mut sam = SAM.command("sam").await.unwrap();
    output(sam.args(["build", "--build-dir"]).arg(folder.path()).env("AWS_DEFAULT_REGION", "us-east-1"));
    let text = std::fs::read_to_string(folder.path().join("template.yaml")).unwrap();
    let built: Value = serde_norway::from_str::<serde_norway::Value>(&text).map(without_tags).unwrap();
    for (name, resource) in of_type(built["Resources"].as_object().unwrap(), "AWS::Serverless::Function") {
        let program = folder.path().join(resource["Properties"]["CodeUri"].as_str().unwrap()).join("bootstrap");
        assert!(program.is_file(), "{name}: {}", program.display());
    }
}

/// YAML as JSON, without tags such as `!Ref`.
fn without_tags(value: serde_norway::Value) -> Value {
    use serde_norway::Value as Yaml;
    match value {
        Yaml::Tagged(tagged) => without_tags(tagged.value),
        Yaml::Sequence(items) => items.into_iter().map(without_tags).collect(),
        Yaml::Mapping(pairs) => {
            let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)));
            Value::Object(pairs.map(|(key, value)| (key, without_tags(value))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

#[tokio::test]
async fn template_deploys_every_function() {
    let mut code = BTreeSet::new();
    for (name, function) in of_type(by_default().await, "AWS::Lambda::Function") {
        let place = match &function["Properties"]["Code"] {
            Value::String(path) => path,
            code => code["S3Key"].as_str().unwrap(),
        };
        let place = place.trim_end_matches('/').strip_prefix("target/lambda/");
        code.insert(place.unwrap_or_else(|| panic!("{name} is not in target/lambda")).to_owned());
    }
    assert_eq!(code, function_names().unwrap().into_iter().collect());
}

#[tokio::test]
async fn functions_may_only_write_logs_and_traces() {
    let resources = by_default().await;
    let roles: BTreeSet<_> = of_type(resources, "AWS::IAM::Role").map(|(name, _)| name.as_str()).collect();
    // The first two are for the schedule and for CodeDeploy, and no function has them.
    assert_eq!(roles, ["CleanUpRole", "CodeDeployServiceRole", "FunctionRole", "SmokeRole"].into());
    for (name, function) in of_type(resources, "AWS::Lambda::Function") {
        let role = if name == "SmokeFunction" { "SmokeRole" } else { "FunctionRole" };
        assert_eq!(function["Properties"]["Role"], json!({ "Fn::GetAtt": [role, "Arn"] }), "{name}");
    }
    let of_all = [
        json!({
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": { "Fn::GetAtt": ["Logs", "Arn"] },
        }),
        json!({
            "Effect": "Allow",
            "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "Resource": "*",
        }),
    ];
    assert_eq!(rights(&resources["FunctionRole"]), of_all);
    // The versions that CodeDeploy deploys, and the report to CodeDeploy.
    let arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:";
    let mut names: Vec<_> =
        deployed(resources).map(|function| function["FunctionName"]["Fn::Sub"].as_str().unwrap()).collect();
    names.sort_unstable();
    let versions: Vec<_> = names.iter().map(|name| json!({ "Fn::Sub": format!("{arn}{name}:*") })).collect();
    assert_eq!(versions.len(), routed_functions());
    let groups = "arn:${AWS::Partition}:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:${Application}/*";
    let of_the_check = [
        json!({ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": versions }),
        json!({
            "Effect": "Allow",
            "Action": "codedeploy:PutLifecycleEventHookExecutionStatus",
            "Resource": { "Fn::Sub": [groups, { "Application": { "Ref": "ServerlessDeploymentApplication" } }] },
        }),
    ];
    assert_eq!(rights(&resources["SmokeRole"]), [of_all, of_the_check].concat());
    let invoke_migrate = json!({
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": { "Fn::GetAtt": ["MigrateFunction", "Arn"] },
    });
    assert_eq!(rights(&resources["CleanUpRole"]), [invoke_migrate]);
    assert_eq!(of_type(resources, "AWS::IAM::Policy").count(), 0);
    assert_eq!(of_type(resources, "AWS::Lambda::Url").count(), 0);
    for (name, permission) in of_type(resources, "AWS::Lambda::Permission") {
        assert_eq!(permission["Properties"]["Principal"], "apigateway.amazonaws.com", "{name}");
    }
}

/// The statements of a role.
fn rights(role: &Value) -> Vec<Value> {
    let role = &role["Properties"];
    assert_eq!(role.get("ManagedPolicyArns"), None);
    let policies = role["Policies"].as_array().unwrap().iter();
    policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap()).cloned().collect()
}

/// The properties of the functions that have versions.
fn deployed(resources: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let versions = of_type(resources, "AWS::Lambda::Version");
    versions.map(|(_, version)| {
        let function = version["Properties"]["FunctionName"]["Ref"].as_str().unwrap();
        &resources[function]["Properties"]
    })
}

#[tokio::test]
async fn new_versions_are_checked_before_traffic() {
    let resources = by_default().await;
    for (name, alias) in of_type(resources, "AWS::Lambda::Alias") {
        let hook = &alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["BeforeAllowTrafficHook"];
        let expected = json!({ "Fn::If": ["HasCheck", { "Ref": "SmokeFunction" }, { "Ref": "AWS::NoValue" }] });
        assert_eq!(*hook, expected, "{name}");
    }
    let check = &resources["SmokeFunction"];
    assert_eq!((&check["Condition"], &resources["SmokeRole"]["Condition"]), (&json!("HasCheck"), &json!("HasCheck")));
    // What CodeDeploy's role may call. The id of a stack has 36 characters.
    let name = check["Properties"]["FunctionName"]["Fn::Sub"][0].as_str().unwrap();
    assert_eq!(name, "CodeDeployHook_${Id}");
    let variables = check["Properties"]["Environment"]["Variables"].as_object().unwrap();
    let versions: BTreeSet<_> = of_type(resources, "AWS::Lambda::Version").map(|(name, _)| name.as_str()).collect();
    let mut tried = BTreeSet::new();
    for (variable, value) in variables {
        let Some(function) = variable.strip_suffix("_VERSION") else { continue };
        // A function that only some deployments have.
        let condition = value["Fn::If"].get(0);
        let value = value["Fn::If"].get(1).unwrap_or(value);
        let (version, attribute) = (value["Fn::GetAtt"][0].as_str().unwrap(), &value["Fn::GetAtt"][1]);
        assert_eq!(attribute, "Version");
        let of = resources[version]["Properties"]["FunctionName"]["Ref"].as_str().unwrap();
        assert_eq!(resources[of].get("Condition"), condition, "{of}");
        let code = resources[of]["Properties"]["Code"]["S3Key"].as_str().unwrap();
        assert_eq!(code, format!("target/lambda/{}/", function.to_lowercase().replace('_', "-")));
        tried.insert(version);
    }
    assert_eq!(tried, versions);
}

#[tokio::test]
async fn disabled_functions_are_not_checked() {
    let template = transformed(&[]).await;
    let is_tried = |given: &[(&str, &str)]| {
        let value = |name: &str| {
            let given = given.iter().find(|(parameter, _)| *parameter == name).map(|(_, value)| json!(value));
            given.unwrap_or_else(|| template["Parameters"][name]["Default"].clone())
        };
        holds(&template["Conditions"]["HasCheck"], &value)
    };
    assert!(!is_tried(&[]));
    assert!(is_tried(&[("PreTrafficCheck", "on")]));
    assert!(is_tried(&[("PreTrafficCheck", "on"), ("ReservedConcurrency", "10")]));
    assert!(!is_tried(&[("PreTrafficCheck", "on"), ("ReservedConcurrency", "0")]));
}

/// Whether a condition is true with these values of the parameters.
fn holds(condition: &Value, value: &impl Fn(&str) -> Value) -> bool {
    let (function, arguments) = condition.as_object().unwrap().iter().next().unwrap();
    let arguments = arguments.as_array().unwrap();
    let resolved = |argument: &Value| argument["Ref"].as_str().map_or_else(|| argument.clone(), value);
    match function.as_str() {
        "Fn::And" => arguments.iter().all(|condition| holds(condition, value)),
        "Fn::Not" => !holds(&arguments[0], value),
        "Fn::Equals" => resolved(&arguments[0]) == resolved(&arguments[1]),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn resources_have_no_circular_dependency() {
    /// Whether `value` refers to `name`, directly or through other resources.
    fn leads<'a>(
        resources: &'a Map<String, Value>,
        value: &'a Value,
        name: &str,
        seen: &mut BTreeSet<&'a str>,
    ) -> bool {
        references(value).into_iter().any(|next| {
            next == name
                || resources
                    .get_key_value(next)
                    .is_some_and(|(next, resource)| seen.insert(next) && leads(resources, resource, name, seen))
        })
    }
    let resources = by_default().await;
    for (name, resource) in resources {
        assert!(!leads(resources, resource, name, &mut BTreeSet::new()), "{name}");
    }
}

/// The names that a part of a template refers to.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("Ref" | "DependsOn", Value::String(name)) => vec![name.as_str()],
                ("Fn::GetAtt", Value::Array(parts)) => parts.first().and_then(Value::as_str).into_iter().collect(),
                ("Fn::Sub", Value::String(text)) => substituted(text),
                ("Fn::Sub", Value::Array(parts)) => {
                    let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                    parts.iter().flat_map(references).chain(substituted(text)).collect()
                }
                ("DependsOn", Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                (_, value) => references(value),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// `${Name}` and `${Name.Attribute}`.
fn substituted(text: &str) -> Vec<&str> {
    text.split("${").skip(1).filter_map(|rest| rest.split(['}', '.']).next()).collect()
}

#[tokio::test]
async fn release_creates_a_version_of_every_function() {
    let versions = async |release: &str| -> BTreeSet<String> {
        let count = routed_functions();
        let resources = resources(&[&format!("Release={release}")]).await;
        // Lambda creates no version of an unchanged function, so SAM changes the description.
        let described = of_type(&resources, "AWS::Lambda::Function");
        assert_eq!(described.filter(|(_, function)| function["Properties"]["Description"] == release).count(), count);
        of_type(&resources, "AWS::Lambda::Version").map(|(name, _)| name.clone()).collect()
    };
    let (first, second) = (versions("6920f1a3").await, versions("6920f1a4").await);
    assert_eq!((first.len(), second.len()), (routed_functions(), routed_functions()));
    assert!(first.is_disjoint(&second));
}

#[tokio::test]
async fn schema_is_migrated_before_functions_are_deployed() {
    for (name, function) in of_type(by_default().await, "AWS::Lambda::Function") {
        let waits = function.get("DependsOn").is_some_and(|other| other == "Migration");
        // The check waits for the versions of the others.
        assert_eq!(waits, !["MigrateFunction", "SmokeFunction"].contains(&name.as_str()), "{name}");
    }
    let migration = &by_default().await["Migration"]["Properties"];
    // Without this timeout, CloudFormation would wait an hour for a lost response.
    assert!(migration.get("ServiceTimeout").is_some() && migration.get("MigrationsHash").is_some());
}

#[tokio::test]
async fn a_schedule_cleans_up_once_a_day() {
    let schedules: Vec<_> = of_type(by_default().await, "AWS::Scheduler::Schedule").collect();
    let [(_, schedule)] = schedules[..] else { panic!("{schedules:?}") };
    // After the tables exist.
    assert_eq!(schedule["DependsOn"], "Migration");
    let expected = json!({
        "Arn": { "Fn::GetAtt": ["MigrateFunction", "Arn"] },
        "RoleArn": { "Fn::GetAtt": ["CleanUpRole", "Arn"] },
        "Input": r#"{"command": "clean-up"}"#,
    });
    assert_eq!(schedule["Properties"]["Target"], expected);
    assert_eq!(schedule["Properties"]["ScheduleExpression"], "rate(1 day)");
    let trust = &by_default().await["CleanUpRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({ "Service": "scheduler.amazonaws.com" }));
    assert_eq!(trust["Condition"], json!({ "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } }));
}

#[tokio::test]
async fn gateway_invokes_the_alias() {
    let resources = by_default().await;
    let aliases: Vec<_> = of_type(resources, "AWS::Lambda::Alias").collect();
    assert_eq!(aliases.len(), routed_functions());
    for (name, alias) in aliases {
        assert_eq!(alias["Properties"]["Name"], "live", "{name}");
        assert!(alias["UpdatePolicy"].get("CodeDeployLambdaAliasUpdate").is_some(), "{name}");
    }
    let body = resources["Api"]["Properties"]["Body"].to_string();
    // And the default route.
    let routes = shared::routes::ROUTES.len() + 1;
    assert_eq!(body.matches("aws_proxy").count(), routes);
    assert_eq!(body.matches(":live/invocations").count() + body.matches("Aliaslive").count(), routes, "{body}");
}

#[tokio::test]
async fn default_stack_is_free_without_requests() {
    let unconditional = by_default().await.values().filter(|resource| resource.get("Condition").is_none());
    let types: BTreeSet<_> = unconditional.map(|resource| resource["Type"].as_str().unwrap()).collect();
    let free = [
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        // One invocation a day; fourteen million a month are free.
        "AWS::Scheduler::Schedule",
        "Custom::Migration",
    ];
    assert_eq!(types, free.into());
}

#[tokio::test]
async fn json_in_the_template_is_valid() {
    let resources = by_default().await;
    let body = resources["ApiDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(dashboard["widgets"].as_array().unwrap().len(), 6);
    let stage = of_type(resources, "AWS::ApiGatewayV2::Stage").next().unwrap().1;
    let format = stage["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).unwrap_or_else(|error| panic!("{error}: {format}"));
    let fields: BTreeSet<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "integrationLatency",
        "integrationErrorMessage",
        "sourceIp",
    ];
    assert_eq!(fields, expected.into());
}

#[tokio::test]
async fn every_documented_setting_can_be_deployed() {
    let settings = std::fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let table = settings.split("| variable |").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split([',', '`', ' '])).filter(|name| !name.is_empty());
    let names: BTreeSet<&str> = names.collect();
    assert!(names.len() > 15 && names.contains("JWT_AUDIENCE"), "{names:?}");
    let mut given = BTreeSet::new();
    for (_, function) in of_type(by_default().await, "AWS::Lambda::Function") {
        let properties = &function["Properties"];
        let variables = properties["Environment"]["Variables"].as_object().unwrap();
        given.extend(variables.keys().map(String::as_str));
        if properties["LoggingConfig"].get("ApplicationLogLevel").is_some() {
            given.insert("AWS_LAMBDA_LOG_LEVEL");
        }
    }
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let parameters = dev::aws::template::parameters(&text).unwrap();
    let missing: Vec<_> = names.into_iter().filter(|name| !given.contains(name)).collect();
    // The gateway's, the local stack's, and the memory of functions.
    assert_eq!(missing, ["CORS_ORIGINS", "PORT", "SIGN_IN_MEMORY"]);
    assert!(parameters.values().any(|setting| setting == "CORS_ORIGINS"));
}

#[test]
fn origins_that_never_match_are_refused() {
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let pattern = template.lines().skip_while(|line| *line != "  CorsOrigins:").find_map(|line| {
        let pattern = line.trim().strip_prefix("AllowedPattern: ")?;
        Some(pattern.trim_matches('"').to_owned())
    });
    // CloudFormation matches each item of the list as a whole.
    let schema = json!({"type": "string", "pattern": format!("^(?:{})$", pattern.unwrap())});
    let pattern = jsonschema::validator_for(&schema).unwrap();
    for origin in ["https://app.example.com", "http://localhost:3000", "http://[::1]:3000"] {
        assert!(pattern.is_valid(&json!(origin)), "{origin}");
    }
    for origin in
        ["*", "https://*.vercel.app", "https://app.example.com/", "'https://app.example.com'", "app.example.com"]
    {
        assert!(!pattern.is_valid(&json!(origin)), "{origin}");
    }

    // `make deploy` says why, before it builds.
    for (origins, problem) in [
        ("https://*.vercel.app", "must name each origin: there are no wildcards, as in https://*.vercel.app"),
        ("https://app.example.com,example.com", "and example.com is none"),
    ] {
        let mut deploy = std::process::Command::new(binary("dev"));
        let output = deploy.args(["deploy", "--stage", "dev"]).env("CORS_ORIGINS", origins).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.lines().count() == 1, "{stderr}");
        assert!(stderr.contains("CORS_ORIGINS") && stderr.contains(problem), "{stderr}");
    }
}
