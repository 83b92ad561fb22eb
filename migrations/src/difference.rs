//! What the table `tasks` lacks of what the functions need, and the changes that add it.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::MigrateError;
use crate::catalogue::{Column, ForeignKey, Tasks};
use crate::change::Change;
use crate::user_table::UserTable;
use crate::wanted::{self, changes};

/// One thing in which the database differs from what the functions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    what: String,
    remedy: Remedy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    Changes(Vec<Change>),
    /// A decision of the owner.
    ByHand(String),
}

impl Difference {
    /// A sentence that names it.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The SQL that ends it, or for an owner's decision the choices.
    #[must_use]
    pub fn fix(&self) -> String {
        match &self.remedy {
            Remedy::Changes(changes) => {
                changes.iter().map(Change::sql).filter(|sql| !sql.is_empty()).collect::<Vec<_>>().join("\n")
            }
            Remedy::ByHand(advice) => advice.clone(),
        }
    }

    /// The changes that end it; `None` when a person has to decide.
    pub(crate) fn changes(&self) -> Option<&[Change]> {
        match &self.remedy {
            Remedy::Changes(changes) => Some(changes),
            Remedy::ByHand(_) => None,
        }
    }

    pub(crate) fn by_hand(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: Remedy::ByHand(advice.into()) }
    }

    fn mended_by(what: impl Into<String>, changes: impl Into<Vec<Change>>) -> Self {
        Self { what: what.into(), remedy: Remedy::Changes(changes.into()) }
    }
}

/// Everything in which `tasks` differs, in an order in which it can be mended. `users` is what `user_id` references, if
/// anything.
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: &Tasks,
    users: Option<&UserTable>,
) -> Result<Vec<Difference>, MigrateError> {
    if !tasks.is_plain_table {
        return Ok(vec![Difference::by_hand(
            "tasks is not a plain table",
            "the functions need a table: give the view or the partitioned table another name",
        )]);
    }
    let mut differences = Vec::new();
    if !tasks.may_be_altered {
        differences.push(Difference::by_hand(
            "this role may not alter the table tasks, or not create anything in the schema",
            "put the URL of the role that owns the table into DATABASE_URL_UNPOOLED",
        ));
    }
    columns(tasks, &mut differences);
    trigger(tasks, &mut differences);
    checks(database, tasks, &mut differences).await?;
    if let Some(users) = users {
        foreign_keys(database, tasks, users, &mut differences).await?;
    }
    indexes(tasks, &mut differences);
    fences(database, &mut differences).await?;
    Ok(differences)
}

/// The table beside `tasks` in which the functions note writes that they have given up.
async fn fences(database: &mut PgConnection, differences: &mut Vec<Difference>) -> Result<(), MigrateError> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass('task_fences') is not null").fetch_one(&mut *database).await?;
    if !exists {
        differences.push(Difference::mended_by(
            "the table task_fences is missing",
            [Change::brief("add the table task_fences", wanted::MAKE_FENCES).undone_by("drop table task_fences;")],
        ));
    }
    Ok(())
}

