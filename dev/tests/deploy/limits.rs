//! What AWS limits, counted for an API of thirty functions.
//!
//! - CloudFormation: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
//! - HTTP APIs: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
//! - Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
//! - CloudWatch: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
//! - IAM: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use std::collections::BTreeMap;
use std::path::PathBuf;

use dev::generate::{Api, template};
use dev::install::python::SAM;
use dev::workspace::root;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::output;
use crate::transform::transform;

/// How many functions the API has here: those of the contract, and further ones.
const FUNCTIONS: usize = 30;
/// The routes of each further function: every spelling of its path, with and without the caller's id.
const SPELLINGS: [&str; 4] = ["", "/one", "/two", "/three"];
/// The stack of `make deploy STAGE=prod`.
const STACK: &str = "tasks-prod";
/// The length that a parameter without a default is given. Only `JWKS_JSON` can be much longer.
const VALUE: usize = 100;

/// A deployment of thirty functions.
struct Deployment {
    _folder: TempDir,
    file: PathBuf,
    api: Api,
    text: String,
    transformed: Value,
}

impl Deployment {
    /// Generated in the same way as that of the workspace, and transformed by SAM.
    async fn of_thirty() -> &'static Self {
        static DEPLOYMENT: OnceCell<Deployment> = OnceCell::const_new();
        DEPLOYMENT
            .get_or_init(async || {
                let api = Api::parse(&contract()).unwrap();
                let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
                let text = template(&text, &api).unwrap();
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("template.yaml");
                std::fs::write(&file, &text).unwrap();
                let transformed = transform(&file, &[]).await;
                Self { _folder: folder, file, api, text, transformed }
            })
            .await
    }

    fn resources(&self) -> &Map<String, Value> {
        self.transformed["Resources"].as_object().unwrap()
    }

    fn of_type<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.resources().iter().filter(move |(_, resource)| resource["Type"] == type_name);
        resources.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    /// The length of a value when it is deployed: of the longer branch of an `Fn::If`.
    fn length(&self, value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Object(call) => {
                let (function, argument) = call.iter().next().unwrap();
                match function.as_str() {
                    "Ref" => self.length_of_reference(argument.as_str().unwrap()),
                    "Fn::Sub" => self.length_of_text(argument.as_str().unwrap()),
                    // The number of a version.
                    "Fn::GetAtt" => "100000".len(),
                    "Fn::If" => argument.as_array().unwrap()[1..].iter().map(|case| self.length(case)).max().unwrap(),
                    other => panic!("{other}"),
                }
            }
            other => other.to_string().len(),
        }
    }

    fn length_of_reference(&self, name: &str) -> usize {
        match name {
            "AWS::StackName" => STACK.len(),
            "AWS::Region" => "ap-southeast-1".len(),
            "AWS::AccountId" => "123456789012".len(),
            "AWS::Partition" => "aws".len(),
            "AWS::URLSuffix" => "amazonaws.com".len(),
            "AWS::NoValue" => 0,
            _ => match self.transformed["Parameters"].get(name) {
                Some(parameter) => match &parameter["Default"] {
                    Value::String(default) if !default.is_empty() => default.len(),
                    Value::Number(default) => default.to_string().len(),
                    _ => VALUE,
                },
                None => panic!("{name}"),
            },
        }
    }

    /// The length of a text with `${…}`.
    fn length_of_text(&self, text: &str) -> usize {
        let mut parts = text.split("${");
        let first = parts.next().unwrap().len();
        let rest = parts.map(|part| {
            let (name, after) = part.split_once('}').unwrap();
            self.length_of_reference(name) + after.len()
        });
        first + rest.sum::<usize>()
    }
}

/// `openapi.yaml` with further operations. The first of them is deployed under a condition and with settings of its own.
fn contract() -> String {
    let text = std::fs::read_to_string(root().join("openapi.yaml")).unwrap();
    let present = Api::parse(&text).unwrap().functions.len();
    let mut paths = "paths:\n".to_owned();
    for number in 1..=FUNCTIONS.saturating_sub(present) {
        let function = format!("further-operation{number}");
        for (spelling, suffix) in SPELLINGS.iter().zip(["", "-one", "-two", "-three"]) {
            for (user, for_user) in [("", ""), ("/{user_id}", "-for-user")] {
                paths += &format!("  /api{user}/{function}{spelling}:\n    post:\n");
                paths += &format!("      operationId: {function}{suffix}{for_user}\n      x-function: {function}\n");
            }
        }
    }
    let settings = "{ condition: HasMail, memory: 1769, timeout: FunctionTimeout }";
    let settings = format!("x-functions:\n  further-operation1: {settings}\n");
    text.replace("paths:\n", &paths).replace("x-functions:\n", &settings)
}

