//! Tasks as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::completed::status_word;
use super::derived::{TagsJson, serialize_fields};
use super::extra;
use super::model::{Task, TaskPage};
use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, Resource, to_json};

impl Representation for Task {
    fn to_json(&self, format: JsonFormat) -> String {
        to_json(&TaskJson(self, format))
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Version(self.version)
    }

    fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}

impl Resource for Task {
    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Representation for TaskPage {
    fn next_page(&self) -> Option<String> {
        self.next_cursor.as_ref().map(|cursor| format!("limit={}&cursor={cursor}", self.limit))
    }

    fn to_json(&self, format: JsonFormat) -> String {
        to_json(&TaskPageJson(self, format))
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Body
    }
}

/// All members of a task are always present, except the transaction, which only the response to a write has.
pub(super) struct TaskJson<'a>(pub(super) &'a Task, pub(super) JsonFormat);

impl Serialize for TaskJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(task, format) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &task.id)?;
        map.serialize_entry("user_id", &task.user_id)?;
        map.serialize_entry("title", &task.title)?;
        map.serialize_entry("description", &task.description)?;
        map.serialize_entry("completed", &task.completed)?;
        map.serialize_entry("priority", &task.priority)?;
        let due_date = task.due_date.map(|due_date| due_date.to_json(*format));
        map.serialize_entry("due_date", &due_date)?;
        map.serialize_entry("tags", &TagsJson(task, format.tags))?;
        map.serialize_entry("category", &task.category)?;
        map.serialize_entry("status", status_word(task.completed))?;
        map.serialize_entry("completed_at", &task.completed_at)?;
        map.serialize_entry("recurrence_rule", &task.recurrence)?;
        let next_occurrence = task.next_occurrence.map(|next| next.to_json(*format));
        map.serialize_entry("next_occurrence", &next_occurrence)?;
        map.serialize_entry("time_zone", &task.time_zone)?;
        map.serialize_entry("version", &task.version)?;
        map.serialize_entry("created_at", &task.created_at)?;
        map.serialize_entry("updated_at", &task.updated_at)?;
        serialize_fields(&mut map, task, *format)?;
        extra::serialize(&mut map, &task.extra, *format)?;
        if let Some(transaction) = &task.transaction {
            map.serialize_entry("txid", transaction)?;
        }
        if format.camel_case_too {
            map.serialize_entry("userId", &task.user_id)?;
            map.serialize_entry("dueDate", &due_date)?;
            map.serialize_entry("completedAt", &task.completed_at)?;
            map.serialize_entry("recurrenceRule", &task.recurrence)?;
            map.serialize_entry("nextOccurrence", &next_occurrence)?;
            map.serialize_entry("timeZone", &task.time_zone)?;
            map.serialize_entry("createdAt", &task.created_at)?;
            map.serialize_entry("updatedAt", &task.updated_at)?;
        }
        map.end()
    }
}

/// A bare array, or an object with the counts.
struct TaskPageJson<'a>(&'a TaskPage, JsonFormat);

impl Serialize for TaskPageJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(page, format) = *self;
        let tasks = TaskListJson(&page.tasks, format);
        if !format.list_object {
            return tasks.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("tasks", &tasks)?;
        map.serialize_entry("total", &page.total)?;
        map.serialize_entry("count", &page.tasks.len())?;
        map.serialize_entry("next_cursor", &page.next_cursor)?;
        map.end()
    }
}

struct TaskListJson<'a>(&'a [Task], JsonFormat);

impl Serialize for TaskListJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|task| TaskJson(task, self.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::RowId;
    use crate::tasks::TaskId;
    use crate::tasks::due_date::DueDate;
    use crate::time::Timestamp;

    #[test]
    fn a_task_has_the_members_of_the_contract() {
        let at = |text| Timestamp::parse(text).expect("an RFC 3339 time");
        let task = Task {
            id: TaskId::new(RowId::Number(42)),
            user_id: "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI".into(),
            title: "Buy milk".into(),
            description: None,
            completed: false,
            priority: None,
            due_date: DueDate::parse("2026-12-01", JsonFormat::default()),
            created_at: at("2026-11-21T02:51:49.233112Z"),
            updated_at: at("2026-11-21T02:51:49.233112Z"),
            tags: vec!["Home".into()],
            category: Some("Errands".into()),
            completed_at: None,
            recurrence: Some("FREQ=DAILY".into()),
            next_occurrence: DueDate::parse("2026-12-02", JsonFormat::default()),
            time_zone: Some("Europe/Berlin".into()),
            recurrence_of: None,
            version: 7,
            extra: serde_json::Map::new(),
            transaction: Some("731".into()),
        };
        let both = JsonFormat { list_object: true, camel_case_too: true, ..JsonFormat::default() };
        let page = TaskPage { tasks: vec![task], total: Some(7), limit: 1, next_cursor: Some("e30".into()) };
        assert_eq!(
            serde_json::to_value(TaskPageJson(&page, both)).expect("a map of strings"),
            serde_json::json!({"total": 7, "count": 1, "next_cursor": "e30", "tasks": [{
                "id": 42, "user_id": "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", "title": "Buy milk", "description": null,
                "completed": false, "priority": null, "due_date": "2026-12-01T00:00:00",
                "tags": ["Home"], "category": "Errands", "status": "pending", "completed_at": null, "completedAt": null,
                "recurrence_rule": "FREQ=DAILY", "next_occurrence": "2026-12-02T00:00:00", "time_zone": "Europe/Berlin",
                "recurrenceRule": "FREQ=DAILY", "nextOccurrence": "2026-12-02T00:00:00", "timeZone": "Europe/Berlin",
                "created_at": "2026-11-21T02:51:49.233112Z", "updated_at": "2026-11-21T02:51:49.233112Z",
                "version": 7, "txid": "731", "userId": "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", "dueDate": "2026-12-01T00:00:00",
                "createdAt": "2026-11-21T02:51:49.233112Z", "updatedAt": "2026-11-21T02:51:49.233112Z"
            }]})
        );
    }
}
