//! The page about problem documents: an entry for each code, to which their member `type` points.

use std::fmt::Write as _;

use crate::pages::{self, Assets};
use crate::problems::{Entry, entries};
use crate::stored::Stored;

/// The page.
pub(crate) fn page(assets: &Assets) -> Stored {
    let entries = entries();
    let mut contents = String::new();
    let mut sections = String::new();
    for entry in &entries {
        let (code, anchor) = (entry.error.code(), anchor(entry.error.code()));
        let _ = writeln!(contents, "<li><a href=\"#{anchor}\"><code>{code}</code></a></li>");
        section(&mut sections, entry);
    }
    let text = include_str!("../assets/errors.html").replace("{contents}", &contents).replace("{entries}", &sections);
    pages::html(&text, "assets", assets)
}

fn section(text: &mut String, entry: &Entry) {
    let Entry { error, meaning, action } = entry;
    let (code, status) = (error.code(), error.status());
    let anchor = anchor(code);
    let example = escaped(&entry.example());
    let _ = writeln!(
        text,
        "<section id=\"{anchor}\">\n<h2><a href=\"#{anchor}\"><code>{code}</code></a> <span>{status}</span></h2>\n\
         <p>{}</p>\n<p><strong>What to do:</strong> {}</p>\n<pre tabindex=\"0\">{example}</pre>\n</section>",
        with_code(meaning),
        with_code(action),
    );
}

/// `task_not_found`: `task-not-found`.
fn anchor(code: &str) -> String {
    code.replace('_', "-")
}

/// Texts in backticks become code.
fn with_code(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escaped(part);
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part }
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::json::Json;

    #[test]
    fn every_code_of_the_contract_has_an_entry() {
        let text = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
        let mut contract: Json = serde_json::from_str(text).expect("JSON");
        let path = ["components", "schemas", "Problem", "properties", "code", "enum"];
        let codes = contract.at(&path).and_then(Json::as_list_mut).expect("the codes");
        let codes: BTreeSet<_> = codes.iter().filter_map(|code| code.as_text().map(str::to_owned)).collect();
        let entries = entries();
        assert_eq!(entries.iter().map(|entry| entry.error.code().to_owned()).collect::<BTreeSet<_>>(), codes);
        assert_eq!(entries.len(), codes.len(), "a code has two entries");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(with_code("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
    }
}
