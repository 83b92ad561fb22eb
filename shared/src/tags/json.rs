//! Tags as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::model::{Tag, TagList};
use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, Resource, to_json};

impl Tag {
    /// The name, so that it is the segment of a path when a client has encoded it. A gateway decodes a path once and takes
    /// an encoded slash for a separator, and browsers drop segments of dots: these characters are encoded already.
    fn id(&self) -> String {
        if matches!(self.name.as_str(), "." | "..") {
            return self.name.replace('.', "%2E");
        }
        self.name.replace('%', "%25").replace('/', "%2F")
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id())?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("color", &self.color)?;
        map.serialize_entry("task_count", &self.task_count)?;
        map.serialize_entry("usage_count", &self.task_count)?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.end()
    }
}

impl Representation for Tag {
    fn to_json(&self, _: JsonFormat) -> String {
        to_json(self)
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::None
    }

    fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}

impl Resource for Tag {
    fn id(&self) -> String {
        Self::id(self)
    }
}

impl Representation for TagList {
    fn to_json(&self, _: JsonFormat) -> String {
        to_json(&self.0)
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_an_encoded_path() {
        for (name, id) in [("two words", "two words"), ("a/b", "a%2Fb"), ("100%", "100%25"), ("..", "%2E%2E")] {
            let tag = Tag { name: name.into(), color: None, task_count: 0, created_at: None, transaction: None };
            assert_eq!(tag.id(), id);
        }
    }
}
