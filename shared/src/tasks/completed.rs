//! Whether a task is done, in the spellings of requests: `completed`, `is_completed` and `status`.

use crate::input::ObjectReader;

/// What a request says about `completed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CompletedInput {
    /// The value, if it is given and the spellings agree.
    pub(super) value: Option<bool>,
    /// The spellings disagree. One of them is as stored, and the other one is the edit, so the stored value changes.
    pub(super) toggles: bool,
}

const STATUS_RULE: &str = "status must be pending, completed, todo, in_progress or done";

impl CompletedInput {
    /// Null counts as absent, and so does an empty status.
    pub(super) fn read(object: &mut ObjectReader<'_>) -> Self {
        let values = [object.boolean("completed"), object.boolean("is_completed"), status(object)];
        let has = |completed| values.contains(&Some(completed));
        match (has(true), has(false)) {
            (true, true) => Self { value: None, toggles: true },
            (false, false) => Self::default(),
            (is_completed, _) => Self { value: Some(is_completed), toggles: false },
        }
    }

    /// Of a task that is not stored yet, which would not be completed.
    pub(super) fn of_new_task(self) -> Option<bool> {
        if self.toggles { Some(true) } else { self.value }
    }
}

fn status(object: &mut ObjectReader<'_>) -> Option<bool> {
    let value = object.non_null("status")?;
    let word = value.as_str().map(|text| text.trim().to_lowercase().replace(['-', ' '], "_"));
    match word.as_deref() {
        Some("") => None,
        Some("completed" | "done") => Some(true),
        Some("pending" | "todo" | "in_progress") => Some(false),
        _ => object.fail("status", STATUS_RULE),
    }
}

/// The status of a task in responses.
pub(super) fn status_word(completed: bool) -> &'static str {
    if completed { "completed" } else { "pending" }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<(Option<bool>, bool), String> {
        let mut reader = ObjectReader::new(body.as_object().expect("an object"), "");
        let CompletedInput { value, toggles } = CompletedInput::read(&mut reader);
        reader.finish((value, toggles)).map_err(|error| error.to_string())
    }

    #[test]
    fn status_sets_completed() {
        for word in ["completed", "Done", " done "] {
            assert_eq!(read(&json!({"status": word})), Ok((Some(true), false)), "{word}");
        }
        for word in ["pending", "todo", "in_progress", "In Progress", "in-progress"] {
            assert_eq!(read(&json!({"status": word})), Ok((Some(false), false)), "{word}");
        }
        for absent in [json!(null), json!("")] {
            assert_eq!(read(&json!({"status": absent})), Ok((None, false)));
        }
        for other in [json!("archived"), json!(true), json!(7)] {
            assert_eq!(read(&json!({"status": other})), Err(STATUS_RULE.into()), "{other}");
        }
    }

    #[test]
    fn spellings_that_disagree_toggle() {
        assert_eq!(read(&json!({"completed": true, "status": "done"})), Ok((Some(true), false)));
        for body in [
            json!({"completed": true, "status": "pending"}),
            json!({"completed": false, "status": "completed"}),
            json!({"completed": false, "isCompleted": true}),
        ] {
            assert_eq!(read(&body), Ok((None, true)), "{body}");
        }
    }
}
