//! The triggers of `tasks` and their functions. What was written while one of them was missing is not recorded, so its repair
//! makes every client fetch all tasks again.

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::triggers::{ExpectedTrigger, FUNCTION_SCHEMA, TRIGGERS, Trigger, create_earlier_release};

pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    TRIGGERS.iter().flat_map(|expected| differences_of(expected, tasks)).collect()
}

fn differences_of(expected: &ExpectedTrigger, tasks: &TasksTable) -> Vec<Difference> {
    let renew_epoch = if expected.records_changes { tasks.sync_tables.renew_epoch() } else { "" };
    let Some(trigger) = tasks.triggers.find(expected) else { return vec![missing(expected, renew_epoch)] };
    if trigger.function_schema != FUNCTION_SCHEMA {
        return vec![of_earlier_release(expected, trigger, renew_epoch)];
    }
    let mut differences = Vec::new();
    if !tasks.triggers.has_function_of(expected) {
        differences.push(Difference::automatic(
            format!("the function {FUNCTION_SCHEMA}.{} is another one", expected.function),
            [Change::in_transaction("replace the trigger's function", expected.create_function() + renew_epoch)],
        ));
    }
    differences.extend(compare(expected, trigger, renew_epoch));
    differences
}

fn missing(expected: &ExpectedTrigger, renew_epoch: &str) -> Difference {
    let ExpectedTrigger { purpose, .. } = expected;
    let add = Change::in_transaction(
        format!("add the trigger that {purpose}"),
        format!("{}\n{}{renew_epoch}", expected.create_function(), expected.create_trigger()),
    )
    .with_undo(expected.drop());
    Difference::automatic(format!("the trigger that {purpose} is missing"), [add])
}

/// The undo restores what the earlier release made, so that its own undo finds it.
fn of_earlier_release(
    expected: &ExpectedTrigger,
    Trigger { name, function_schema, .. }: &Trigger,
    renew_epoch: &str,
) -> Difference {
    let ExpectedTrigger { purpose, function, .. } = expected;
    let replace = Change::in_transaction(
        format!("replace the trigger that {purpose}"),
        format!(
            "drop trigger {name} on tasks;\ndrop function {function_schema}.{function}();\n{}\n{}{renew_epoch}",
            expected.create_function(),
            expected.create_trigger()
        ),
    )
    .with_undo(format!("{}\n{}", expected.drop(), create_earlier_release()));
    Difference::automatic(format!("the trigger that {purpose} is the one of an earlier release"), [replace])
}

fn compare(expected: &ExpectedTrigger, trigger: &Trigger, renew_epoch: &str) -> Vec<Difference> {
    let name = &trigger.name;
    let replaced = |problem: &str| {
        let sql = format!("drop trigger {name} on tasks;\n{}{renew_epoch}", expected.create_trigger());
        // The new trigger has the right name and is enabled.
        vec![Difference::automatic(
            format!("the trigger {name} {problem}"),
            [Change::in_transaction("replace the trigger", sql)],
        )]
    };
    if !expected.fires_with(trigger) {
        return replaced(&format!("does not fire {}", expected.event));
    }
    if !expected.has_condition_of(trigger) {
        return replaced(match expected.condition {
            None => "has a condition, which fails for columns of some types",
            Some(_) => "does not have the condition of this release",
        });
    }
    let mut differences = Vec::new();
    if name != expected.name {
        let sql = format!("alter trigger {name} on tasks rename to {};", expected.name);
        differences.push(Difference::automatic(
            format!("the trigger {name} may fire before others"),
            [Change::in_transaction("rename the trigger", sql)],
        ));
    }
    if !trigger.enabled {
        // By its right name: a wrong one was changed before.
        let sql = format!("alter table tasks enable trigger {};{renew_epoch}", expected.name);
        differences.push(Difference::automatic(
            format!("the trigger {name} is disabled"),
            [Change::in_transaction("enable the trigger", sql)],
        ));
    }
    differences
}