#[track_caller]
fn at_most(limit: usize, what: &str, count: usize) {
    println!("{what}: {count} of {limit}");
    assert!(count <= limit, "{what}: {count}, and AWS allows {limit}");
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_cloudformation() {
    let deployment = Deployment::of_thirty().await;
    assert!(deployment.api.functions.len() >= FUNCTIONS);
    at_most(500, "resources", deployment.resources().len());
    for (section, limit) in [("Parameters", 200), ("Outputs", 200)] {
        at_most(limit, section, deployment.transformed[section].as_object().unwrap().len());
    }
    at_most(1_000_000, "bytes of the template", deployment.text.len());
    at_most(1_000_000, "bytes after the transform", deployment.transformed.to_string().len());
    // A template of more than 51,200 bytes must come from S3.
    let samconfig = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    assert_eq!(samconfig.matches("resolve_s3 = true").count(), samconfig.matches(".deploy.parameters]").count());
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_the_gateway() {
    let deployment = Deployment::of_thirty().await;
    let (_, api) = deployment.of_type("AWS::ApiGatewayV2::Api").next().unwrap();
    let integrations = api["Body"].to_string().matches("aws_proxy").count();
    assert_eq!(integrations, deployment.api.routes.len() + 1);
    at_most(300, "routes and integrations", integrations);
    let (_, stage) = deployment.of_type("AWS::ApiGatewayV2::Stage").next().unwrap();
    at_most(3072, "bytes of the access log's format", deployment.length(&stage["AccessLogSettings"]["Format"]));
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_lambda() {
    let deployment = Deployment::of_thirty().await;
    for (name, function) in deployment.of_type("AWS::Lambda::Function") {
        if name != "SmokeFunction" {
            at_most(64, &format!("characters of the name of {name}"), deployment.length(&function["FunctionName"]));
        }
        let variables = function["Environment"]["Variables"].as_object().unwrap().iter();
        // Four characters of punctuation around each, as in the JSON that Lambda gets.
        let size = variables.map(|(name, value)| name.len() + deployment.length(value) + 6).sum();
        // The settings of the other functions leave the rest to JWKS_JSON, which has some 150 bytes for a key of Ed25519 and
        // 450 for one of RSA.
        let limit = if name == "SmokeFunction" { 4096 } else { 2600 };
        at_most(limit, &format!("bytes of the environment of {name}"), size);
    }
    // A statement of the alias's policy allows the gateway to call it for one route.
    let mut permissions: BTreeMap<String, usize> = BTreeMap::new();
    for (_, permission) in deployment.of_type("AWS::Lambda::Permission") {
        *permissions.entry(permission["FunctionName"]["Ref"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let most = permissions.values().max().unwrap();
    at_most(20_480, "bytes of the policy of an alias", most * 512);
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_iam() {
    let deployment = Deployment::of_thirty().await;
    for (name, role) in deployment.of_type("AWS::IAM::Role") {
        let policies = role.get("Policies").and_then(Value::as_array).into_iter().flatten();
        // The value of an intrinsic function is not longer than the function, except for the name of the stack.
        let size = policies.map(|policy| policy["PolicyDocument"].to_string().len()).sum();
        at_most(10_240, &format!("characters of the policies of {name}"), size);
    }
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_cloudwatch() {
    let deployment = Deployment::of_thirty().await;
    let (mut throttles, mut alarms) = (Vec::new(), 0);
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        let metrics = alarm.get("Metrics").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let metrics: Vec<_> = metrics.iter().filter(|metric| metric.get("MetricStat").is_some()).collect();
        at_most(10, &format!("metrics of {name}"), metrics.len());
        throttles.extend(metrics.iter().map(|metric| metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"].clone()));
        alarms += usize::from(name.starts_with("ThrottlesAlarm"));
    }
    // Every function is in one of them.
    let names = deployment.of_type("AWS::Lambda::Version").map(|(_, version)| version["FunctionName"]["Ref"].as_str());
    let mut names: Vec<_> = names
        .map(|function| deployment.resources()[function.unwrap()]["Properties"]["FunctionName"].to_string())
        .collect();
    names.sort();
    let mut throttles: Vec<_> = throttles.iter().map(Value::to_string).collect();
    throttles.sort();
    assert_eq!((alarms, throttles), (names.len().div_ceil(10), names));
    let (_, dashboard) = deployment.of_type("AWS::CloudWatch::Dashboard").next().unwrap();
    let body: Value = serde_json::from_str(dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap()).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    at_most(500, "widgets of the dashboard", widgets.len());
    let functions = deployment.of_type("AWS::Lambda::Function").count();
    let mut all = 0;
    for widget in widgets {
        let metrics = widget["properties"]["metrics"].as_array().unwrap();
        // A search finds one metric for each function.
        let searches = metrics.iter().filter(|metric| metric.to_string().contains("SEARCH")).count();
        let count = metrics.len() + searches * functions;
        at_most(500, &format!("metrics of {}", widget["properties"]["title"]), count);
        all += count;
    }
    at_most(2500, "metrics of the dashboard", all);
}

#[tokio::test]
async fn thirty_functions_stay_within_the_limits_of_codedeploy() {
    let deployment = Deployment::of_thirty().await;
    let groups: Vec<_> = deployment.of_type("AWS::CodeDeploy::DeploymentGroup").collect();
    at_most(1000, "deployment groups", groups.len());
    for (name, group) in groups {
        let alarms = group["AlarmConfiguration"]["Fn::If"][1]["Alarms"].as_array().unwrap();
        at_most(10, &format!("alarms of {name}"), alarms.len());
    }
}

#[tokio::test]
async fn the_linter_accepts_thirty_functions() {
    let deployment = Deployment::of_thirty().await;
    let mut sam = SAM.command("sam").await.unwrap();
    sam.args(["validate", "--lint", "--template"]).arg(&deployment.file).env("AWS_DEFAULT_REGION", "us-east-1");
    output(&mut sam);
}

#[tokio::test]
async fn a_function_is_deployed_by_its_settings() {
    let deployment = Deployment::of_thirty().await;
    let function = &deployment.resources()["FurtherOperation1Function"];
    assert_eq!(function["Condition"], "HasMail");
    assert_eq!(function["Properties"]["MemorySize"], 1769);
    assert_eq!(function["Properties"]["Timeout"]["Ref"], "FunctionTimeout");
    let (_, api) = deployment.of_type("AWS::ApiGatewayV2::Api").next().unwrap();
    let route = &api["Body"]["paths"]["/api/further-operation1"];
    assert!(route.to_string().contains(r#""Fn::If":["HasMail""#), "{route}");
}
