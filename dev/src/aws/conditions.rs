//! Conditions of a CloudFormation template, as far as functions with a route have them.

use serde_norway::Value;

/// Whether the condition `name` of a template holds. `parameter` returns the value of a parameter.
///
/// # Errors
/// What is not supported, as the predicate of a sentence.
pub(super) fn holds(
    conditions: Option<&Value>,
    name: &str,
    parameter: &impl Fn(&str) -> Option<String>,
) -> Result<bool, String> {
    let condition =
        conditions.and_then(|conditions| conditions.get(name)).ok_or("is not a condition of the template")?;
    Evaluation { conditions, parameter }.is_true(condition)
}

struct Evaluation<'a, P> {
    conditions: Option<&'a Value>,
    parameter: &'a P,
}

impl<P: Fn(&str) -> Option<String>> Evaluation<'_, P> {
    fn is_true(&self, condition: &Value) -> Result<bool, String> {
        let (function, argument) = call(condition)?;
        let arguments = argument.as_sequence().map(Vec::as_slice).unwrap_or_default();
        match (function.as_str(), arguments) {
            ("Not", [condition]) => Ok(!self.is_true(condition)?),
            ("And", conditions) => conditions.iter().try_fold(true, |all, next| Ok(all & self.is_true(next)?)),
            ("Or", conditions) => conditions.iter().try_fold(false, |any, next| Ok(any | self.is_true(next)?)),
            ("Equals", [left, right]) => Ok(self.text(left)? == self.text(right)?),
            ("Condition", _) => holds(self.conditions, argument.as_str().unwrap_or_default(), self.parameter),
            _ => Err(format!("uses {function}, which the local stack does not know")),
        }
    }

    fn text(&self, value: &Value) -> Result<String, String> {
        if let Some(text) = value.as_str() {
            return Ok(text.to_owned());
        }
        let (function, argument) = call(value)?;
        match (function.as_str(), argument.as_sequence().map(Vec::as_slice)) {
            ("Ref", _) => (self.parameter)(argument.as_str().unwrap_or_default()).ok_or("needs a parameter".to_owned()),
            ("Join", Some([separator, list])) => Ok(self.list(list)?.join(&self.text(separator)?)),
            _ => Err(format!("uses {function}, which the local stack does not know")),
        }
    }

    fn list(&self, value: &Value) -> Result<Vec<String>, String> {
        let (function, argument) = call(value)?;
        match (function.as_str(), argument.as_sequence().map(Vec::as_slice)) {
            ("Split", Some([separator, text])) => {
                Ok(self.text(text)?.split(&self.text(separator)?).map(str::to_owned).collect())
            }
            _ => Err("has a list that is not a Split".to_owned()),
        }
    }
}

/// The name and the argument of `!Name argument` or `Condition: argument`.
fn call(value: &Value) -> Result<(String, &Value), String> {
    let unknown = || "has a value that the local stack does not know".to_owned();
    match value {
        Value::Tagged(tagged) => Ok((tagged.tag.to_string().trim_start_matches('!').to_owned(), &tagged.value)),
        Value::Mapping(mapping) if mapping.len() == 1 => {
            let (name, argument) = mapping.iter().next().ok_or_else(unknown)?;
            Ok((name.as_str().ok_or_else(unknown)?.to_owned(), argument))
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDITIONS: &str = r#"
HasPasswords: !Not [!Equals [!Join ["", !Split [password, !Ref AuthMode]], !Ref AuthMode]]
IsPlain: !Equals [!Ref AuthMode, ""]
Both: !And [Condition: HasPasswords, !Not [Condition: IsPlain]]
Either: !Or [Condition: HasPasswords, Condition: IsPlain]
Odd: !Equals [!Select [0, [a]], a]
"#;

    #[test]
    fn conditions_depend_on_parameters() {
        let conditions: Value = serde_norway::from_str(CONDITIONS).expect("YAML");
        let holds = |name: &str, mode: &str| {
            super::holds(Some(&conditions), name, &|parameter| (parameter == "AuthMode").then(|| mode.to_owned()))
        };
        for (mode, expected) in [
            ("password", [true, false, true, true]),
            ("jwks, password", [true, false, true, true]),
            ("jwks,hs256", [false, false, false, false]),
            ("", [false, true, false, true]),
        ] {
            assert_eq!(["HasPasswords", "IsPlain", "Both", "Either"].map(|name| holds(name, mode)), expected.map(Ok));
        }
        assert!(holds("Odd", "").is_err() && holds("Missing", "").is_err());
    }
}
