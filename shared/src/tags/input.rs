//! What request bodies can say about a tag.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::model::TagName;
use crate::config::ApiConfig;
use crate::input::{FromJson, ObjectReader};

/// The body of a create.
#[derive(Debug, PartialEq, Eq)]
pub struct NewTag {
    pub(super) name: String,
    pub(super) color: Option<String>,
}

/// The body of a change. An outer `None` leaves the field unchanged, an inner one clears it.
#[derive(Debug, PartialEq, Eq)]
pub struct TagChange {
    pub(super) name: Option<String>,
    pub(super) color: Option<Option<String>>,
}

/// The input of an operation on one tag: the name in the path, and the body. Its JSON is what fingerprints are made from, which
/// outlive releases: the case of the name in the path does not matter, and fields that are not given are left out.
pub(super) struct OfTag<'a>(pub(super) &'a TagName, pub(super) Option<&'a TagChange>);

/// The longest name and color, in Unicode code points.
const TEXT_MAX: usize = 50;

impl FromJson for NewTag {
    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        if object.non_null("name").is_none() {
            object.fail::<()>("name", "name is required");
        }
        Self { name: name(object).unwrap_or_default(), color: color(object).flatten() }
    }
}

impl FromJson for TagChange {
    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        let change = Self { name: name(object), color: color(object) };
        if change.name.is_none() && change.color.is_none() {
            object.fail_object("at least one of name and color must be given");
        }
        change
    }
}

impl Serialize for NewTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        self.color.iter().try_for_each(|color| map.serialize_entry("color", color))?;
        map.end()
    }
}

impl Serialize for OfTag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tag, change) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tag", &tag.as_str().to_lowercase())?;
        if let Some(TagChange { name, color }) = change {
            name.iter().try_for_each(|name| map.serialize_entry("name", name))?;
            color.iter().try_for_each(|color| map.serialize_entry("color", color))?;
        }
        map.end()
    }
}

/// Trimmed, 1 to 50 code points without a comma, which separates names. Null counts as absent.
fn name(object: &mut ObjectReader<'_>) -> Option<String> {
    let value = object.non_null("name")?;
    let name = object.text("name", value)?.trim();
    if name.is_empty() {
        object.fail("name", "name must not be empty")
    } else if name.chars().count() > TEXT_MAX {
        object.fail("name", format!("name must have at most {TEXT_MAX} characters"))
    } else if name.contains(',') {
        object.fail("name", "name must not contain a comma")
    } else {
        Some(name.to_owned())
    }
}

/// Up to 50 code points. Null or an empty text clears it.
fn color(object: &mut ObjectReader<'_>) -> Option<Option<String>> {
    let value = match object.member("color")? {
        Value::Null => return Some(None),
        value => value,
    };
    let color = object.text("color", value)?.trim();
    if color.chars().count() > TEXT_MAX {
        return object.fail("color", format!("color must have at most {TEXT_MAX} characters"));
    }
    Some((!color.is_empty()).then(|| color.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::input::FromPath;
    use crate::scope::fingerprint;

    fn read<T: FromJson>(body: &Value) -> Result<T, String> {
        let mut reader = ObjectReader::new(body.as_object().expect("the tests send objects"), "");
        let value = T::from_json(&mut reader, &ApiConfig::default());
        reader.finish(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_trimmed_and_limited() {
        let name = |name: Value| read::<NewTag>(&json!({"name": name})).map(|tag| tag.name);
        assert_eq!(name(json!(" Two words ")), Ok("Two words".into()));
        assert_eq!(name(json!("ü".repeat(50))), Ok("ü".repeat(50)));
        for (invalid, sentence) in [
            (json!(null), "name is required"),
            (json!(7), "name must be a text"),
            (json!(" "), "name must not be empty"),
            (json!("a\0b"), "name must not contain U+0000"),
            (json!("a,b"), "name must not contain a comma"),
            (json!("x".repeat(51)), "name must have at most 50 characters"),
        ] {
            assert_eq!(name(invalid), Err(sentence.into()));
        }
    }

    #[test]
    fn absent_fields_are_unchanged() {
        let change = |name: Option<&str>, color| TagChange { name: name.map(str::to_owned), color };
        assert_eq!(read(&json!({"name": "a"})), Ok(change(Some("a"), None)));
        assert_eq!(read(&json!({"name": null, "color": null})), Ok(change(None, Some(None))));
        assert_eq!(read(&json!({"color": "#f80"})), Ok(change(None, Some(Some("#f80".to_owned())))));
        assert_eq!(read::<TagChange>(&json!({"id": 1})), Err("at least one of name and color must be given".into()));
        let invalid = read::<TagChange>(&json!({"name": "", "color": "x".repeat(51)}));
        assert_eq!(invalid, Err("name must not be empty; color must have at most 50 characters".into()));
    }

    /// Keys that clients have sent are lost if one of these changes.
    #[test]
    fn fingerprints_do_not_change_with_releases() {
        let new = read::<NewTag>(&json!({"name": " Work ", "color": "#f80"})).expect("a tag");
        let change = read::<TagChange>(&json!({"name": "Job", "color": null})).expect("a change");
        let tag = TagName::from_path("WORK").expect("a name");
        let fingerprints =
            [fingerprint(&new), fingerprint(&OfTag(&tag, None)), fingerprint(&OfTag(&tag, Some(&change)))];
        assert_eq!(
            fingerprints,
            [
                "8362fbee5ceb43d71be27393abba08bd",
                "8bc64a846c84dd27d6e7d212dea3bb4c",
                "2c81a99cb5d7979eb99d8f4c70ae0cd8",
            ]
        );
    }
}
