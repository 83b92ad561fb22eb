//! What the local stack takes from `template.yaml`: the functions, their routes and the CORS rules.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_norway::Value;

use super::conditions;
use super::cors::{Cors, parse_origins};
use super::routes::Route;

/// What defines the behaviour of the deployed API.
#[derive(Debug)]
pub struct Template {
    /// The functions that have a route and are deployed with these parameters, by name.
    pub functions: Vec<Function>,
    /// Every route of every function.
    pub routes: Vec<Route>,
    /// `CorsConfiguration`, if the API has one.
    pub cors: Option<Cors>,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The last component of `CodeUri`, which is the name of the binary.
    pub name: String,
    /// `Timeout`: how long one invocation may take.
    pub timeout: Duration,
    /// `MemorySize` in MB. The local stack passes it to the function but does not enforce it.
    pub memory: u64,
}

/// The local stack cannot serve the template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file cannot be read.
    #[error("template.yaml cannot be read: {0}")]
    Read(std::io::Error),
    /// It is not YAML.
    #[error("template.yaml is not YAML: {0}")]
    Yaml(serde_norway::Error),
    /// A value is missing, or the local stack does not support it.
    #[error("template.yaml: {place} {problem}")]
    Value {
        /// Where in the template.
        place: String,
        /// The problem, as the predicate of a sentence.
        problem: String,
    },
}

/// The defaults of SAM for `Timeout` and `MemorySize`.
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
const DEFAULT_MEMORY_MB: u64 = 128;

impl Template {
    /// Reads the template of the workspace.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn read(root: &Path, setting: impl Fn(&str) -> Option<String>) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(root.join("template.yaml")).map_err(TemplateError::Read)?;
        Self::parse(&text, setting)
    }

    /// Parses a template. The value of a parameter is the setting of its name (`CorsOrigins`: `CORS_ORIGINS`) or its default.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str, setting: impl Fn(&str) -> Option<String>) -> Result<Self, TemplateError> {
        let document: Value = serde_norway::from_str(text).map_err(TemplateError::Yaml)?;
        let parameters = Parameters::read(&document, setting);
        let global = at(&document, &["Globals", "Function"]);
        let (mut functions, mut routes, mut cors) = (BTreeMap::new(), Vec::new(), None);
        for (name, resource) in entries(document.get("Resources")) {
            if !parameters.is_deployed(&document, name, resource)? {
                continue;
            }
            let properties = resource.get("Properties").unwrap_or(&Value::Null);
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::Serverless::HttpApi") => {
                    if let Some(rules) = properties.get("CorsConfiguration") {
                        cors = Some(parameters.cors(rules)?);
                    }
                }
                Some("AWS::Serverless::Function") => {
                    let function = parameters.function(name, properties, global)?;
                    let own = parameters.routes(name, &function.name, properties)?;
                    if !own.is_empty() {
                        routes.extend(own);
                        functions.insert(function.name.clone(), function);
                    }
                }
                _ => {}
            }
        }
        if routes.is_empty() {
            return Err(wrong("Resources", "has no function with a route of an HTTP API"));
        }
        Ok(Self { functions: functions.into_values().collect(), routes, cors })
    }
}

/// The parameters of a template, each with the name of its setting: `CorsOrigins` with `CORS_ORIGINS`.
///
/// # Errors
/// [`TemplateError::Yaml`].
pub fn parameters(text: &str) -> Result<BTreeMap<String, String>, TemplateError> {
    let document: Value = serde_norway::from_str(text).map_err(TemplateError::Yaml)?;
    let names = entries(document.get("Parameters")).map(|(name, _)| (name.to_owned(), screaming(name)));
    Ok(names.collect())
}

/// The values of the parameters, for `!Ref`.
struct Parameters(BTreeMap<String, Value>);

