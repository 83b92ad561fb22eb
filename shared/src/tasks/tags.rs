//! The tags of a task: names that differ without regard to case.

use serde_json::Value;

/// The most tags of a task.
const TAGS_MAX: usize = 20;
/// The longest name, in code points.
const NAME_MAX: usize = 50;

/// The failure of a value that is no list of tags.
pub(super) const TAGS_RULE: &str = "tags must be a list of names";

/// The names of a list of texts, of a list of objects with a name, or of a text with commas. Null, an empty text and `none`
/// are no names. `None` for any other value.
pub(super) fn names(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) if text.trim().eq_ignore_ascii_case("none") => Some(Vec::new()),
        Value::String(text) => Some(text.split(',').collect()),
        Value::Array(elements) => elements.iter().map(name).collect(),
        _ => None,
    }
}

/// The id of a tag is its name, and counts if there is no other.
fn name(element: &Value) -> Option<&str> {
    let member = |name| element.get(name).filter(|value| !value.is_null());
    element.as_str().or_else(|| member("name").or_else(|| member("id"))?.as_str())
}

/// The names as they are stored: trimmed, without empty ones, and each once, in the spelling that comes first.
///
/// # Errors
/// The rule that they break.
pub(super) fn check(names: &[&str]) -> Result<Vec<String>, String> {
    let (mut tags, mut seen) = (Vec::new(), Vec::new());
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let lower_case = name.to_lowercase();
        if !seen.contains(&lower_case) {
            seen.push(lower_case);
            tags.push(name.to_owned());
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    if tags.iter().any(|name| name.chars().count() > NAME_MAX) {
        return Err(format!("each of tags must have at most {NAME_MAX} characters"));
    }
    if tags.iter().any(|name| name.contains(',')) {
        return Err("none of tags must contain a comma".to_owned());
    }
    Ok(tags)
}

/// The failure of a list that is too long.
pub(super) fn too_many() -> String {
    format!("tags must have at most {TAGS_MAX} names")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Vec<String>, String> {
        check(&names(value).ok_or(TAGS_RULE)?)
    }

    #[test]
    fn every_form_of_a_list_is_read() {
        for value in [
            json!(["Home", "work"]),
            json!([{"id": 1, "name": "Home", "color": "red"}, {"name": "work"}]),
            json!([{"id": "Home", "name": null}, "work"]),
            json!("Home, work,"),
            json!([" Home ", "work", "", "HOME", "Work"]),
        ] {
            assert_eq!(read(&value), Ok(vec!["Home".to_owned(), "work".to_owned()]), "{value}");
        }
        for value in [json!(null), json!(""), json!("None"), json!([])] {
            assert_eq!(read(&value), Ok(vec![]), "{value}");
        }
        for value in [
            json!(7),
            json!({"name": "Home"}),
            json!([7]),
            json!([["Home"]]),
            json!([{"title": "Home"}]),
            json!([{"id": "Home", "name": 7}]),
        ] {
            assert_eq!(read(&value), Err(TAGS_RULE.to_owned()), "{value}");
        }
    }

    #[test]
    fn limits_are_counted_after_duplicates_are_merged() {
        let numbered = |count: usize| (0..count).map(|number| format!("tag {number}")).collect::<Vec<_>>();
        let repeated: Vec<_> = numbered(20).into_iter().chain(numbered(20)).collect();
        assert_eq!(read(&json!(repeated)), Ok(numbered(20)));
        assert_eq!(read(&json!(numbered(21))), Err("tags must have at most 20 names".into()));
        assert_eq!(read(&json!(["ü".repeat(50)])), Ok(vec!["ü".repeat(50)]));
        assert_eq!(read(&json!(["ü".repeat(51)])), Err("each of tags must have at most 50 characters".into()));
        assert_eq!(read(&json!(["a,b"])), Err("none of tags must contain a comma".into()));
    }
}
