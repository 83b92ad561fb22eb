//! The trigger that maintains `updated_at` and `version`.

use crate::schema::catalog::{Function, TasksTable, Trigger};
use crate::schema::change::Change;
use crate::schema::change_trigger::{
    FUNCTION_NAME, FUNCTION_SCHEMA, TRIGGER_NAME, TRIGGER_TYPE, create_earlier_release, create_function,
    create_trigger, function_body,
};
use crate::schema::difference::Difference;

pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    let Some(trigger) = &tasks.trigger else { return vec![missing()] };
    if trigger.function_schema != FUNCTION_SCHEMA {
        return vec![of_earlier_release(trigger)];
    }
    let mut differences = Vec::new();
    if !tasks.function.as_ref().is_some_and(is_current) {
        differences.push(Difference::automatic(
            format!("the function {FUNCTION_SCHEMA}.{FUNCTION_NAME} is another one"),
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
    .with_undo(drop_trigger_and_function());
    Difference::automatic("the trigger that keeps updated_at and version is missing", [add])
}

/// The undo restores what the earlier release made, so that its own undo finds it.
fn of_earlier_release(Trigger { name, function_schema, .. }: &Trigger) -> Difference {
    let replace = Change::in_transaction(
        "replace the trigger that keeps updated_at and version",
        format!(
            "drop trigger {name} on tasks;\ndrop function {function_schema}.{FUNCTION_NAME}();\n{}\n{}",
            create_function(),
            create_trigger()
        ),
    )
    .with_undo(format!("{}\n{}", drop_trigger_and_function(), create_earlier_release()));
    Difference::automatic("the trigger that keeps updated_at and version is the one of an earlier release", [replace])
}

fn drop_trigger_and_function() -> String {
    format!("drop trigger {TRIGGER_NAME} on tasks;\ndrop function {FUNCTION_SCHEMA}.{FUNCTION_NAME}();")
}

fn is_current(function: &Function) -> bool {
    function.source.trim() == function_body().trim() && function.settings.is_empty()
}

fn compare(trigger: &Trigger) -> Vec<Difference> {
    let name = &trigger.name;
    let replaced = |problem: &str| {
        let sql = format!("drop trigger {name} on tasks;\n{}", create_trigger());
        // The new trigger has the right name and is enabled.
        vec![Difference::automatic(
            format!("the trigger {name} {problem}"),
            [Change::in_transaction("replace the trigger", sql)],
        )]
    };
    if trigger.type_bits != TRIGGER_TYPE {
        return replaced("does not fire before each updated row");
    }
    if trigger.has_condition {
        return replaced("has a condition, which fails for columns of some types");
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
