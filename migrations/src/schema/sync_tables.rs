//! The tables of our own from which a client learns what has changed and what a repeated request did, and that of tags: what
//! the catalog has of them, and the SQL that creates them, taken from the migrations.

use sqlx::{FromRow, PgConnection};

const FILE_OF_CHANGES: &str = include_str!("../../0019_task_changes_feed.up.sql");
const FILE_OF_KEYS: &str = include_str!("../../0021_idempotency_keys.up.sql");
const GRANT_OF_KEYS: &str = include_str!("../../0028_account_deletion.up.sql");
const FILE_OF_TAGS: &str = include_str!("../../0024_task_tags.up.sql");

pub(crate) const TOMBSTONES: &str = "tasks_api.task_tombstones";
pub(crate) const EPOCH: &str = "tasks_api.sync_epoch";
pub(crate) const IDEMPOTENCY_KEYS: &str = "tasks_api.idempotency_keys";
pub(crate) const TAGS: &str = "tasks_api.task_tags";

/// The columns of the index of [`TOMBSTONES`].
pub(crate) const TOMBSTONE_INDEX: &str = "(user_id, deleted_in, task_id)";
/// The columns of the primary key of [`IDEMPOTENCY_KEYS`].
pub(crate) const IDEMPOTENCY_KEY: &str = "(user_id, operation, key)";
/// The columns of the index of [`TAGS`], which is unique.
pub(crate) const TAG_INDEX: &str = "(user_id, lower(name))";

/// What the catalog has of the tables.
pub(crate) struct SyncTables {
    pub(crate) tombstones: Option<UserRows>,
    pub(crate) idempotency_keys: Option<UserRows>,
    pub(crate) tags: Option<UserRows>,
    pub(crate) epoch: Epoch,
    /// The type of `tasks.user_id` with its length, which that of the others has to be.
    pub(crate) user_id_type: Option<String>,
    /// Whether a foreign key of `tasks.user_id` demands one of [`IDEMPOTENCY_KEYS`] and of [`TAGS`].
    pub(crate) needs_foreign_key: bool,
}

/// A table of our own whose rows belong to users.
#[derive(FromRow)]
pub(crate) struct UserRows {
    name: String,
    /// The type of `user_id` with its length.
    pub(crate) user_id_type: String,
    /// The columns of each index.
    pub(crate) indexes: Vec<String>,
    pub(crate) primary_key: Option<String>,
    /// Whether its rows go with the user that the foreign key of `tasks.user_id` references.
    pub(crate) has_foreign_key: bool,
}

/// The table [`EPOCH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// With its row, as far as this role can see.
    Present,
    WithoutRow,
    Missing,
}

impl SyncTables {
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let tables: Vec<UserRows> = sqlx::query_as(
            "select
                relname::text as name,
                format_type(atttypid, atttypmod) as user_id_type,
                array(
                    select split_part(pg_get_indexdef(indexrelid), ' USING btree ', 2)
                    from pg_index
                    where indrelid = pg_class.oid
                        and indisvalid
                ) as indexes,
                (
                    select quote_ident(conname)
                    from pg_constraint
                    where conrelid = pg_class.oid
                        and contype = 'p'
                ) as primary_key,
                exists (
                    select
                    from pg_constraint as own
                    join pg_constraint as of_tasks
                        on of_tasks.conrelid = to_regclass('tasks')
                        and of_tasks.contype = 'f'
                        and of_tasks.confrelid = own.confrelid
                    where own.conrelid = pg_class.oid
                        and own.contype = 'f'
                        and own.confdeltype = 'c'
                ) as has_foreign_key
            from pg_class
            join pg_attribute
                on attrelid = pg_class.oid
                and attname = 'user_id'
                and not attisdropped
            where relnamespace = to_regnamespace('tasks_api')
                and relkind = 'r'
                and relname in ('task_tombstones', 'idempotency_keys', 'task_tags')",
        )
        .fetch_all(&mut *database)
        .await?;
        let of_tasks: Option<(String, bool)> = sqlx::query_as(
            "select
                format_type(atttypid, atttypmod),
                exists (
                    select
                    from pg_constraint
                    where conrelid = attrelid
                        and contype = 'f'
                        and conkey = array[attnum]
                )
            from pg_attribute
            where attrelid = to_regclass('tasks')
                and attname = 'user_id'
                and not attisdropped",
        )
        .fetch_optional(&mut *database)
        .await?;
        let mut tombstones = None;
        let mut idempotency_keys = None;
        let mut tags = None;
        for table in tables {
            let place = match &*table.name {
                "idempotency_keys" => &mut idempotency_keys,
                "task_tags" => &mut tags,
                _ => &mut tombstones,
            };
            *place = Some(table);
        }
        let (user_id_type, needs_foreign_key) = of_tasks.unzip();
        Ok(Self {
            tombstones,
            idempotency_keys,
            tags,
            epoch: epoch(database).await?,
            user_id_type,
            needs_foreign_key: needs_foreign_key.unwrap_or_default(),
        })
    }
}

impl SyncTables {
    /// The end of SQL that repairs what records changes: a statement that makes every client fetch all tasks again. Empty
    /// where no client can have a token yet.
    pub(crate) fn renew_epoch(&self) -> &'static str {
        match self.epoch {
            Epoch::Present => "\nupdate tasks_api.sync_epoch set epoch = gen_random_uuid();",
            Epoch::WithoutRow | Epoch::Missing => "",
        }
    }
}

