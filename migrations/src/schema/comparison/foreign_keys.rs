//! The foreign key from `tasks.user_id` to the table of users. It has to cascade: otherwise a user who has tasks cannot be
//! deleted.

use sqlx::PgConnection;

use crate::schema::catalog::{ForeignKey, TasksTable, UserTable, type_family};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::FOREIGN_KEY;
use crate::schema::orphans;

pub(super) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
    users: &UserTable,
) -> Result<Vec<Difference>, sqlx::Error> {
    let Some(user_id) = tasks.column("user_id") else { return Ok(Vec::new()) };
    let UserTable { name: table, key, key_type } = users;
    if type_family(&user_id.type_name) != type_family(key_type) {
        return Ok(vec![Difference::manual(
            format!("tasks.user_id is of type {}, and {table}.{key} of type {key_type}", user_id.type_name),
            "set AUTH_USER_TABLE to the table whose keys these are, or to none for no foreign key",
        )]);
    }
    if !tasks.has_validated_foreign_key()
        && let Some(orphans) = orphans::difference(database, users).await?
    {
        return Ok(vec![orphans]);
    }
    if tasks.foreign_keys.is_empty() {
        return Ok(vec![missing(users)]);
    }
    let mut one_cascades = tasks.foreign_keys.iter().any(|foreign_key| foreign_key.cascades_deletes);
    let mut differences = Vec::new();
    for foreign_key in &tasks.foreign_keys {
        if !foreign_key.cascades_deletes {
            let changes = if one_cascades { drop_constraint(foreign_key) } else { replace(foreign_key, users) };
            one_cascades = true;
            differences.push(Difference::automatic(
                format!(
                    "the foreign key {} does not cascade: a user who has tasks cannot be deleted",
                    foreign_key.name
                ),
                changes,
            ));
        } else if !foreign_key.validated {
            let name = &foreign_key.name;
            differences
                .push(Difference::automatic(format!("the foreign key {name} is not validated"), [validate(name)]));
        }
    }
    Ok(differences)
}

fn missing(users: &UserTable) -> Difference {
    let add = Change::in_transaction(
        format!("add the foreign key {FOREIGN_KEY}"),
        format!("alter table tasks {};", add_clause(users, false)),
    )
    .with_undo(format!("alter table tasks drop constraint {FOREIGN_KEY};"));
    Difference::automatic("user_id has no foreign key", [add, validate(FOREIGN_KEY)])
}

/// Drops a foreign key beside another one that cascades.
fn drop_constraint(foreign_key: &ForeignKey) -> Vec<Change> {
    let name = &foreign_key.name;
    let drop = Change::in_transaction(
        format!("drop the foreign key {name}, which keeps users from being deleted"),
        format!("alter table tasks drop constraint {name};"),
    )
    .with_undo(format!("alter table tasks {}", restore_clause(foreign_key)));
    revalidation(foreign_key).into_iter().chain([drop]).collect()
}

/// Puts [`FOREIGN_KEY`] in the place of a foreign key that does not cascade.
fn replace(foreign_key: &ForeignKey, users: &UserTable) -> Vec<Change> {
    let name = &foreign_key.name;
    let add = add_clause(users, foreign_key.cascades_updates);
    let replace = Change::in_transaction(
        format!("replace the foreign key {name} by one that deletes a user's tasks with the user"),
        format!("alter table tasks drop constraint {name}, {add};"),
    )
    .with_undo(format!("alter table tasks drop constraint {FOREIGN_KEY}, {}", restore_clause(foreign_key)));
    revalidation(foreign_key).into_iter().chain([replace, validate(FOREIGN_KEY)]).collect()
}

/// A change that does nothing and whose undo validates a foreign key that was restored. Changes are undone in reverse
/// order, so it comes before the change that drops the foreign key.
fn revalidation(ForeignKey { name, validated, .. }: &ForeignKey) -> Option<Change> {
    validated.then(|| {
        Change::in_transaction(format!("record the foreign key {name}"), "")
            .with_undo(format!("alter table tasks validate constraint {name};"))
    })
}

fn validate(name: &str) -> Change {
    Change::standalone(
        format!("validate the foreign key {name}"),
        format!("alter table tasks validate constraint {name};"),
    )
}

fn add_clause(UserTable { name, key, .. }: &UserTable, cascade_updates: bool) -> String {
    let on_update = if cascade_updates { " on update cascade" } else { "" };
    format!(
        "add constraint {FOREIGN_KEY} foreign key (user_id) references {name} ({key}) on delete cascade{on_update} not \
         valid"
    )
}

fn restore_clause(ForeignKey { name, definition, .. }: &ForeignKey) -> String {
    format!("add constraint {name} {} not valid;", definition.trim_end_matches(" NOT VALID"))
}
