//! The tables of our own from which a client learns what has changed and what a repeated request did, and that of tags.

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::{Choice, Difference};
use crate::schema::sync_tables::{
    EPOCH, Epoch, IDEMPOTENCY_KEY, IDEMPOTENCY_KEYS, TAG_INDEX, TAGS, TOMBSTONE_INDEX, TOMBSTONES, UserRows,
    add_foreign_key_of_keys, add_foreign_key_of_tags, create_epoch, create_idempotency_keys, create_tag_index,
    create_tags, create_tombstone_index, create_tombstones,
};

/// The tables that the triggers write, so they come first.
pub(super) fn tables_of_triggers(tasks: &TasksTable) -> Vec<Difference> {
    let sync = &tasks.sync_tables;
    let mut differences = Vec::new();
    match &sync.tombstones {
        None => differences.push(missing(TOMBSTONES, &create_tombstones())),
        Some(table) => {
            differences.extend(other_type(TOMBSTONES, table, sync.user_id_type.as_deref()));
            if !table.indexes.iter().any(|index| index == TOMBSTONE_INDEX) {
                differences.push(Difference::automatic(
                    format!("the index of {TOMBSTONES} is missing"),
                    [Change::in_transaction(format!("add the index of {TOMBSTONES}"), create_tombstone_index())],
                ));
            }
        }
    }
    match sync.epoch {
        Epoch::Present => {}
        Epoch::Missing => differences.push(missing(EPOCH, &create_epoch())),
        Epoch::WithoutRow => differences.push(Difference::automatic(
            format!("the table {EPOCH} has no row"),
            [Change::in_transaction(format!("add the row of {EPOCH}"), format!("insert into {EPOCH} default values;"))],
        )),
    }
    differences
}

/// After the foreign key of `tasks.user_id`, which its own follows.
pub(super) fn idempotency_keys(tasks: &TasksTable) -> Vec<Difference> {
    let sync = &tasks.sync_tables;
    let Some(table) = &sync.idempotency_keys else {
        return vec![missing(IDEMPOTENCY_KEYS, &create_idempotency_keys())];
    };
    let mut differences = Vec::new();
    differences.extend(other_type(IDEMPOTENCY_KEYS, table, sync.user_id_type.as_deref()));
    if table.primary_key.as_deref() != Some("idempotency_keys_pkey")
        || !table.indexes.iter().any(|index| index == IDEMPOTENCY_KEY)
    {
        let drop = table.primary_key.as_ref().map(|name| format!("drop constraint {name}, ")).unwrap_or_default();
        let sql = format!(
            "alter table {IDEMPOTENCY_KEYS} {drop}add constraint idempotency_keys_pkey primary key {IDEMPOTENCY_KEY};"
        );
        differences.push(Difference::automatic(
            format!("the primary key of {IDEMPOTENCY_KEYS} is missing"),
            [Change::in_transaction(format!("add the primary key of {IDEMPOTENCY_KEYS}"), sql)],
        ));
    }
    if sync.needs_foreign_key && !table.has_foreign_key {
        differences.push(Difference::automatic(
            format!("{IDEMPOTENCY_KEYS} has no foreign key, so what a user did stays when the user is deleted"),
            [Change::in_transaction(format!("add the foreign key of {IDEMPOTENCY_KEYS}"), add_foreign_key_of_keys())],
        ));
    }
    differences
}

/// After the foreign key of `tasks.user_id`, which its own follows.
pub(super) fn tags(tasks: &TasksTable) -> Vec<Difference> {
    let sync = &tasks.sync_tables;
    let Some(table) = &sync.tags else {
        return vec![missing(TAGS, create_tags())];
    };
    let mut differences = Vec::new();
    differences.extend(other_type(TAGS, table, sync.user_id_type.as_deref()));
    if !table.indexes.iter().any(|index| index == TAG_INDEX) {
        differences.push(Difference::automatic(
            format!("the index of {TAGS} is missing"),
            [Change::in_transaction(format!("add the index of {TAGS}"), create_tag_index())],
        ));
    }
    if sync.needs_foreign_key && !table.has_foreign_key {
        differences.push(Difference::automatic(
            format!("{TAGS} has no foreign key, so tags stay when their user is deleted"),
            [Change::in_transaction(format!("add the foreign key of {TAGS}"), add_foreign_key_of_tags())],
        ));
    }
    differences
}

fn missing(table: &str, create: &str) -> Difference {
    let add =
        Change::in_transaction(format!("add the table {table}"), create).with_undo(format!("drop table {table};"));
    Difference::automatic(format!("the table {table} is missing"), [add])
}

/// The difference of a table whose `user_id` has not followed that of `tasks`.
fn other_type(name: &str, table: &UserRows, expected: Option<&str>) -> Option<Difference> {
    let expected = expected.filter(|expected| *expected != table.user_id_type)?;
    let convert =
        |using: &str| format!("alter table {name} alter column user_id type {expected} using user_id::text::{using};");
    Some(Difference::choice(
        format!("{name}.user_id is of type {}, and tasks.user_id of type {expected}", table.user_id_type),
        [
            Choice::sql_if("if the users have kept their ids", convert(expected)),
            Choice::sql_if(
                "if they have other ids",
                format!(
                    "begin; delete from {name}; update {EPOCH} set epoch = gen_random_uuid(); {} commit;",
                    convert(expected)
                ),
            ),
        ],
    ))
}
