//! What `template.yaml` says for each function.

use std::fmt::Write;

use super::api::{Api, Function, Route};
use super::error::GenerateError;
use super::sections::replace;

/// How many metrics an alarm can add up.
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>)
const METRICS_PER_ALARM: usize = 10;

/// `template.yaml` with the functions of `api`.
///
/// # Errors
/// [`GenerateError::Marker`].
pub fn render(template: &str, api: &Api) -> Result<String, GenerateError> {
    let mut sorted: Vec<&Function> = api.functions.iter().collect();
    sorted.sort_unstable_by_key(|function| &function.name);
    let functions: Vec<String> = api.functions.iter().map(|function| resource(function, api)).collect();
    let alarms: Vec<String> = api.functions.chunks(METRICS_PER_ALARM).zip(1..).map(throttles_alarm).collect();
    let mut text = template.to_owned();
    for (name, lines) in [
        ("functions", functions.join("\n")),
        ("versions to check", sorted.iter().copied().map(version).collect()),
        ("permissions to check versions", sorted.iter().copied().map(permission).collect()),
        ("throttle alarms", alarms.join("\n")),
    ] {
        text = replace("template.yaml", &text, name, &lines)?;
    }
    Ok(text)
}

/// The function and its events.
fn resource(function: &Function, api: &Api) -> String {
    let Function { name, settings } = function;
    let mut text = String::new();
    if settings.default_route {
        text.push_str("  # Also answers what no route matches: 404, or 405 where the path has other methods.\n");
    }
    let _ = write!(
        text,
        "  {}Function:
    Type: AWS::Serverless::Function
",
        pascal_case(name)
    );
    if let Some(condition) = &settings.condition {
        let _ = writeln!(text, "    Condition: {condition}");
    }
    let _ = write!(
        text,
        r#"    Metadata:
      SkipBuild: true
    DependsOn: Migration
    Properties:
      FunctionName: !Sub "${{AWS::StackName}}-{name}"
      AutoPublishAliasAllProperties: true
      AutoPublishCodeSha256: !Ref Release
      Role: !GetAtt FunctionRole.Arn
      CodeUri: target/lambda/{name}/
"#
    );
    for (property, value) in [("MemorySize", &settings.memory), ("Timeout", &settings.timeout)] {
        if let Some(value) = value {
            let _ = writeln!(text, "      {property}: {value}");
        }
    }
    text.push_str("      Events:\n");
    api.routes_of(name).for_each(|route| text.push_str(&event(route)));
    if settings.default_route {
        text.push_str(
            "        Default:
          Type: HttpApi
          Properties: { ApiId: !Ref Api } # Without method and path: the $default route.
",
        );
    }
    text
}

fn event(route: &Route) -> String {
    let Route { method, path, operation_id, .. } = route;
    format!(
        "        {}:
          Type: HttpApi
          Properties: {{ ApiId: !Ref Api, Method: {method}, Path: {path:?} }}
",
        pascal_case(operation_id)
    )
}

/// The variable by which the check knows the number of the new version.
fn version(function: &Function) -> String {
    let variable = function.name.replace('-', "_").to_uppercase();
    let version = format!("!GetAtt {}Function.Version.Version", pascal_case(&function.name));
    let value = match &function.settings.condition {
        None => version,
        Some(condition) => format!("!If [{condition}, {version}, !Ref AWS::NoValue]"),
    };
    format!("          {variable}_VERSION: {value}\n")
}

/// The versions that the check may invoke.
fn permission(function: &Function) -> String {
    let arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}";
    format!("                  - !Sub {arn}-{}:*\n", function.name)
}

/// The first alarm has no number, so that a stack with no more than ten functions has one of the plain name.
fn throttles_alarm((functions, number): (&[Function], usize)) -> String {
    let number = if number == 1 { String::new() } else { number.to_string() };
    let mut text = format!(
        "  ThrottlesAlarm{number}:
    Type: AWS::CloudWatch::Alarm
    Condition: HasAlarms
    Properties:
      AlarmDescription: Lambda throttles requests for lack of concurrency.
      Metrics:
        - {{ Id: throttles, Expression: SUM(METRICS()), Label: Throttles }}
"
    );
    for (function, metric) in functions.iter().zip(1..) {
        // By its name, because a reference to a function that is not deployed would be an error.
        let _ = write!(
            text,
            r#"        - Id: t{metric}
          ReturnData: false
          MetricStat:
            Metric:
              Namespace: AWS/Lambda
              MetricName: Throttles
              Dimensions: [{{ Name: FunctionName, Value: !Sub "${{AWS::StackName}}-{}" }}]
            Period: 60
            Stat: Sum
"#,
            function.name
        );
    }
    text + "      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      EvaluationPeriods: 5
      DatapointsToAlarm: 3
      TreatMissingData: notBreaching
      AlarmActions: !If [HasMail, [!Ref AlarmTopic], []]
      OKActions: !If [HasMail, [!Ref AlarmTopic], []]
"
}

/// `list-tasks`: `ListTasks`.
fn pascal_case(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::super::api::{Settings, Value};
    use super::*;

    fn function(name: &str, settings: Settings) -> Function {
        Function { name: name.to_owned(), settings }
    }

    #[test]
    fn settings_become_properties() {
        let settings = Settings {
            condition: Some("HasPasswords".to_owned()),
            default_route: false,
            memory: Some(Value::Parameter("SignInMemory".to_owned())),
            timeout: Some(Value::Number(20)),
        };
        let function = function("sign-in", settings);
        let api = Api { functions: vec![function.clone()], routes: Vec::new() };
        let text = resource(&function, &api);
        for line in [
            "  SignInFunction:",
            "    Condition: HasPasswords",
            "      MemorySize: !Ref SignInMemory",
            "      Timeout: 20",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let expected = "SIGN_IN_VERSION: !If [HasPasswords, !GetAtt SignInFunction.Version.Version, !Ref AWS::NoValue]";
        assert_eq!(version(&function).trim(), expected);
    }

    #[test]
    fn an_alarm_adds_up_ten_metrics_at_most() {
        let functions: Vec<_> = (0..11).map(|number| function(&format!("f{number}"), Settings::default())).collect();
        let alarms: Vec<_> = functions.chunks(METRICS_PER_ALARM).zip(1..).map(throttles_alarm).collect();
        assert_eq!(alarms.len(), 2);
        assert!(alarms[0].starts_with("  ThrottlesAlarm:\n") && alarms[1].starts_with("  ThrottlesAlarm2:\n"));
        let metrics: Vec<_> = alarms.iter().map(|alarm| alarm.matches("MetricStat:").count()).collect();
        assert_eq!(metrics, [10, 1]);
    }
}
