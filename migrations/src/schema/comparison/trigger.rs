//! The trigger that maintains `updated_at` and `version`.

use crate::schema::catalog::{Function, TasksTable, Trigger};
use crate::schema::change::Change;
use crate::schema::change_trigger::{
    FUNCTION_NAME, FUNCTION_SETTINGS, TRIGGER_NAME, TRIGGER_TYPE, create_function, create_trigger, function_body,
};
use crate::schema::difference::Difference;

pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    let Some(trigger) = &tasks.trigger else { return vec![missing()] };
    let mut differences = Vec::new();
    if !tasks.function.as_ref().is_some_and(is_current) {
        differences.push(Difference::automatic(
            format!("the function {FUNCTION_NAME} is another one"),
            [Change::in_transaction("replace the trigger's function", create_function())],
        ));
    }
    differences.extend(compare(trigger));
    differences
}

fn missing() -> Difference {
    let add = Change::in_transaction(
        "add the trigger that keeps updated_at and version",
        format!("{}\n{}", create_function(), create_trigger()),
    )
    .with_undo(format!("drop trigger {TRIGGER_NAME} on tasks;\ndrop function {FUNCTION_NAME}();"));
    Difference::automatic("the trigger that keeps updated_at and version is missing", [add])
}

fn is_current(function: &Function) -> bool {
    function.source.trim() == function_body().trim()
        && function.settings.len() == FUNCTION_SETTINGS.len()
        && FUNCTION_SETTINGS.iter().all(|expected| function.settings.iter().any(|setting| setting == expected))
}

fn compare(trigger: &Trigger) -> Vec<Difference> {
    let name = &trigger.name;
    if trigger.type_bits != TRIGGER_TYPE {
        let sql = format!("drop trigger {name} on tasks;\n{}", create_trigger());
        // The new trigger has the right name and is enabled.
        return vec![Difference::automatic(
            format!("the trigger {name} does not fire before each updated row"),
            [Change::in_transaction("replace the trigger", sql)],
        )];
    }
    let mut differences = Vec::new();
    if name != TRIGGER_NAME {
        let sql = format!("alter trigger {name} on tasks rename to {TRIGGER_NAME};");
        differences.push(Difference::automatic(
            format!("the trigger {name} may fire before others"),
            [Change::in_transaction("rename the trigger", sql)],
        ));
    }
    if !trigger.enabled {
        // By its right name: a wrong one was changed before.
        let sql = format!("alter table tasks enable trigger {TRIGGER_NAME};");
        differences.push(Difference::automatic(
            format!("the trigger {name} is disabled"),
            [Change::in_transaction("enable the trigger", sql)],
        ));
    }
    differences
}