async fn epoch(database: &mut PgConnection) -> Result<Epoch, sqlx::Error> {
    let is_readable: Option<bool> = sqlx::query_scalar(
        "select has_schema_privilege(relnamespace, 'usage') and has_table_privilege(oid, 'select')
        from pg_class
        where relnamespace = to_regnamespace('tasks_api')
            and relkind = 'r'
            and relname = 'sync_epoch'",
    )
    .fetch_optional(&mut *database)
    .await?;
    match is_readable {
        None => Ok(Epoch::Missing),
        Some(false) => Ok(Epoch::Present),
        Some(true) => {
            let has_row = sqlx::query_scalar("select exists (select from tasks_api.sync_epoch)");
            let has_row = has_row.fetch_one(database).await?;
            Ok(if has_row { Epoch::Present } else { Epoch::WithoutRow })
        }
    }
}

/// The SQL that creates [`TOMBSTONES`] for the type that `tasks.user_id` has.
pub(crate) fn create_tombstones() -> String {
    let table = part(FILE_OF_CHANGES, "create table tasks_api.task_tombstones", &format!("{TOMBSTONE_INDEX};"));
    format!("{table}\n\n{}", grant_select(TOMBSTONES))
}

/// The SQL that creates the index of [`TOMBSTONES`].
pub(crate) fn create_tombstone_index() -> &'static str {
    part(FILE_OF_CHANGES, "create index", ";")
}

/// The SQL that creates [`EPOCH`] with its row.
pub(crate) fn create_epoch() -> String {
    let table = part(FILE_OF_CHANGES, "create table tasks_api.sync_epoch", "default values;");
    format!("{table}\n\n{}", grant_select(EPOCH))
}

/// The SQL that creates [`IDEMPOTENCY_KEYS`] for the type and the foreign key that `tasks.user_id` has.
pub(crate) fn create_idempotency_keys() -> String {
    const NEXT: &str = "\n-- The index of 0020";
    let create = part(FILE_OF_KEYS, "create table tasks_api.idempotency_keys", NEXT).trim_end_matches(NEXT).trim_end();
    format!("{create}\n\n{}", GRANT_OF_KEYS.trim_end())
}

/// The SQL that adds the foreign key of [`IDEMPOTENCY_KEYS`] as that of `tasks.user_id` is.
pub(crate) fn add_foreign_key_of_keys() -> String {
    add_foreign_key(FILE_OF_KEYS)
}

/// The SQL that creates [`TAGS`] for the type and the foreign key that `tasks.user_id` has.
pub(crate) fn create_tags() -> &'static str {
    let start = FILE_OF_TAGS.find("create table").unwrap_or_default();
    FILE_OF_TAGS[start..].trim_end()
}

/// The SQL that creates the index of [`TAGS`].
pub(crate) fn create_tag_index() -> &'static str {
    part(FILE_OF_TAGS, "create unique index", ";")
}

/// The SQL that adds the foreign key of [`TAGS`] as that of `tasks.user_id` is.
pub(crate) fn add_foreign_key_of_tags() -> String {
    add_foreign_key(FILE_OF_TAGS)
}

fn add_foreign_key(file: &'static str) -> String {
    let block = part(file, "do $$", "end\n$$;");
    let start = block.find("    -- As that of `tasks.user_id`").unwrap_or_default();
    format!("do $$\ndeclare\n    reference text;\nbegin\n{}", &block[start..])
}

/// The end of the migration, for one of its tables.
fn grant_select(table: &str) -> String {
    const BOTH: &str = "tasks_api.task_tombstones, tasks_api.sync_epoch";
    part(FILE_OF_CHANGES, "do $$\ndeclare\n    role text;", "end\n$$;").replace(BOTH, table)
}

/// The part of a file that begins and ends with these words.
fn part(file: &'static str, begin: &str, end: &str) -> &'static str {
    let start = file.find(begin).unwrap_or(file.len());
    let text = &file[start..];
    let length = text.find(end).map_or(text.len(), |position| position + end.len());
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_created_and_granted() {
        let tombstones = create_tombstones();
        assert!(tombstones.contains("alter table tasks_api.task_tombstones alter column user_id type"), "{tombstones}");
        assert!(tombstones.contains("create index task_tombstones_user_id"), "{tombstones}");
        assert!(tombstones.contains("'grant select on tasks_api.task_tombstones to %s'"), "{tombstones}");
        assert!(!tombstones.contains("sync_epoch"), "{tombstones}");
        let epoch = create_epoch();
        assert!(epoch.contains("insert into tasks_api.sync_epoch\ndefault values;"), "{epoch}");
        assert!(epoch.contains("'grant select on tasks_api.sync_epoch to %s'"), "{epoch}");
        let keys = create_idempotency_keys();
        assert!(keys.contains("grant select, insert on tasks_api.idempotency_keys to"), "{keys}");
        assert!(keys.contains("grant delete on tasks_api.idempotency_keys to"), "{keys}");
        assert!(keys.ends_with("end\n$$;") && !keys.contains("idx_tasks"), "{keys}");
        let foreign_key = add_foreign_key_of_keys();
        assert!(foreign_key.contains("into reference") && !foreign_key.contains("id_type"), "{foreign_key}");
        let foreign_key = add_foreign_key_of_tags();
        assert!(foreign_key.contains("task_tags_user_id_fkey") && !foreign_key.contains("id_type"), "{foreign_key}");
        assert!(create_tags().contains("grant select, insert, update, delete on tasks_api.task_tags to"));
        assert!(create_tags().contains(create_tag_index()) && create_tag_index().contains(TAG_INDEX));
    }
}
