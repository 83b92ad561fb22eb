//! The places that list the routes agree.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use dev::aws::template::Template;
use dev::generate;
use dev::workspace::root;
use serde_json::Value;

use crate::kit::Contract;

/// Method, path and function.
type Routes = BTreeSet<(String, String, String)>;

/// The template of a deployment that has every function.
fn template() -> Template {
    let setting = |name: &str| (name == "AUTH_MODE").then(|| "password".to_owned());
    Template::read(root(), setting).expect("template.yaml")
}

fn of_the_template() -> Routes {
    let template = template();
    let routed = template.routes.iter().filter(|route| !route.is_fallback());
    let split = routed.map(|route| (route.key.split_once(' ').expect("method and path"), route.function.clone()));
    split.map(|((method, path), function)| (method.to_owned(), path.to_owned(), function)).collect()
}

/// What cargo says about the workspace.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root()).output();
    serde_json::from_slice(&output.expect("cargo").stdout).expect("JSON")
}

#[test]
fn generated_files_are_up_to_date() {
    let stale = generate::stale(root()).unwrap_or_else(|error| panic!("{error}"));
    assert!(stale.is_empty(), "run `make generate` and commit what it writes; out of date: {}", stale.join(", "));
}

#[test]
fn every_operation_of_the_contract_is_a_route() {
    let text = std::fs::read_to_string(root().join("openapi.yaml")).expect("openapi.yaml");
    // Links, which are components, have members of this name too.
    let paths = text.split("\ncomponents:").next().unwrap_or_default();
    let operations = paths.lines().filter(|line| line.trim_start().starts_with("operationId: ")).count();
    assert!(operations >= 20, "{operations}");
    assert_eq!(of_the_template().len(), operations);
    // And the default route.
    assert_eq!(template().routes.len(), operations + 1);
}

#[test]
fn the_contract_describes_the_routes_of_the_template() {
    let routes: Routes = Contract::of_workspace().routes().into_iter().collect();
    assert_eq!(routes, of_the_template());
}

#[test]
fn the_functions_know_the_routes_of_the_template() {
    let routes = shared::routes::ROUTES.iter();
    let owned = routes.map(|route| (route.method.to_owned(), route.path.to_owned(), route.function.to_owned()));
    assert_eq!(owned.collect::<Routes>(), of_the_template());
}

#[test]
fn cargo_lambda_watch_knows_the_routes_of_the_template() {
    let metadata = metadata();
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().expect("a table");
    let text = |route: &Value, name: &str| route[name].as_str().expect("text").to_owned();
    let routes = router.iter().flat_map(|(path, routes)| {
        let routes = routes.as_array().expect("a list").iter();
        routes.map(move |route| (text(route, "method"), path.clone(), text(route, "function")))
    });
    assert_eq!(routes.collect::<Routes>(), of_the_template());
}

#[test]
fn every_function_has_a_route_and_every_route_a_function() {
    let mut named: BTreeSet<String> = of_the_template().into_iter().map(|(_, _, function)| function).collect();
    // Only deployments call these.
    named.extend(["migrate", "smoke"].map(str::to_owned));
    let entries = std::fs::read_dir(root().join("functions")).expect("the folder");
    let folders = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    assert_eq!(folders.collect::<BTreeSet<_>>(), named);
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages").iter().filter(|package| {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        manifest.starts_with(root().join("functions"))
    });
    let binaries = packages.map(|package| {
        assert_eq!(package["targets"][0]["kind"], serde_json::json!(["bin"]));
        package["targets"][0]["name"].as_str().expect("a name").to_owned()
    });
    assert_eq!(binaries.collect::<BTreeSet<_>>(), named);
}

#[test]
fn only_health_has_the_default_route() {
    let fallbacks: Vec<_> = template().routes.into_iter().filter(dev::aws::routes::Route::is_fallback).collect();
    assert_eq!(fallbacks.iter().map(|route| route.function.as_str()).collect::<Vec<_>>(), ["health"]);
}

#[test]
fn the_template_has_the_cors_rules_of_the_contract() {
    let cors = template().cors.expect("rules");
    let sorted = |list: &[String]| {
        let mut list: Vec<String> = list.iter().map(|item| item.to_lowercase()).collect();
        list.sort();
        list
    };
    assert_eq!(cors.origins, ["http://localhost:3000"]);
    assert_eq!(sorted(&cors.methods), ["delete", "get", "patch", "post", "put"]);
    let headers =
        ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "prefer", "traceparent"];
    assert_eq!(sorted(&cors.headers), headers);
    let exposed =
        ["etag", "idempotent-replayed", "link", "location", "retry-after", "x-request-id", "x-transaction-id"];
    assert_eq!(sorted(&cors.exposed), exposed);
    assert!(cors.credentials);
}
