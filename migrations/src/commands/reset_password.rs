//! `reset-password`: a code that stands for a forgotten password.

use std::fmt;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::connection::connect;
use crate::error::MigrateError;
use crate::options::Options;
use crate::own_users::{OwnUserTable, OwnUsers};

/// A code that a user can enter instead of the password. It is printed once; the database has its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// The address as it is stored.
    pub email: String,
    /// 24 hexadecimal digits in upper case.
    pub code: String,
    /// RFC 3339 in UTC: `2026-11-21T02:51:49Z`.
    pub expires_at: String,
}

impl fmt::Display for PasswordReset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, code, expires_at } = self;
        write!(
            formatter,
            "{code}\n{email} can sign in with this code once until {expires_at}, and then has to change the password, with \
             the code as the current one. Pass it on over a channel that you trust: whoever has it can sign in"
        )
    }
}

/// Makes a code for the user with this address. It replaces an earlier one. The password stays valid.
///
/// # Errors
/// When the URL is invalid or the database cannot be reached; when no user has the address, or several have it in upper and
/// lower case and none exactly; when users do not sign in at this API.
pub async fn reset_password(database_url: &str, options: &Options, email: &str) -> Result<PasswordReset, MigrateError> {
    let mut database = connect(database_url).await?;
    let reset = run(&mut database, options, email.trim()).await;
    let _ = database.close().await;
    reset
}

async fn run(database: &mut PgConnection, options: &Options, email: &str) -> Result<PasswordReset, MigrateError> {
    let users = OwnUsers::read(database, options).await?;
    let OwnUsers::Table(OwnUserTable { name, .. }) = &users else {
        let reason = users.notes(database).await?.join("; ");
        return Err(MigrateError::NoPasswords { reason });
    };
    let is_migrated: bool =
        sqlx::query_scalar("select to_regclass('tasks_api.reset_codes') is not null").fetch_one(&mut *database).await?;
    if !is_migrated {
        return Err(MigrateError::NoResetCodes);
    }
    // An exact match comes first. The address is in upper and lower case where the old back end has stored it so.
    let found: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "select id::text, email::text
        from {name}
        where lower(email) = lower($1)
        order by email = $1 desc
        limit 2"
    )))
    .bind(email)
    .fetch_all(&mut *database)
    .await?;
    let (id, email) = match found.as_slice() {
        [] => return Err(MigrateError::UnknownUser),
        [user] => user,
        [user, _] if user.1 == email => user,
        _ => return Err(MigrateError::AmbiguousUser),
    };
    // The digits of a random UUID, without those of its version and variant.
    let (code, expires_at) = sqlx::query_as(
        "with random as materialized (
            select gen_random_uuid()::text as id
        ), code as materialized (
            select upper(left(replace(id, '-', ''), 12) || right(id, 12)) as code
            from random
        )
        insert into tasks_api.reset_codes (user_id, code_hash, expires_at)
        select $1, sha256(convert_to(code, 'UTF8')), now() + interval '30 minutes'
        from code
        on conflict (user_id) do update
        set code_hash = excluded.code_hash,
            expires_at = excluded.expires_at,
            is_used = false
        returning
            (select code from code),
            to_char(expires_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    )
    .bind(id)
    .fetch_one(database)
    .await?;
    Ok(PasswordReset { email: email.clone(), code, expires_at })
}
