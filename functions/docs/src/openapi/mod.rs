//! The contract as this deployment keeps it.
//!
//! `openapi.yaml` describes every deployment. Here it is reduced to what the settings turn on, so that no sentence of the
//! document begins with "if". It must have what is adapted: an adaptation that finds nothing is a mistake in this
//! repository, which tests notice.

mod bodies;
mod components;
mod examples;
mod routes;
mod security;
mod sentences;
mod task;

use shared::DocsConfig;

use crate::json::Json;

const CONTRACT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The document as JSON. `base` is what paths of this API begin with, at this gateway; usually nothing.
pub(crate) fn document(config: &DocsConfig, base: &str) -> String {
    let document = adapted(config, base).expect("openapi.yaml has what is adapted, which is tested");
    serde_json::to_string(&document).expect("JSON has text keys")
}

fn adapted(config: &DocsConfig, base: &str) -> Option<Json> {
    let mut document: Json = serde_json::from_str(CONTRACT).ok()?;
    let described = components::reachable(&document);
    let has_passwords = config.auth_modes.iter().any(|mode| mode == "password");
    if !has_passwords {
        routes::remove_accounts(&mut document)?;
    }
    routes::group_aliases(&mut document)?;
    remove_internal_members(&mut document);
    security::adapt(&mut document, &config.auth_modes, base)?;
    task::adapt(&mut document, &config.api)?;
    bodies::adapt(&mut document, &config.api)?;
    sentences::adapt(&mut document, config);
    examples::add(&mut document)?;
    let server = if base.is_empty() { "/" } else { base };
    *document.at(&["servers"])? = Json::list([Json::object([("url", server.into())])]);
    let errors = [("description", "What each error means".into()), ("url", format!("{base}/docs/errors").into())];
    document.as_object_mut()?.insert("externalDocs".to_owned(), Json::object(errors));
    components::remove_unused(&mut document, &described)?;
    Some(document)
}

/// Members that only this repository reads begin with `x-`.
fn remove_internal_members(document: &mut Json) {
    document.walk(&mut |value| {
        if let Some(object) = value.as_object_mut() {
            object.retain(|name, _| !name.starts_with("x-"));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(settings: &[(&'static str, &str)]) -> Json {
        let secret = ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef");
        let lookup = |name| {
            let given = settings.iter().chain([&secret]).find(|(known, _)| *known == name);
            given.map(|(_, value)| (*value).to_owned())
        };
        adapted(&DocsConfig::from_lookup(lookup).expect("good settings"), "").expect("what is adapted")
    }

    fn paths(document: &mut Json) -> Vec<String> {
        let paths = document.at(&["paths"]).and_then(|paths| paths.as_object()).expect("paths");
        paths.keys().cloned().collect()
    }

    #[test]
    fn accounts_are_described_only_with_passwords() {
        let is_account = |path: &String| path.contains("/login");
        assert!(!paths(&mut document(&[])).iter().any(is_account));
        let mut with_passwords = document(&[("AUTH_MODE", "password")]);
        assert!(paths(&mut with_passwords).iter().any(is_account));
        assert!(with_passwords.at(&["components", "schemas", "SignedIn"]).is_some());
        assert!(document(&[]).at(&["components", "schemas", "SignedIn"]).is_none());
    }

    #[test]
    fn a_list_has_one_shape() {
        for (shape, schema) in [("array", "TaskArray"), ("object", "TaskPage")] {
            let mut document = document(&[("TASK_LIST_SHAPE", shape)]);
            let content = ["components", "responses", "TaskList", "content", "application/json", "schema"];
            assert_eq!(document.at(&content), Some(&mut Json::reference(&format!("#/components/schemas/{schema}"))));
        }
        assert!(document(&[]).at(&["components", "schemas", "TaskPage"]).is_none());
    }

    #[test]
    fn no_sentence_depends_on_a_setting() {
        for settings in [
            &[][..],
            &[
                ("TASK_LIST_SHAPE", "object"),
                ("TASK_JSON_CASE", "both"),
                ("TASK_TAGS", "objects"),
                ("TASK_DUE_DATES", "instant"),
                ("TASK_FIELDS", "is_recurring"),
                ("TASK_EXTRA_FIELDS", "color"),
                ("TASK_PRIORITIES", "low,urgent"),
                ("TASK_PRIORITY_DEFAULT", "low"),
                ("REQUIRE_IF_MATCH", "1"),
                ("AUTH_MODE", "password,session"),
                ("PASSWORD_HASH", "argon2id"),
            ],
        ] {
            document(settings).walk(&mut |value| {
                let text = value.as_text().unwrap_or_default();
                let is_setting =
                    |word: &str| ["TASK_", "PASSWORD_", "REQUIRE_", "AUTH_"].iter().any(|start| word.contains(start));
                assert!(!text.split(' ').any(is_setting), "{text}");
            });
        }
    }

    #[test]
    fn members_for_this_repository_are_left_out() {
        document(&[]).walk(&mut |value| {
            let names = value.as_object().into_iter().flat_map(|object| object.keys());
            assert!(!names.into_iter().any(|name| name.starts_with("x-")));
        });
    }
}
