//! All SQL about the table of users. The names of the table and its columns are from the catalog, quoted; every value is a
//! parameter.

use super::throttle::{SIGN_IN, SIGN_UP, give_back, is_allowed, take};
use super::user_table::{Column, UserTable};

/// The statements for a table of users, and why nobody can sign up, if that is so.
#[derive(Debug)]
pub(super) struct Statements {
    /// `$1` to `$3` are buckets, `$4` the e-mail address, `$5` the same in lower case, `$6` the hash of a reset code.
    pub(super) find_by_email: String,
    /// `$1` is the user, `$2` to `$4` are buckets, `$5` is the hash of a reset code.
    pub(super) find_by_id: String,
    /// `$1` to `$3` are buckets, `$4` is the id, `$5` the stored hash, `$6` a new hash, `$7` the hash of a reset code.
    pub(super) sign_in: String,
    /// `$1` is a bucket, `$2` the e-mail address in lower case.
    pub(super) check_sign_up: String,
    /// `$1` is the e-mail address in lower case, `$2` the hash; `$3` to `$5` are the names. Names without a column are not
    /// sent. The last parameter is the name of the attempt.
    pub(super) sign_up: String,
    /// Which of the names are sent.
    pub(super) sent_names: [bool; 3],
    pub(super) sign_up_problem: Option<String>,
    /// `$1` is the user.
    pub(super) me: String,
    /// `$1` to `$3` are buckets, `$4` is the id, `$5` the stored hash, `$6` the new hash, `$7` the new version of tokens.
    pub(super) change_password: String,
    /// The parts that delete the user: `$3` is the id, `$4` the new version of tokens.
    pub(super) delete: String,
}

/// The columns of `find_by_email` and `find_by_id`.
pub(super) mod found {
    pub(in crate::accounts) const IS_ALLOWED: usize = 0;
    pub(in crate::accounts) const WAIT: usize = 1;
    pub(in crate::accounts) const HASH: usize = 2;
    pub(in crate::accounts) const VERSION: usize = 3;
    pub(in crate::accounts) const HAS_CODE: usize = 4;
    pub(in crate::accounts) const ACCOUNT: usize = 5;
}

impl Statements {
    pub(super) fn new(table: &UserTable) -> Self {
        Self {
            find_by_email: find_by_email(table),
            find_by_id: find_by_id(table),
            sign_in: sign_in(table),
            check_sign_up: check_sign_up(table),
            sign_up: sign_up(table),
            sent_names: table.names.each_ref().map(Option::is_some),
            sign_up_problem: table.sign_up_problem.clone(),
            me: me(table),
            change_password: change_password(table),
            delete: delete(table),
        }
    }
}

/// The columns of an account, for [`Account::from_row`](super::model::Account::from_row).
fn account_columns(table: &UserTable) -> String {
    let or_null = |column: &Option<Column>, of: &str| {
        column.as_ref().map_or(format!("null::{of}"), |column| format!("u.{}::{of}", column.quoted))
    };
    let time = |column: &Option<Column>| {
        column.as_ref().map_or("null::timestamptz".to_owned(), |column| format!("u.{}", column.quoted))
    };
    let is_active = table.is_active.as_ref().map_or("true".to_owned(), |column| format!("u.{} is true", column.quoted));
    let mut columns = vec![format!("u.{} as id", table.id.quoted), format!("u.{}::text as email", table.email.quoted)];
    columns.extend(table.names.iter().map(|name| or_null(name, "text")));
    columns.push(is_active);
    columns.extend([&table.created_at, &table.updated_at].map(time));
    columns.join(",\n        ")
}

fn version(id: &str) -> String {
    format!("coalesce((select version from tasks_api.token_versions where user_id = {id}::text), 0)")
}

/// The id that a parameter names.
fn id_of(parameter: &str, table: &UserTable) -> String {
    format!("{parameter}::text::{}", table.id.type_name)
}

/// Takes an attempt, and finds the user that fulfils `condition`.
fn find(table: &UserTable, condition: &str, first_bucket: usize, code: &str) -> String {
    let (take, is_allowed, columns) = (take(&SIGN_IN, first_bucket), is_allowed(&SIGN_IN), account_columns(table));
    let UserTable { name, id, hash, .. } = table;
    let (id, hash, version) = (&id.quoted, &hash.quoted, version(&format!("u.{}", id.quoted)));
    format!(
        "\
with {take},
found as (
    select
        u.{hash}::text as hash,
        {version} as version,
        exists (
            select
            from tasks_api.reset_codes
            where user_id = u.{id}::text
                and code_hash = {code}::bytea
                and expires_at > now()
        ) as has_code,
        {columns}
    from {name} as u
    where {is_allowed}
        and {condition}
    limit 1
)
select {is_allowed}, waiting.seconds, found.*
from waiting
left join found on true
"
    )
}

/// The exact address comes first, because there can be others that differ in case. Without it the address in lower case
/// counts, if it is that of one user only.
fn find_by_email(table: &UserTable) -> String {
    let UserTable { name, id, email, .. } = table;
    let (id, email) = (&id.quoted, &email.quoted);
    let condition = format!(
        "\
(u.{email} = $4 or lower(u.{email}::text) = $5)
        and (
            u.{email} = $4
            or not exists (
                select
                from {name} as other
                where lower(other.{email}::text) = $5
                    and other.{id} <> u.{id}
            )
        )"
    );
    find(table, &condition, 1, "$6")
}

