//! Lists, priorities, due dates, limits and preconditions.

use shared::ApiConfig;

use crate::json::Json;

/// Leaves what requests and responses have here.
pub(super) fn adapt(document: &mut Json, config: &ApiConfig) -> Option<()> {
    let shape = if config.json.list_object { "TaskPage" } else { "TaskArray" };
    let list = document.at(&["components", "responses", "TaskList", "content", "application/json", "schema"])?;
    *list = Json::reference(&format!("#/components/schemas/{shape}"));
    priorities(document, config)?;
    if config.json.instant_due_dates {
        let due_date = document.at(&["components", "schemas", "DueDate"])?;
        // Not the second, a time without a zone.
        due_date.at(&["anyOf"])?.as_list_mut()?.remove(1);
        due_date.at(&["examples"])?.as_list_mut()?.remove(0);
    }
    for (schema, limit, value) in [
        ("TitleInput", "maxLength", config.limits.title_max),
        ("DescriptionInput", "maxLength", config.limits.description_max),
    ] {
        *document.at(&["components", "schemas", schema, limit])? = value.into();
    }
    if let Some(length) = document.at(&["components", "schemas", "NewPassword", "minLength"]) {
        *length = config.passwords.min_length.into();
    }
    preconditions(document, config.require_if_match)
}

fn priorities(document: &mut Json, config: &ApiConfig) -> Option<()> {
    let words = config.priorities.words();
    let urgent = *words.last()?;
    let examples = words.iter().map(|word| Some(*word)).chain([None]);
    *document.at(&["components", "schemas", "Task", "properties", "priority", "examples"])? = Json::list(examples);
    *document.at(&["components", "schemas", "PriorityInput", "examples"])? = Json::list(words.iter().copied());
    *document.at(&["components", "parameters", "Priority", "schema", "examples"])? = Json::list(words.iter().copied());
    for path in [
        &["NewTask", "content", "application/json", "example", "priority"][..],
        &["Bulk", "content", "application/json", "example", "operations", "1", "priority"],
    ] {
        *document.at(&["components", "requestBodies"])?.at(path)? = urgent.into();
    }
    // One of the words can be `none`.
    let names: Vec<&str> =
        words.iter().copied().chain(["none"].into_iter().filter(|none| !words.contains(none))).collect();
    let stats = document.at(&["components", "schemas", "TaskStats"])?;
    *stats.at(&["properties", "by_priority", "required"])? = Json::list(names.iter().copied());
    let total: usize = 3;
    let counts = names.iter().map(|name| ((*name).to_owned(), if *name == urgent { total } else { 0 }.into()));
    *stats.at(&["examples", "0", "by_priority"])? = Json::Object(counts.collect());
    Some(())
}

/// `If-Match` is required, or its absence is never refused.
fn preconditions(document: &mut Json, are_required: bool) -> Option<()> {
    if are_required {
        let header = document.at(&["components", "parameters", "IfMatch"])?.as_object_mut()?;
        header.insert("required".to_owned(), true.into());
        return Some(());
    }
    for item in document.at(&["paths"])?.as_object_mut()?.values_mut() {
        for operation in item.as_object_mut()?.values_mut() {
            if let Some(responses) = operation.at(&["responses"]).and_then(Json::as_object_mut) {
                responses.shift_remove("428");
            }
        }
    }
    Some(())
}
