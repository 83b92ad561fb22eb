//! The components of the document that an operation uses.

use std::collections::BTreeSet;

use crate::json::Json;

/// Components, each as its kind and its name.
pub(super) type Components = BTreeSet<(String, String)>;

/// The components that are described because an operation uses them, directly or through others.
pub(super) fn reachable(document: &Json) -> Components {
    let mut found = Components::new();
    let mut waiting: Vec<&Json> = document.get("paths").into_iter().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Json::List(list) => waiting.extend(list),
            Json::Object(object) => {
                waiting.extend(object.values());
                let Some((kind, name)) = object.get("$ref").and_then(Json::as_text).and_then(component) else {
                    continue;
                };
                let target = document.get("components").and_then(|components| components.get(kind)?.get(name));
                if found.insert((kind.to_owned(), name.to_owned())) {
                    waiting.extend(target);
                }
            }
            _ => {}
        }
    }
    found
}

/// Removes those of `described` that no operation uses any more.
pub(super) fn remove_unused(document: &mut Json, described: &Components) -> Option<()> {
    let used = reachable(document);
    for (kind, name) in described.difference(&used) {
        document.at(&["components", kind])?.as_object_mut()?.shift_remove(name);
    }
    Some(())
}

/// `#/components/schemas/Task`: `schemas` and `Task`.
fn component(reference: &str) -> Option<(&str, &str)> {
    reference.strip_prefix("#/components/")?.split_once('/')
}
