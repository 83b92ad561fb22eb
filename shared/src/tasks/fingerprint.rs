//! What the fingerprint of a request with a key is made from: the input as JSON, with each field in one spelling.
//!
//! Fingerprints are stored for weeks and outlive releases and settings. So fields that are not given are left out, also if a
//! setting has a default for them, and the case of a priority does not matter.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::due_date::DueDate;
use super::extra::ExtraInput;
use super::input::{Completion, NewTask, TaskChange};
use super::model::TaskId;
use super::spellings::Spellings;

/// The input of an operation on one task: its fields, and the id of the path.
pub(super) struct OfTask<'a, T>(pub(super) &'a TaskId, pub(super) &'a T);

/// Input that consists of fields.
pub(super) trait Fields {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Fields> Serialize for OfTask<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.to_string())?;
        self.1.serialize_fields(&mut map)?;
        map.end()
    }
}

/// Of an operation without further input.
impl Fields for () {
    fn serialize_fields<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

impl Serialize for NewTask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_given(&mut map, "id", self.id.as_ref())?;
        map.serialize_entry("title", &self.title)?;
        serialize_given(&mut map, "description", self.description.as_ref())?;
        serialize_given(&mut map, "completed", self.completed)?;
        let priority = self.priority.filter(|_| !self.has_default_priority);
        serialize_given(&mut map, "priority", priority.map(str::to_lowercase))?;
        serialize_given(&mut map, "due_date", self.due_date.map(|input| text(input.due_date)))?;
        serialize_given(&mut map, "tags", self.tags.as_ref())?;
        serialize_given(&mut map, "category", self.category.as_ref())?;
        serialize_given(&mut map, "recurrence", self.recurrence.as_ref())?;
        serialize_given(&mut map, "time_zone", self.time_zone.as_ref())?;
        serialize_given(&mut map, "extra", ExtraInput::of_new(&self.extra))?;
        map.end()
    }
}

impl Fields for TaskChange {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        serialize_given(map, "title", self.title.as_ref())?;
        serialize_given(map, "description", self.description.as_ref())?;
        serialize_given(map, "completed", self.completed)?;
        serialize_given(map, "toggles_completed", self.toggles_completed.then_some(true))?;
        serialize_given(map, "priority", self.priority.map(|priority| priority.map(str::to_lowercase)))?;
        serialize_spellings(map, ["due_date", "other_due_date"], self.due_date.as_ref(), |due_date| {
            due_date.map(|input| text(input.due_date))
        })?;
        serialize_spellings(map, ["tags", "other_tags"], self.tags.as_ref(), |tags| tags)?;
        serialize_given(map, "category", self.category.as_ref())?;
        serialize_spellings(map, ["recurrence", "other_recurrence"], self.recurrence.as_ref(), |rule| rule)?;
        serialize_spellings(map, ["time_zone", "other_time_zone"], self.time_zone.as_ref(), |zone| zone)?;
        serialize_given(map, "extra", ExtraInput::of_change(&self.extra))?;
        serialize_given(map, "expected_updated_at", self.expected_updated_at)?;
        // These fields are `None` above.
        self.invalid_values.iter().try_for_each(|value| map.serialize_entry(value.field(), value.text()))
    }
}

impl Fields for Completion {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        serialize_given(map, "completed", self.completed)?;
        serialize_given(map, "expected_updated_at", self.expected_updated_at)
    }
}

