//! Tasks as JSON.

use super::completed::status_word;
use super::derived::{TagsJson, write_fields};
use super::due_date::DueDate;
use super::extra;
use super::model::{Task, TaskPage};
use crate::config::JsonFormat;
use crate::output::{EntityTag, JsonText, Representation, Resource, member};
use crate::time::Timestamp;

impl Representation for Task {
    fn to_json(&self, format: JsonFormat) -> String {
        let mut json = JsonText::default();
        write_task(&mut json, self, format);
        json.finish()
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

    /// A bare array, or an object with the counts.
    fn to_json(&self, format: JsonFormat) -> String {
        let mut json = JsonText::default();
        if format.list_object {
            json.literal("{\"tasks\":");
        }
        json.literal("[");
        for (index, task) in self.tasks.iter().enumerate() {
            json.literal(if index > 0 { "," } else { "" });
            write_task(&mut json, task, format);
        }
        json.literal("]");
        if format.list_object {
            member!(json, "total", &self.total);
            member!(json, "count", &self.tasks.len());
            member!(json, "next_cursor", &self.next_cursor);
            json.literal("}");
        }
        json.finish()
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Body
    }
}

/// Writes a task. All members are always present, except the transaction, which only the response to a write has.
pub(super) fn write_task(json: &mut JsonText, task: &Task, format: JsonFormat) {
    json.literal("{\"id\":");
    json.value(&task.id);
    member!(json, "user_id", &task.user_id);
    member!(json, "title", &task.title);
    member!(json, "description", &task.description);
    member!(json, "completed", &task.completed);
    member!(json, "priority", &task.priority);
    json.literal(",\"due_date\":");
    DueDate::write(task.due_date, json, format);
    member!(json, "tags", &TagsJson(task, format.tags));
    member!(json, "category", &task.category);
    json.literal(",\"status\":");
    json.plain(status_word(task.completed));
    json.literal(",\"completed_at\":");
    write_time(json, task.completed_at);
    member!(json, "recurrence_rule", &task.recurrence);
    json.literal(",\"next_occurrence\":");
    DueDate::write(task.next_occurrence, json, format);
    member!(json, "time_zone", &task.time_zone);
    member!(json, "version", &task.version);
    json.literal(",\"created_at\":");
    write_time(json, Some(task.created_at));
    json.literal(",\"updated_at\":");
    write_time(json, Some(task.updated_at));
    write_fields(json, task, format);
    extra::write(json, &task.extra, format);
    if let Some(transaction) = &task.transaction {
        member!(json, "txid", transaction);
    }
    if format.camel_case_too {
        member!(json, "userId", &task.user_id);
        json.literal(",\"dueDate\":");
        DueDate::write(task.due_date, json, format);
        json.literal(",\"completedAt\":");
        write_time(json, task.completed_at);
        member!(json, "recurrenceRule", &task.recurrence);
        json.literal(",\"nextOccurrence\":");
        DueDate::write(task.next_occurrence, json, format);
        member!(json, "timeZone", &task.time_zone);
        json.literal(",\"createdAt\":");
        write_time(json, Some(task.created_at));
        json.literal(",\"updatedAt\":");
        write_time(json, Some(task.updated_at));
    }
    json.literal("}");
}

fn write_time(json: &mut JsonText, time: Option<Timestamp>) {
    match time {
        Some(time) => json.plain(time.text().as_str()),
        None => json.literal("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::RowId;
    use crate::tasks::TaskId;

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
            serde_json::from_str::<serde_json::Value>(&page.to_json(both)).expect("JSON"),
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