impl Parameters {
    fn read(document: &Value, setting: impl Fn(&str) -> Option<String>) -> Self {
        let value = |(name, parameter): (&str, &Value)| {
            let given = setting(&screaming(name)).map(Value::String);
            Some((name.to_owned(), given.or_else(|| parameter.get("Default").cloned())?))
        };
        Self(entries(document.get("Parameters")).filter_map(value).collect())
    }

    /// Whether the condition of a function holds. Other resources are not served, so theirs are not evaluated.
    fn is_deployed(&self, document: &Value, name: &str, resource: &Value) -> Result<bool, TemplateError> {
        let is_function = resource.get("Type").and_then(Value::as_str) == Some("AWS::Serverless::Function");
        let has_events = at(resource, &["Properties", "Events"]).is_some();
        let Some(condition) = resource.get("Condition").and_then(Value::as_str).filter(|_| is_function && has_events)
        else {
            return Ok(true);
        };
        let parameter = |name: &str| self.0.get(name)?.as_str().map(str::to_owned);
        conditions::holds(document.get("Conditions"), condition, &parameter)
            .map_err(|problem| wrong(&format!("{name}.Condition {condition}"), &problem))
    }

    fn function(&self, resource: &str, properties: &Value, global: Option<&Value>) -> Result<Function, TemplateError> {
        let property = |name: &str| properties.get(name).or_else(|| global.and_then(|global| global.get(name)));
        let number = |name: &str, default: u64| match property(name) {
            None => Ok(default),
            Some(value) => {
                let value = self.resolve(value, &format!("{resource}.{name}"))?;
                let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                number.ok_or_else(|| wrong(&format!("{resource}.{name}"), "is not a number"))
            }
        };
        let place = format!("{resource}.CodeUri");
        let code = property("CodeUri").and_then(Value::as_str).ok_or_else(|| wrong(&place, "is not a path"))?;
        let name = code.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        Ok(Function {
            name: name.ok_or_else(|| wrong(&place, "is not a path"))?.to_owned(),
            timeout: Duration::from_secs(number("Timeout", DEFAULT_TIMEOUT_SECONDS)?),
            memory: number("MemorySize", DEFAULT_MEMORY_MB)?,
        })
    }

    fn routes(&self, resource: &str, function: &str, properties: &Value) -> Result<Vec<Route>, TemplateError> {
        let mut routes = Vec::new();
        for (name, event) in entries(properties.get("Events")) {
            if event.get("Type").and_then(Value::as_str) != Some("HttpApi") {
                continue;
            }
            let place = format!("{resource}.Events.{name}");
            let event = event.get("Properties").unwrap_or(&Value::Null);
            let text = |key: &str| event.get(key).map(|value| self.text(value, &place)).transpose();
            routes.push(match (text("Method")?, text("Path")?) {
                (None, None) => Route::fallback(function),
                (None, Some(path)) if path == "$default" => Route::fallback(function),
                (Some(method), Some(path)) => Route::new(&method, &path, function),
                _ => return Err(wrong(&place, "must have both Method and Path, or neither")),
            });
        }
        Ok(routes)
    }

    fn cors(&self, rules: &Value) -> Result<Cors, TemplateError> {
        if !rules.is_mapping() {
            return Err(wrong("CorsConfiguration", "must be a mapping"));
        }
        let list = |name: &str| match rules.get(name) {
            None => Ok(Vec::new()),
            Some(value) => self.list(value, &format!("CorsConfiguration.{name}")),
        };
        const ORIGINS: &str = "CorsConfiguration.AllowOrigins (CORS_ORIGINS)";
        Ok(Cors {
            origins: parse_origins(&list("AllowOrigins")?.join(",")).map_err(|problem| wrong(ORIGINS, &problem))?,
            methods: list("AllowMethods")?,
            headers: list("AllowHeaders")?,
            exposed: list("ExposeHeaders")?,
            credentials: rules.get("AllowCredentials").and_then(Value::as_bool).unwrap_or(false),
            max_age: rules.get("MaxAge").and_then(Value::as_u64),
        })
    }

