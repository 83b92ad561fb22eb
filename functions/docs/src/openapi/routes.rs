//! The operations that are deployed, and how they are grouped.

use std::collections::BTreeSet;

use crate::json::Json;

/// The condition of `template.yaml` on which the functions of accounts are deployed.
const CONDITION: &str = "HasPasswords";
/// The group of the paths that repeat another one.
const ALIASES: &str = "aliases";

/// Removes what is not deployed without `AUTH_MODE=password`.
pub(super) fn remove_accounts(document: &mut Json) -> Option<()> {
    let functions = document.get("x-functions")?.as_object()?.iter();
    let absent: BTreeSet<String> = functions
        .filter(|(_, settings)| settings.get("condition").and_then(Json::as_text) == Some(CONDITION))
        .map(|(name, _)| name.clone())
        .collect();
    let paths = document.at(&["paths"])?.as_object_mut()?;
    for item in paths.values_mut() {
        item.as_object_mut()?.retain(|_, operation| !function(operation).is_some_and(|name| absent.contains(name)));
    }
    // What is left of a path without operations are its parameters.
    paths.retain(|_, item| item.as_object().is_some_and(|item| item.values().any(is_operation)));
    document.at(&["tags"])?.as_list_mut()?.retain(|tag| tag.get("name").and_then(Json::as_text) != Some("accounts"));
    Some(())
}

/// Moves operations that do the same as an earlier one to a group of their own. They would hide the others.
pub(super) fn group_aliases(document: &mut Json) -> Option<()> {
    let mut seen = BTreeSet::new();
    for item in document.at(&["paths"])?.as_object_mut()?.values_mut() {
        for (method, operation) in item.as_object_mut()? {
            let Some(function) = function(operation) else { continue };
            let summary = operation.get("summary").and_then(Json::as_text).unwrap_or_default();
            if !seen.insert((method.clone(), function.to_owned(), summary.to_owned())) {
                operation.as_object_mut()?.insert("tags".to_owned(), Json::list([ALIASES]));
            }
        }
    }
    let description = "Other paths of the operations above, for clients that use them.";
    let tag = Json::object([("name", ALIASES.into()), ("description", description.into())]);
    document.at(&["tags"])?.as_list_mut()?.push(tag);
    Some(())
}

fn is_operation(value: &Json) -> bool {
    value.get("responses").is_some()
}

/// The function that answers an operation. `None` for another member of a path.
fn function(operation: &Json) -> Option<&str> {
    operation.get("x-function").or_else(|| operation.get("operationId"))?.as_text()
}
