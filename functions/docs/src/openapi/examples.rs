//! Examples of problem documents.

use std::collections::BTreeMap;

use crate::json::{Json, Object};
use crate::problems;

const PROBLEM: &str = "application/problem+json";

/// Adds an example for each code that a response can have. Viewers would make up documents from the schemas otherwise.
pub(super) fn add(document: &mut Json) -> Option<()> {
    let known: BTreeMap<String, Json> = problems::entries()
        .iter()
        .filter_map(|entry| Some((entry.error.code().to_owned(), serde_json::from_str(&entry.example()).ok()?)))
        .collect();
    let schemas = document.get("components")?.get("schemas")?.clone();
    for response in document.at(&["components", "responses"])?.as_object_mut()?.values_mut() {
        let Some(content) = response.at(&["content", PROBLEM]) else { continue };
        let mut codes = Vec::new();
        let has_message = collect_codes(content.get("schema")?, &schemas, &mut codes);
        let examples = codes.iter().filter_map(|code| {
            let mut example = known.get(code)?.clone();
            if has_message {
                add_message(&mut example)?;
            }
            Some((code.clone(), Json::object([("value", example)])))
        });
        let examples = Json::Object(examples.collect());
        content.as_object_mut()?.insert("examples".to_owned(), examples);
    }
    Some(())
}

/// Collects the codes that a schema allows. Whether it requires `message`.
fn collect_codes(schema: &Json, schemas: &Json, codes: &mut Vec<String>) -> bool {
    let required = schema.get("required").and_then(Json::as_list);
    let has_message = required.is_some_and(|names| names.contains(&"message".into()));
    if let Some(code) = schema.get("properties").and_then(|properties| properties.get("code")) {
        let one = code.get("const").and_then(Json::as_text);
        let several = code.get("enum").and_then(Json::as_list).into_iter().flatten().filter_map(Json::as_text);
        codes.extend(one.into_iter().chain(several).map(str::to_owned));
    }
    for alternative in schema.get("oneOf").and_then(Json::as_list).into_iter().flatten() {
        collect_codes(alternative, schemas, codes);
    }
    // The schema of all problems allows every code.
    let reference =
        schema.get("$ref").and_then(Json::as_text).and_then(|target| target.strip_prefix("#/components/schemas/"));
    if let Some(target) = reference.filter(|name| *name != "Problem").and_then(|name| schemas.get(name)) {
        collect_codes(target, schemas, codes);
    }
    has_message
}

/// Adds the member `message` after `detail`.
fn add_message(problem: &mut Json) -> Option<()> {
    let members = problem.as_object_mut()?;
    let detail = members.get("detail")?.clone();
    let mut with_message = Object::new();
    for (name, value) in members.drain(..) {
        let is_detail = name == "detail";
        with_message.insert(name, value);
        if is_detail {
            with_message.insert("message".to_owned(), detail.clone());
        }
    }
    *members = with_message;
    Some(())
}