    fn list(&self, value: &Value, place: &str) -> Result<Vec<String>, TemplateError> {
        match self.resolve(value, place)? {
            Value::Sequence(items) => items.iter().map(|item| self.text(item, place)).collect(),
            Value::String(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(items.map(str::to_owned).collect())
            }
            _ => Err(wrong(place, "is not a list")),
        }
    }

    fn text(&self, value: &Value, place: &str) -> Result<String, TemplateError> {
        let value = self.resolve(value, place)?;
        value.as_str().map(str::to_owned).ok_or_else(|| wrong(place, "is not text"))
    }

    /// Follows `!Ref` to a parameter.
    fn resolve(&self, value: &Value, place: &str) -> Result<Value, TemplateError> {
        let name = match value {
            Value::Tagged(tagged) if tagged.tag == "Ref" => tagged.value.as_str(),
            Value::Tagged(tagged) => {
                return Err(wrong(place, &format!("uses {}, which the local stack does not know", tagged.tag)));
            }
            Value::Mapping(mapping) if mapping.len() == 1 => mapping.get("Ref").and_then(Value::as_str),
            _ => None,
        };
        match name {
            None => Ok(value.clone()),
            Some(name) => self.0.get(name).cloned().ok_or_else(|| {
                wrong(place, &format!("refers to {name}, which has no default: set {}", screaming(name)))
            }),
        }
    }
}

/// `CorsOrigins`: `CORS_ORIGINS`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

fn at<'a>(document: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(document, |value, key| value.get(*key))
}

fn entries(mapping: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let pairs = mapping.and_then(Value::as_mapping).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.as_str()?, value)))
}

fn wrong(place: &str, problem: &str) -> TemplateError {
    TemplateError::Value { place: place.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
Parameters:
  CorsOrigins: { Type: CommaDelimitedList, Default: "http://a.test, http://b.test" }
  Seconds: { Type: Number, Default: 7 }
Globals:
  Function: { Timeout: 15, MemorySize: 256, Environment: { Variables: { A: !Sub "${B}" } } }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: { AllowOrigins: !Ref CorsOrigins, AllowMethods: [GET], AllowCredentials: true, MaxAge: 60 }
  Read:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/read-it/
      Timeout: !Ref Seconds
      Events:
        One: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: "/things/{id}" } }
        Rest: { Type: HttpApi, Properties: { ApiId: !Ref Api } }
  Nightly:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: target/lambda/nightly, Events: { At: { Type: Schedule } } }
"#;

    #[test]
    fn functions_with_routes_are_found() {
        let template = Template::parse(TEXT, |_| None).expect("a good template");
        let read = Function { name: "read-it".to_owned(), timeout: Duration::from_secs(7), memory: 256 };
        assert_eq!(template.functions, [read]);
        assert_eq!(template.routes, [Route::new("GET", "/things/{id}", "read-it"), Route::fallback("read-it")]);
    }

    #[test]
    fn setting_overrides_the_default_of_a_parameter() {
        let origins = |setting: fn(&str) -> Option<String>| {
            Template::parse(TEXT, setting).expect("a good template").cors.expect("rules").origins
        };
        assert_eq!(origins(|_| None), ["http://a.test", "http://b.test"]);
        assert_eq!(origins(|name| (name == "CORS_ORIGINS").then(|| "https://c.test".to_owned())), ["https://c.test"]);
    }

    #[test]
    fn wildcard_with_credentials_is_refused() {
        let error = Template::parse(TEXT, |name| (name == "CORS_ORIGINS").then(|| "*".to_owned()));
        assert!(error.expect_err("refused").to_string().contains("CORS_ORIGINS"));
    }

    #[test]
    fn template_of_the_workspace_is_parsed() {
        let template = Template::read(crate::workspace::root(), |_| None).expect("the template");
        assert!(template.cors.is_some());
        assert!(template.routes.iter().any(Route::is_fallback));
    }
}
