//! The members of a task, in responses and in requests.

use shared::{ApiConfig, JsonFormat, TagsForm, TaskField, camel_case};

use crate::json::{Json, Object};

/// The members of every task that have a second spelling.
const SPELLINGS: [&str; 8] =
    ["userId", "dueDate", "completedAt", "recurrenceRule", "nextOccurrence", "timeZone", "createdAt", "updatedAt"];
/// The requests that can have the members of the front end.
const REQUESTS: [&str; 2] = ["NewTask", "TaskChange"];

/// Removes the members that the settings turn off. All others are always present.
pub(super) fn adapt(document: &mut Json, config: &ApiConfig) -> Option<()> {
    let format = config.json;
    let task = document.at(&["components", "schemas", "Task"])?.as_object_mut()?;
    task.insert("description".to_owned(), "All members are always present, except for `txid`.".into());
    task.shift_remove("dependentRequired");
    let mut required = task.get_mut("required")?.as_list_mut()?.clone();
    let properties = task.get_mut("properties")?.as_object_mut()?;
    tags(properties.get_mut("tags")?, format.tags)?;
    let mut keep = |name: &str, is_present: bool, properties: &mut Object| {
        if is_present {
            required.push(name.into());
        } else {
            properties.shift_remove(name);
        }
    };
    for field in TaskField::ALL {
        let [name, other] = field.names();
        let is_present = format.fields.contains(&field);
        keep(name, is_present, properties);
        if other != name {
            keep(other, is_present && format.camel_case_too, properties);
        }
    }
    SPELLINGS.iter().for_each(|name| keep(name, format.camel_case_too, properties));
    for name in members_of_the_front_end(format) {
        properties.insert(name.clone(), member_of_the_front_end("Null if it has no value."));
        required.push(name.into());
    }
    let names: Vec<String> = properties.keys().cloned().collect();
    task.insert("required".to_owned(), Json::List(required));
    let example = example(task.get_mut("examples")?.at(&["0"])?, &names, format);
    task.insert("examples".to_owned(), Json::list([example.clone()]));
    *document.at(&["components", "schemas", "ChangePage", "examples", "0", "changes", "1", "task"])? = example;
    for request in REQUESTS {
        let properties = document.at(&["components", "schemas", request, "properties"])?.as_object_mut()?;
        for field in format.extra {
            let schema = member_of_the_front_end("Absent, it stays unchanged; null clears it.");
            properties.insert(field.member.clone(), schema);
        }
    }
    filters(document, format)?;
    let change = document.at(&["components", "schemas", "TaskChange", "anyOf"])?.as_list_mut()?;
    change.extend(format.extra.iter().map(|field| Json::object([("required", Json::list([&*field.member]))])));
    Some(())
}

/// Adds the filters by members of the front end, except for those whose name is taken.
fn filters(document: &mut Json, format: JsonFormat) -> Option<()> {
    let parameters = document.get("components")?.get("parameters")?.as_object()?;
    let taken: Vec<&str> = parameters.values().filter_map(|parameter| parameter.get("name")?.as_text()).collect();
    let free = format.extra.iter().filter(|field| !taken.contains(&&*field.member));
    let filters: Vec<Json> = free.map(|field| filter(&field.member)).collect();
    for item in document.at(&["paths"])?.as_object_mut()?.values_mut() {
        let Some(parameters) = item.at(&["get", "parameters"]).and_then(Json::as_list_mut) else { continue };
        if parameters.contains(&Json::reference("#/components/parameters/Status")) {
            parameters.extend(filters.iter().cloned());
        }
    }
    Some(())
}

fn filter(name: &str) -> Json {
    Json::object([
        ("name", name.into()),
        ("in", "query".into()),
        ("description", "Only tasks in which it is true, or with `false` all others.".into()),
        ("schema", Json::object([("type", "boolean".into())])),
    ])
}

/// Leaves one of the forms of tags.
fn tags(schema: &mut Json, form: TagsForm) -> Option<()> {
    let description = schema.get("description")?.as_text()?;
    let (_, limits) = description.split_once("TASK_TAGS=string. ")?;
    let description =
        format!("Names that differ without regard to case, in the order in which they were sent. {limits}");
    let index = match form {
        TagsForm::Names => "0",
        TagsForm::Objects => "1",
        TagsForm::String => "2",
    };
    let mut chosen = schema.at(&["anyOf", index])?.clone();
    chosen.as_object_mut()?.insert("description".to_owned(), description.into());
    *schema = chosen;
    Some(())
}

/// Members of `TASK_EXTRA_FIELDS`, in each spelling that responses have.
fn members_of_the_front_end(format: JsonFormat) -> Vec<String> {
    let mut names = Vec::new();
    for field in format.extra {
        names.push(field.member.clone());
        let other = camel_case(&field.member);
        if format.camel_case_too && other != field.member {
            names.push(other);
        }
    }
    names
}

/// Any value: what a column takes is known to the database only.
fn member_of_the_front_end(rule: &str) -> Json {
    Json::object([("description", format!("A member that only the front end knows. {rule}").into())])
}

/// The example of the contract, with these members.
fn example(of_the_contract: &Json, names: &[String], format: JsonFormat) -> Json {
    let base = |name: &str| of_the_contract.get(name).cloned();
    let members = names.iter().filter(|name| *name != "txid").map(|name| {
        let value = match name.as_str() {
            "tags" => match format.tags {
                TagsForm::Names => base("tags"),
                TagsForm::Objects => {
                    let tag = [("id", "Home".into()), ("name", "Home".into()), ("color", "#ff8800".into())];
                    Some(Json::list([Json::object(tag)]))
                }
                TagsForm::String => Some("Home".into()),
            },
            "is_recurring" | "isRecurring" => Some(true.into()),
            "recurrence" | "recurrence_pattern" | "recurrencePattern" => Some("weekly".into()),
            "recurrence_interval" | "recurrenceInterval" => Some(1.into()),
            "is_overdue" | "isOverdue" | "is_completed" | "isCompleted" => Some(false.into()),
            spelling => base(spelling).or_else(|| base(&snake_case(spelling))),
        };
        (name.clone(), value.unwrap_or(Json::Null))
    });
    Json::Object(members.collect())
}

/// `dueDate`: `due_date`.
fn snake_case(name: &str) -> String {
    let letters = name.chars().flat_map(|letter| {
        let separator = letter.is_ascii_uppercase().then_some('_');
        separator.into_iter().chain(std::iter::once(letter.to_ascii_lowercase()))
    });
    letters.collect()
}