fn columns(tasks: &Tasks, differences: &mut Vec<Difference>) {
    for wanted in &wanted::COLUMNS {
        let name = wanted.name;
        let Some(column) = tasks.column(name) else {
            differences.push(match wanted.added_as {
                Some(definition) => Difference::mended_by(
                    format!("the column {name} is missing"),
                    [Change::brief(
                        format!("add the column {name}"),
                        format!("alter table tasks add column {name} {definition};"),
                    )
                    .undone_by(format!("alter table tasks drop column {name};"))
                    .holding(wanted.holds)],
                ),
                None => Difference::by_hand(
                    format!("the column {name} is missing"),
                    format!("if it has another name: alter table tasks rename column … to {name}"),
                ),
            });
            continue;
        };
        if !wanted.types.contains(&column.type_name.as_str()) {
            differences.push(Difference::by_hand(
                format!("the column {name} is of type {}, and must be {}", column.type_name, wanted.types.join(" or ")),
                retyping(wanted, column),
            ));
        } else if wanted.nullable && column.not_null {
            differences.push(Difference::by_hand(
                format!("the column {name} is not null, and the functions write null where there is none"),
                format!("alter table tasks alter column {name} drop not null"),
            ));
        } else if !column.is_filled {
            if let Some(default) = wanted::default(name, &column.type_name) {
                differences.push(Difference::mended_by(
                    format!("the column {name} has no default"),
                    [Change::brief(
                        format!("give the column {name} a default"),
                        format!("alter table tasks alter column {name} set default {default};"),
                    )
                    .undone_by(format!("alter table tasks alter column {name} drop default;"))],
                ));
            } else if name == "id" {
                differences.push(Difference::by_hand(
                    "the column id has no default, and the functions leave it to the database",
                    "alter table tasks alter column id add generated by default as identity, then \
                     select setval(pg_get_serial_sequence('tasks', 'id'), (select coalesce(max(id), 0) + 1 from tasks), false)",
                ));
            }
        }
    }
    for column in &tasks.columns {
        let is_ours = wanted::COLUMNS.iter().any(|wanted| wanted.name == column.name);
        if !is_ours && column.not_null && !column.is_filled {
            let name = &column.name;
            differences.push(Difference::by_hand(
                format!("the column {name} takes no null and has no default, and the functions do not know it"),
                format!("alter table tasks alter column {name} drop not null, or set a default"),
            ));
        }
    }
}

/// How an owner gives a column a type that the functions can use.
fn retyping(wanted: &wanted::Column, column: &Column) -> String {
    let name = wanted.name;
    let type_name = wanted.types.first().unwrap_or(&"text");
    // An enum that SQLAlchemy makes has the names of Python's, in capitals.
    let (value, from_then_on) = match name {
        "priority" => (format!("lower({name}::text)"), ", and it must write low, medium and high from then on"),
        _ => (format!("{name}::{type_name}"), ""),
    };
    // A default keeps its type, and one of the old type would be in the way.
    let drop_default = column.default.as_ref().map(|_| format!("alter column {name} drop default, "));
    let drop_not_null = (wanted.nullable && column.not_null).then(|| format!(", alter column {name} drop not null"));
    format!(
        "with the old back end stopped, because this rewrites the table{from_then_on}: alter table tasks {}alter column \
         {name} type {type_name} using {value}{}",
        drop_default.unwrap_or_default(),
        drop_not_null.unwrap_or_default(),
    )
}

fn trigger(tasks: &Tasks, differences: &mut Vec<Difference>) {
    let name = changes::TRIGGER;
    let is_current = tasks.function.as_ref().is_some_and(|function| {
        function.source.trim() == changes::source().trim()
            && function.settings.len() == changes::SETTINGS.len()
            && changes::SETTINGS.iter().all(|setting| function.settings.iter().any(|found| found == setting))
    });
    let Some(trigger) = &tasks.trigger else {
        let sql = format!("{}\n{}", changes::make_function(), changes::make_trigger());
        let undo = format!("drop trigger {name} on tasks;\ndrop function {}();", changes::FUNCTION);
        differences.push(Difference::mended_by(
            "the trigger that keeps updated_at and version is missing",
            [Change::brief("add the trigger that keeps updated_at and version", sql).undone_by(undo)],
        ));
        return;
    };
    if !is_current {
        differences.push(Difference::mended_by(
            format!("the function {} is another one", changes::FUNCTION),
            [Change::brief("replace the trigger's function", changes::make_function())],
        ));
    }
    let found = &trigger.name;
    if trigger.kind != changes::TRIGGER_TYPE {
        let sql = format!("drop trigger {found} on tasks;\n{}", changes::make_trigger());
        differences.push(Difference::mended_by(
            format!("the trigger {found} does not fire before each updated row"),
            [Change::brief("replace the trigger", sql)],
        ));
        return;
    }
    if found != name {
        differences.push(Difference::mended_by(
            format!("the trigger {found} may fire before others"),
            [Change::brief("rename the trigger", format!("alter trigger {found} on tasks rename to {name};"))],
        ));
    }
    if !trigger.enabled {
        differences.push(Difference::mended_by(
            format!("the trigger {found} is disabled"),
            [Change::brief("enable the trigger", format!("alter table tasks enable trigger {name};"))],
        ));
    }
}

