//! The routes and functions of `openapi.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_norway::{Mapping, Value as Yaml};

use super::error::GenerateError;

/// The keys of a path item that are methods.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What `openapi.yaml` says about routes and the functions behind them.
#[derive(Debug, Clone)]
pub struct Api {
    /// In the order in which the document names them first. Exactly one has the default route.
    pub functions: Vec<Function>,
    /// In the order of the document.
    pub routes: Vec<Route>,
}

/// An operation of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// With `{}` around the parameters.
    pub path: String,
    /// Unique in the document.
    pub operation_id: String,
    /// `x-function`, or else `operationId`.
    pub function: String,
}

/// A Lambda function that answers at least one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The crate in `functions`.
    pub name: String,
    /// Its entry in `x-functions`.
    pub settings: Settings,
}

/// How a function is deployed: an entry of `x-functions`. What is absent is as in `Globals` of `template.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The name of a condition of `template.yaml`, without which the function is not deployed.
    pub condition: Option<String>,
    /// Whether the function also answers the requests that no route matches.
    pub default_route: bool,
    /// `MemorySize`, in MB.
    pub memory: Option<Value>,
    /// `Timeout`, in seconds.
    pub timeout: Option<Value>,
}

/// The value of a property of a function. `Display` writes it as YAML.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(u32),
    /// The name of a parameter of `template.yaml`.
    Parameter(String),
}

/// What is read of the document.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "x-functions", default)]
    functions: BTreeMap<String, Settings>,
    paths: Mapping,
}

/// What is read of an operation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation_id: String,
    #[serde(rename = "x-function")]
    function: Option<String>,
}

impl Api {
    /// Understands the text of `openapi.yaml`.
    ///
    /// # Errors
    /// [`GenerateError::Yaml`] and [`GenerateError::Api`].
    pub fn parse(text: &str) -> Result<Self, GenerateError> {
        let Document { functions: mut settings, paths } = serde_norway::from_str(text).map_err(GenerateError::Yaml)?;
        let routes = routes(&paths)?;
        let mut functions: Vec<Function> = Vec::new();
        for route in &routes {
            if functions.iter().all(|function| function.name != route.function) {
                let settings = settings.remove(&route.function).unwrap_or_default();
                functions.push(Function { name: route.function.clone(), settings });
            }
        }
        if let Some(unknown) = settings.keys().next() {
            return Err(problem(unknown, "is in x-functions and answers no route"));
        }
        if functions.iter().filter(|function| function.settings.default_route).count() != 1 {
            return Err(problem("x-functions", "must give default-route to exactly one function"));
        }
        Ok(Self { functions, routes })
    }

    /// The routes of one function, in the order of the document.
    pub fn routes_of<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a Route> {
        self.routes.iter().filter(move |route| route.function == function)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Parameter(name) => write!(formatter, "!Ref {name}"),
        }
    }
}

fn routes(paths: &Mapping) -> Result<Vec<Route>, GenerateError> {
    let mut routes = Vec::new();
    let (mut keys, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in paths {
        let path = path.as_str().unwrap_or_default();
        for (method, operation) in item.as_mapping().into_iter().flatten() {
            let Some(method) = method.as_str().filter(|method| METHODS.contains(method)) else { continue };
            let route = route(method, path, operation)?;
            let key = format!("{} {path}", route.method);
            if !ids.insert(route.operation_id.clone()) {
                return Err(problem(&key, &format!("has the operationId of another route: {}", route.operation_id)));
            }
            // To the gateway, routes that differ only in the names of their parameters are the same.
            if !keys.insert((route.method.clone(), without_names(path))) {
                return Err(problem(&key, "is the same route as another one"));
            }
            routes.push(route);
        }
    }
    Ok(routes)
}

fn route(method: &str, path: &str, operation: &Yaml) -> Result<Route, GenerateError> {
    let method = method.to_uppercase();
    let key = format!("{method} {path}");
    let Operation { operation_id, function } = serde_norway::from_value(operation.clone())
        .map_err(|error| problem(&key, &format!("is not understood: {error}")))?;
    let function = function.unwrap_or_else(|| operation_id.clone());
    if let Some(name) = [&operation_id, &function].into_iter().find(|name| !is_kebab_case(name)) {
        return Err(problem(&key, &format!("must have a name of lower-case words with hyphens between: {name}")));
    }
    Ok(Route { method, path: path.to_owned(), operation_id, function })
}

fn is_kebab_case(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    name.split('-').all(is_word)
}

fn without_names(path: &str) -> Vec<&str> {
    path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect()
}

fn problem(place: &str, problem: &str) -> GenerateError {
    GenerateError::Api { place: place.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
x-functions:
  list-tasks: { memory: 512, timeout: ListTimeout, condition: HasTasks }
  health: { default-route: true }
paths:
  /tasks:
    parameters: []
    get: { operationId: list-tasks }
    post: { operationId: create-task }
  /all-tasks:
    get: { operationId: list-tasks-again, x-function: list-tasks }
  /health:
    get: { operationId: health }
"#;

    fn refused(text: &str) -> String {
        Api::parse(text).expect_err("refused").to_string()
    }

    #[test]
    fn routes_and_functions_keep_the_order_of_the_document() {
        let api = Api::parse(TEXT).expect("an API");
        let routes = api.routes.iter().map(|route| format!("{} {} {}", route.method, route.path, route.function));
        assert_eq!(
            routes.collect::<Vec<_>>(),
            ["GET /tasks list-tasks", "POST /tasks create-task", "GET /all-tasks list-tasks", "GET /health health"]
        );
        let functions: Vec<_> = api.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(functions, ["list-tasks", "create-task", "health"]);
        assert_eq!(api.routes_of("list-tasks").count(), 2);
    }

    #[test]
    fn settings_are_those_of_x_functions() {
        let api = Api::parse(TEXT).expect("an API");
        let settings = &api.functions[0].settings;
        assert_eq!(settings.memory.as_ref().map(Value::to_string).as_deref(), Some("512"));
        assert_eq!(settings.timeout.as_ref().map(Value::to_string).as_deref(), Some("!Ref ListTimeout"));
        assert_eq!(settings.condition.as_deref(), Some("HasTasks"));
        assert_eq!(api.functions[1].settings, Settings::default());
        assert!(api.functions[2].settings.default_route);
    }

    #[test]
    fn routes_that_cannot_be_deployed_are_refused() {
        for (from, to, complaint) in [
            ("list-tasks-again,", "list-tasks,", "has the operationId of another route"),
            ("/all-tasks:", "/tasks/{id}:\n    get: { operationId: a }\n  /tasks/{x}:", "is the same route"),
            ("operationId: create-task", "summary: x", "POST /tasks is not understood"),
            ("operationId: create-task", "operationId: createTask", "lower-case words"),
            ("default-route: true", "default-route: false", "exactly one function"),
            ("health: {", "unknown: {}\n  health: {", "unknown is in x-functions and answers no route"),
            ("memory: 512", "memory-size: 512", "memory-size"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert!(refused(&text).contains(complaint), "{complaint}: {}", refused(&text));
        }
    }
}
