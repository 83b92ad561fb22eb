//! The names that other back ends give to what the functions call `tasks`, `title`, `completed` and so on.

use crate::schema::catalog::Column;

/// Names without underscores, in lower case. Those that mean the column most certainly come first.
const SYNONYMS: [(&str, &[&str]); 9] = [
    ("id", &["taskid", "todoid", "uuid", "pk"]),
    (
        "user_id",
        &[
            "user",
            "ownerid",
            "owner",
            "authorid",
            "author",
            "creatorid",
            "creator",
            "createdbyid",
            "createdby",
            "accountid",
            "profileid",
            "uid",
        ],
    ),
    (
        "title",
        &["name", "tasktitle", "taskname", "task", "todo", "summary", "subject", "heading", "label", "text", "content"],
    ),
    (
        "description",
        &["details", "detail", "desc", "taskdescription", "notes", "note", "body", "content", "text", "memo"],
    ),
    (
        "completed",
        &[
            "iscompleted",
            "complete",
            "iscomplete",
            "done",
            "isdone",
            "completedflag",
            "finished",
            "isfinished",
            "checked",
        ],
    ),
    ("priority", &["prio", "taskpriority", "prioritylevel", "importance", "urgency"]),
    ("due_date", &["due", "dueat", "dueon", "dueby", "duedatetime", "deadline", "deadlineat", "targetdate"]),
    (
        "created_at",
        &["created", "createdon", "createdate", "createddate", "datecreated", "creationdate", "insertedat", "inserted"],
    ),
    (
        "updated_at",
        &[
            "updated",
            "updatedon",
            "modifiedat",
            "modified",
            "modifiedon",
            "lastupdated",
            "lastupdate",
            "lastmodified",
            "updateddate",
            "dateupdated",
            "changedat",
        ],
    ),
];

/// Columns that say in a word how far a task is.
const STATUS: [&str; 4] = ["status", "state", "taskstatus", "stage"];

/// The words of such a column that mean that the task is completed.
const FINISHED: [&str; 7] = ["completed", "complete", "done", "finished", "closed", "resolved", "checked"];

/// Columns that say when a task was completed.
const COMPLETED_AT: [&str; 6] =
    ["completedat", "completedon", "doneat", "finishedat", "completiondate", "datecompleted"];

/// Columns that mark a row as deleted.
const DELETED: [&str; 12] = [
    "deletedat",
    "deleted",
    "isdeleted",
    "deletedon",
    "deleteddate",
    "datedeleted",
    "deletedflag",
    "softdeleted",
    "removedat",
    "isremoved",
    "trashedat",
    "istrashed",
];

/// Columns that hide a row in some back ends.
const HIDDEN: [&str; 3] = ["archivedat", "archived", "isarchived"];

/// The last words of the names of tables of tasks.
const TASK_NOUNS: [&str; 4] = ["task", "tasks", "todo", "todos"];
const ITEM_NOUNS: [&str; 4] = ["item", "items", "entry", "entries"];