async fn checks(
    database: &mut PgConnection,
    tasks: &Tasks,
    differences: &mut Vec<Difference>,
) -> Result<(), MigrateError> {
    for wanted::Check { name, column, condition } in &wanted::CHECKS {
        let validate = Change::alone(
            format!("validate the check {name}"),
            format!("alter table tasks validate constraint {name};"),
        );
        let mut existing = tasks.checks.iter().filter(|check| check.columns.iter().any(|found| found == column));
        if let Some(check) = existing.next() {
            if check.name == *name && !check.validated {
                differences.push(Difference::mended_by(format!("the check {name} is not validated"), [validate]));
            }
            continue;
        }
        // A column that is about to be added has no rows to look at, and one of another type is refused anyway.
        let is_text = tasks.column(column).is_some_and(|column| family(&column.type_name) == "text");
        let is_violated = is_text
            && sqlx::query_scalar(AssertSqlSafe(format!("select exists (select from tasks where not ({condition}))")))
                .fetch_one(&mut *database)
                .await?;
        // Even one that is not validated would refuse the next change of such a row.
        if !is_violated {
            let add = Change::brief(
                format!("add the check {name}"),
                format!("alter table tasks add constraint {name} check ({condition}) not valid;"),
            )
            .undone_by(format!("alter table tasks drop constraint {name};"));
            differences.push(Difference::mended_by(format!("the check {name} is missing"), [add, validate]));
        }
    }
    Ok(())
}

async fn foreign_keys(
    database: &mut PgConnection,
    tasks: &Tasks,
    users: &UserTable,
    differences: &mut Vec<Difference>,
) -> Result<(), MigrateError> {
    let Some(user_id) = tasks.column("user_id") else { return Ok(()) };
    let UserTable { name: table, key, key_type } = users;
    if family(&user_id.type_name) != family(key_type) {
        differences.push(Difference::by_hand(
            format!("tasks.user_id is of type {}, and {table}.{key} of type {key_type}", user_id.type_name),
            "set AUTH_USER_TABLE to the table whose keys these are, or to none for no foreign key",
        ));
        return Ok(());
    }
    if !has_validated_foreign_key(tasks)
        && let Some(orphaned) = orphaned(database, users).await?
    {
        differences.push(orphaned);
        return Ok(());
    }

    let ours = wanted::FOREIGN_KEY;
    let add = |existing: Option<&ForeignKey>| {
        let follow = if existing.is_some_and(|existing| existing.follows) { " on update cascade" } else { "" };
        format!(
            "add constraint {ours} foreign key (user_id) references {table} ({key}) on delete cascade{follow} not valid"
        )
    };
    let validate = |name: &str| {
        Change::alone(
            format!("validate the foreign key {name}"),
            format!("alter table tasks validate constraint {name};"),
        )
    };
    if tasks.foreign_keys.is_empty() {
        let change = Change::brief(format!("add the foreign key {ours}"), format!("alter table tasks {};", add(None)))
            .undone_by(format!("alter table tasks drop constraint {ours};"));
        differences.push(Difference::mended_by("user_id has no foreign key".to_owned(), [change, validate(ours)]));
    }
    let mut one_cascades = tasks.foreign_keys.iter().any(|foreign_key| foreign_key.cascades);
    for foreign_key in &tasks.foreign_keys {
        let name = &foreign_key.name;
        if foreign_key.cascades {
            if !foreign_key.validated {
                let what = format!("the foreign key {name} is not validated");
                differences.push(Difference::mended_by(what, [validate(name)]));
            }
            continue;
        }
        // Undone last, so recorded first.
        let keep = Change::brief(format!("note the foreign key {name}"), "")
            .undone_by(format!("alter table tasks validate constraint {name};"));
        let definition = foreign_key.definition.trim_end_matches(" NOT VALID");
        let restore = format!("add constraint {name} {definition} not valid;");
        let mut changes = Vec::from_iter(foreign_key.validated.then_some(keep));
        if one_cascades {
            changes.push(
                Change::brief(
                    format!("drop the foreign key {name}, which keeps users from being deleted"),
                    format!("alter table tasks drop constraint {name};"),
                )
                .undone_by(format!("alter table tasks {restore}")),
            );
        } else {
            changes.push(
                Change::brief(
                    format!("replace the foreign key {name} by one that deletes a user's tasks with the user"),
                    format!("alter table tasks drop constraint {name}, {};", add(Some(foreign_key))),
                )
                .undone_by(format!("alter table tasks drop constraint {ours}, {restore}")),
            );
            changes.push(validate(ours));
            one_cascades = true;
        }
        let what = format!("the foreign key {name} does not cascade: a user who has tasks cannot be deleted");
        differences.push(Difference::mended_by(what, changes));
    }
    Ok(())
}