fn serialize_given<M: SerializeMap>(map: &mut M, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

/// The second member only if the values differ.
fn serialize_spellings<'a, M: SerializeMap, T: PartialEq, R: Serialize>(
    map: &mut M,
    [name, other_name]: [&str; 2],
    spellings: Option<&'a Spellings<T>>,
    representation: impl Fn(&'a T) -> R,
) -> Result<(), M::Error> {
    let Some(Spellings { value, otherwise }) = spellings else { return Ok(()) };
    serialize_given(map, name, Some(representation(value)))?;
    serialize_given(map, other_name, (otherwise != value).then(|| representation(otherwise)))
}

/// With `Z` unless it is floating.
fn text(due_date: DueDate) -> String {
    if due_date.is_floating() { due_date.time.to_civil_text() } else { due_date.time.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::ApiConfig;
    use crate::input::{FromJson, FromPath, ObjectReader};
    use crate::scope::fingerprint;

    fn read<T: FromJson>(body: &Value) -> T {
        let object = body.as_object().expect("the tests send objects");
        let mut reader = ObjectReader::new(object, "");
        let value = T::from_json(&mut reader, &ApiConfig::default());
        reader.finish(value).expect("valid input")
    }

    fn of_new(body: &Value) -> String {
        fingerprint(&read::<NewTask>(body))
    }

    fn of_change<T: FromJson + Fields>(id: &str, body: &Value) -> String {
        fingerprint(&OfTask(&TaskId::from_path(id).expect("an id"), &read::<T>(body)))
    }

    /// Keys that clients have sent are lost if one of these changes.
    #[test]
    fn fingerprints_do_not_change_with_releases() {
        let whole = json!({
            "title": "Buy milk", "description": "Two litres", "completed": false, "priority": "high",
            "due_date": "2026-12-05T17:30:00Z"
        });
        let mut change = whole.clone();
        change["expected_updated_at"] = json!("2026-11-21T02:51:49.233112Z");
        let fingerprints = [
            of_new(&whole),
            of_change::<TaskChange>("42", &change),
            of_change::<Completion>("42", &json!({"completed": true})),
            of_change::<Completion>("42", &json!({})),
            fingerprint(&OfTask(&TaskId::from_path("42").expect("an id"), &())),
        ];
        assert_eq!(
            fingerprints,
            [
                "6451552b6454e891a44e2ae136f2e57e",
                "6817e258a70cf149dee8820785d39dae",
                "676cf3eb32985aaf418f7eb734525e47",
                "05c36a704c4695f3cb3a2d90be24002f",
                "05c36a704c4695f3cb3a2d90be24002f",
            ]
        );
    }

    #[test]
    fn spellings_of_the_same_input_are_equal() {
        for (left, right) in [
            (json!({"title": "a"}), json!({"title": " a\n", "color": "red", "description": null, "priority": ""})),
            (json!({"title": "a", "priority": "HIGH"}), json!({"priority": "high", "title": "a"})),
            (
                json!({"title": "a", "due_date": "2026-12-05T17:30:00+02:00"}),
                json!({"title": "a", "dueDate": "2026-12-05T15:30:00.000Z"}),
            ),
            (
                json!({"title": "a", "due_date": "2026-12-05"}),
                json!({"title": "a", "dueDate": "2026-12-05T00:00", "due_date": "2026-12-05T00:00:00"}),
            ),
        ] {
            assert_eq!(of_new(&left), of_new(&right), "{left} {right}");
            assert_eq!(
                of_change::<TaskChange>("1", &json!({"completed": true})),
                of_change::<TaskChange>("1", &json!({"completed": true, "title": null}))
            );
        }
    }

    #[test]
    fn other_input_has_another_fingerprint() {
        let news = [
            json!({"title": "a"}),
            json!({"title": "b"}),
            json!({"title": "a", "description": ""}),
            json!({"title": "a", "completed": false}),
            json!({"title": "a", "completed": true}),
            json!({"title": "a", "priority": "low"}),
            json!({"title": "a", "due_date": "2026-12-05T17:30:00"}),
            json!({"title": "a", "due_date": "2026-12-05T17:30:00Z"}),
        ];
        let changes = [
            json!({"title": "a"}),
            json!({"title": "x".repeat(201)}),
            json!({"title": "a", "description": null}),
            json!({"title": "a", "priority": null}),
            json!({"title": "a", "priority": "urgent"}),
            json!({"title": "a", "due_date": null}),
            json!({"title": "a", "due_date": "2026-12-05", "dueDate": "2026-12-06"}),
            json!({"title": "a", "due_date": "2026-12-05"}),
            json!({"title": "a", "expected_updated_at": "2026-11-21T02:51:49.233112Z"}),
        ];
        let mut fingerprints: Vec<String> = news.iter().map(of_new).collect();
        fingerprints.extend(changes.iter().map(|body| of_change::<TaskChange>("1", body)));
        fingerprints.push(of_change::<TaskChange>("2", &changes[0]));
        let count = fingerprints.len();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), count);
    }
}