/// A name without underscores, in lower case: `dueDate` and `due_date` become `duedate`.
pub(crate) fn normalized(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How surely a column is the one that the functions call `expected`: 0 is the same name in another spelling. `None` when
/// nothing suggests it.
pub(crate) fn rank(expected: &str, name: &str, type_name: &str) -> Option<usize> {
    let name = normalized(name);
    if name == normalized(expected) {
        return Some(0);
    }
    let (_, synonyms) = SYNONYMS.iter().find(|(known, _)| *known == expected)?;
    let rank = synonyms.iter().position(|synonym| *synonym == name)?;
    can_hold(expected, type_name).then_some(rank + 1)
}

/// Whether a column of this type can mean what the functions call `expected`, if need be after a conversion.
fn can_hold(expected: &str, type_name: &str) -> bool {
    let is_text = matches!(type_name, "text" | "varchar" | "bpchar" | "citext");
    let is_integer = matches!(type_name, "int2" | "int4" | "int8");
    let is_time = matches!(type_name, "timestamptz" | "timestamp" | "date");
    match expected {
        "id" | "user_id" => is_text || is_integer || type_name == "uuid",
        "title" | "description" => is_text,
        "completed" => type_name == "bool" || is_integer,
        "priority" => !is_time && type_name != "bool",
        "due_date" | "created_at" | "updated_at" => is_time || is_text || type_name == "int8",
        _ => false,
    }
}

/// Whether the column says in a word how far a task is.
pub(crate) fn is_status(column: &Column) -> bool {
    let is_other_kind = matches!(&*column.type_name, "bool" | "timestamptz" | "timestamp" | "date" | "json" | "jsonb");
    STATUS.contains(&&*normalized(&column.name)) && !is_other_kind
}

/// Whether a word of such a column means that the task is completed.
pub(crate) fn means_finished(word: &str) -> bool {
    FINISHED.contains(&&*normalized(word))
}

/// Whether the column says when a task was completed.
pub(crate) fn is_completion_time(column: &Column) -> bool {
    COMPLETED_AT.contains(&&*normalized(&column.name)) && is_time(column)
}

/// The condition under which the column marks a row as deleted. `None` when it does not.
pub(crate) fn deleted_condition(column: &Column) -> Option<String> {
    DELETED.contains(&&*normalized(&column.name)).then(|| set_condition(column)).flatten()
}

/// The condition under which the column may hide a row. `None` when it does not.
pub(crate) fn hidden_condition(column: &Column) -> Option<String> {
    HIDDEN.contains(&&*normalized(&column.name)).then(|| set_condition(column)).flatten()
}

/// The condition under which a flag or a time is set.
fn set_condition(column: &Column) -> Option<String> {
    let name = &column.name;
    match &*column.type_name {
        "bool" => Some(name.clone()),
        "int2" | "int4" | "int8" => Some(format!("{name} <> 0")),
        _ if is_time(column) => Some(format!("{name} is not null")),
        _ => None,
    }
}

fn is_time(column: &Column) -> bool {
    matches!(&*column.type_name, "timestamptz" | "timestamp" | "date")
}

/// Whether this is a usual name of a table of tasks: `task`, `todos`, `TodoItem`.
pub(crate) fn is_task_table(table: &str) -> bool {
    let name = normalized(table);
    let stem = ITEM_NOUNS.iter().find_map(|noun| name.strip_suffix(noun)).unwrap_or(&name);
    TASK_NOUNS.contains(&stem) || stem == "todolist" && stem != name
}

/// Whether the name ends as one of a table of tasks does: `app_task`, `user_todos`.
pub(crate) fn ends_as_task_table(table: &str) -> bool {
    let snake: String = table
        .chars()
        .flat_map(|letter| letter.is_uppercase().then_some('_').into_iter().chain(letter.to_lowercase()))
        .collect();
    let mut words = snake.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).rev();
    let last = words.next().unwrap_or_default();
    let last = if ITEM_NOUNS.contains(&last) { words.next().unwrap_or_default() } else { last };
    TASK_NOUNS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_recognized_by_name_and_type() {
        assert_eq!(rank("due_date", "\"dueDate\"", "timestamp"), Some(0));
        assert_eq!(rank("completed", "is_completed", "bool"), Some(1));
        assert_eq!(rank("completed", "is_completed", "text"), None);
        assert_eq!(rank("description", "notes", "text"), Some(5));
        assert_eq!(rank("description", "notes", "jsonb"), None);
        assert_eq!(rank("version", "revision", "int8"), None);
    }

    #[test]
    fn tables_are_recognized_by_name() {
        for name in ["task", "todos", "Todo", "TodoItem", "todo_items", "todolistitem", "Task"] {
            assert!(is_task_table(name), "{name}");
        }
        for name in ["app_task", "user_todos", "TodoItem", "core_todo_items", "UserTask"] {
            assert!(ends_as_task_table(name), "{name}");
        }
        for name in ["subtasks_log", "todo_lists", "task_tags", "items", "tasks_deleted", "task_fences"] {
            assert!(!is_task_table(name) && !ends_as_task_table(name), "{name}");
        }
    }
}