/// Whether the database itself has seen to it, once, that every task is of a user.
pub(crate) fn has_validated_foreign_key(tasks: &Tasks) -> bool {
    tasks.foreign_keys.iter().any(|foreign_key| foreign_key.validated)
}

/// That there are tasks of users that do not exist.
pub(crate) async fn orphaned(
    database: &mut PgConnection,
    users: &UserTable,
) -> Result<Option<Difference>, MigrateError> {
    let count = orphans(database, users).await?;
    let missing = missing_users(users);
    Ok((count > 0).then(|| {
        Difference::by_hand(
            format!("{count} tasks are of users that {} does not have", users.name),
            format!(
                "to list them: select id, user_id, title from tasks where {missing}; to remove them: delete from tasks \
                 where {missing}; or set AUTH_USER_TABLE to none for no foreign key"
            ),
        )
    }))
}

/// How many tasks are of users that do not exist.
pub(crate) async fn orphans(database: &mut PgConnection, users: &UserTable) -> Result<i64, MigrateError> {
    let sql = format!("select count(*) from tasks where {}", missing_users(users));
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await?)
}

fn missing_users(UserTable { name, key, .. }: &UserTable) -> String {
    format!("user_id is not null and not exists (select from {name} as users where users.{key} = tasks.user_id)")
}

/// Types between which a foreign key can be made.
pub(crate) fn family(type_name: &str) -> &str {
    match type_name {
        "int2" | "int4" | "int8" => "integer",
        "text" | "varchar" | "bpchar" => "text",
        other => other,
    }
}

fn indexes(tasks: &Tasks, differences: &mut Vec<Difference>) {
    for wanted in &wanted::INDEXES {
        let name = wanted.name;
        let unique = if wanted.unique { "unique " } else { "" };
        let add = || {
            Change::alone(
                format!("add the index {name}"),
                format!("create {unique}index concurrently {name} on tasks {};", wanted.on),
            )
            .undone_by(format!("drop index concurrently if exists {name};"))
        };
        let drop =
            || Change::alone(format!("drop the index {name}"), format!("drop index concurrently if exists {name};"));
        let Some(index) = tasks.index(name) else {
            let mut others = tasks.indexes.iter().filter(|index| index.valid);
            let same = |on: &str, unique| wanted.for_others && wanted.is(unique, on);
            if !others.any(|index| index.on().is_some_and(|on| same(on, index.unique))) {
                differences.push(Difference::mended_by(format!("the index {name} is missing"), [add()]));
            }
            continue;
        };
        if !index.valid {
            let what = format!("the index {name} is invalid: its making was interrupted");
            differences.push(Difference::mended_by(what, [drop(), add()]));
        } else if !index.on().is_some_and(|on| wanted.is(index.unique, on)) {
            let what = format!("the index {name} is another one: {}", index.definition);
            let drop = drop().undone_by(format!("{};", index.definition.replace(" INDEX ", " INDEX CONCURRENTLY ")));
            differences.push(Difference::mended_by(what, [drop, add()]));
        }
    }
}