fn find_by_id(table: &UserTable) -> String {
    find(table, &format!("u.{} = {}", table.id.quoted, id_of("$1", table)), 2, "$5")
}

/// Replaces a weak hash, and uses a reset code up. The result is whether the code was not used before.
fn sign_in(table: &UserTable) -> String {
    let UserTable { name, id, hash, .. } = table;
    let (given_back, user, id, hash) = (give_back(&SIGN_IN), id_of("$4", table), &id.quoted, &hash.quoted);
    format!(
        "\
with {given_back},
rehashed as (
    update {name}
    set {hash} = $6::text
    where {id} = {user}
        and {hash}::text = $5::text
        and $6::text is not null
),
used as (
    update tasks_api.reset_codes
    set is_used = true
    where user_id = $4::text
        and code_hash = $7::bytea
        and not is_used
    returning user_id
)
select $7::bytea is null or exists (select from used)
"
    )
}

fn check_sign_up(table: &UserTable) -> String {
    let (take, is_allowed) = (take(&SIGN_UP, 1), is_allowed(&SIGN_UP));
    let UserTable { name, email, .. } = table;
    let email = &email.quoted;
    format!(
        "\
with {take}
select
    {is_allowed},
    waiting.seconds,
    exists (select from {name} as u where lower(u.{email}::text) = $2)
from waiting
"
    )
}

/// Inserts a user, unless there is one with this e-mail address. Returns the user with this hash, which can also be that of an
/// earlier attempt whose response was lost: no two hashes are the same. One that was given up must not store an account that
/// its user has deleted since.
fn sign_up(table: &UserTable) -> String {
    let UserTable { name, id, email, hash, .. } = table;
    let mut columns = vec![email.quoted.as_str(), &hash.quoted];
    let mut values = vec!["$1::text".to_owned(), "$2::text".to_owned()];
    let mut number = 3;
    for (column, place) in table.names.iter().zip(0..) {
        let Some(column) = column else { continue };
        columns.push(&column.quoted);
        let given = format!("${number}::text");
        values.push(if column.needs_value { or_made(&given, place == 2) } else { given });
        number += 1;
    }
    if id.needs_value
        && let Some(new_id) = id.new_id()
    {
        columns.push(&id.quoted);
        values.push(new_id.to_owned());
    }
    let made = [(&table.is_active, "true"), (&table.created_at, "now()"), (&table.updated_at, "now()")];
    for (column, value) in made {
        if let Some(column) = column.as_ref().filter(|column| column.needs_value) {
            columns.push(&column.quoted);
            values.push(value.to_owned());
        }
    }
    let (columns, values, account) = (columns.join(", "), values.join(", "), account_columns(table));
    let (email, hash, version) = (&email.quoted, &hash.quoted, version(&format!("u.{}", id.quoted)));
    format!(
        "\
with u as (
    insert into {name} ({columns})
    select {values}
    where not exists (select from {name} as other where lower(other.{email}::text) = $1)
        and not exists (select from tasks_api.task_fences where attempt = ${number}::text)
    on conflict do nothing
    returning *
)
select
        {version},
        {account}
from (
    select * from u
    union all
    select * from {name} as earlier where earlier.{email} = $1 and earlier.{hash}::text = $2
) as u
"
    )
}

/// A name that was not given: the e-mail address, or the part of it before the `@`.
fn or_made(given: &str, is_unique: bool) -> String {
    if is_unique {
        format!("coalesce({given}, $1::text)")
    } else {
        format!("coalesce({given}, split_part($1::text, '@', 1))")
    }
}

fn me(table: &UserTable) -> String {
    let (columns, user) = (account_columns(table), id_of("$1", table));
    let UserTable { name, id, .. } = table;
    format!("select\n        {columns}\nfrom {name} as u\nwhere u.{} = {user}\n", id.quoted)
}

/// Changes the hash if it is still the one that was verified. An earlier attempt whose response was lost may have done so.
fn change_password(table: &UserTable) -> String {
    let UserTable { name, id, hash, .. } = table;
    let (given_back, user, id, hash) = (give_back(&SIGN_IN), id_of("$4", table), &id.quoted, &hash.quoted);
    format!(
        "\
with {given_back},
changed as (
    update {name}
    set {hash} = $6::text
    where {id} = {user}
        and {hash}::text in ($5::text, $6::text)
    returning {id}::text as id
),
raised as (
    insert into tasks_api.token_versions as present (user_id, version)
    select id, $7::integer
    from changed
    on conflict (user_id) do update
    set version = greatest(present.version, excluded.version)
    returning version
),
spent as (
    delete from tasks_api.reset_codes
    where user_id in (select id from changed)
)
select version
from raised
"
    )
}

/// Deletes the user and raises the version, so that no token is valid any more.
fn delete(table: &UserTable) -> String {
    let UserTable { name, id, .. } = table;
    let (user, id) = (id_of("$3", table), &id.quoted);
    format!(
        "\
deleted_user as (
    delete from {name}
    where {id} = {user}
    returning {id}::text as id
),
raised as (
    insert into tasks_api.token_versions as present (user_id, version)
    select id, $4::integer
    from deleted_user
    on conflict (user_id) do update
    set version = greatest(present.version, excluded.version)
),
spent as (
    delete from tasks_api.reset_codes
    where user_id in (select id from deleted_user)
)"
    )
}
