//! The tables of Better Auth, for the settings of the functions.

use shared::proof::{ProofError, SignInCheck, check_sign_in};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::options::Functions;
use crate::proof::findings::Findings;
use crate::schema::difference::{Choice, Difference};

pub(super) async fn check(
    owner: &mut PgConnection,
    functions: &Functions,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    match check_sign_in(&functions.database_url, |name| functions.setting(name)).await {
        Err(error) => findings.differences.push(Difference::manual(
            "the functions would not start with these settings",
            error.to_string(),
        )),
        Ok(None) => findings.note(
            "sign-in was not checked, because none of AUTH_MODE, BETTER_AUTH_URL, BETTER_AUTH_SECRET, JWKS_URL and JWKS_JSON \
             is set",
        ),
        Ok(Some(SignInCheck { problems, lacks_keys })) => {
            for problem in &problems {
                findings.differences.push(difference(owner, problem).await?);
            }
            if lacks_keys {
                findings.note("Better Auth has no keys yet: its plugin jwt() makes one with the first token");
            }
        }
    }
    let uses_sessions = functions.setting("AUTH_MODE").is_some_and(|modes| modes.contains("session"));
    if uses_sessions && let Some(table) = empty_session_table(owner).await? {
        findings.note(format!(
            "{table} has no sessions: if users are signed in, Better Auth keeps their sessions elsewhere (secondaryStorage), \
             and the functions cannot read them there"
        ));
    }
    Ok(())
}

async fn difference(owner: &mut PgConnection, problem: &ProofError) -> Result<Difference, sqlx::Error> {
    let description = format!("sign-in does not work: {}", problem.message);
    let Some((_, object)) = problem.message.split_once("permission denied for ") else {
        let advice = "run Better Auth's migration in this database, or correct AUTH_MODE and JWKS_SOURCE";
        return Ok(Difference::manual(description, advice));
    };
    let role = "the role of the functions";
    let advice = match object.split_once(' ') {
        Some(("schema", name)) => format!("grant usage on schema {name} to {role}"),
        Some((_, name)) => {
            let table: Option<String> = sqlx::query_scalar(
                "select pg_class.oid::regclass::text
                from pg_class
                join pg_namespace
                    on pg_namespace.oid = relnamespace
                where relname = $1
                    and (pg_table_is_visible(pg_class.oid) or nspname = 'neon_auth')
                order by pg_table_is_visible(pg_class.oid) desc
                limit 1",
            )
            .bind(name)
            .fetch_optional(owner)
            .await?;
            format!("grant select on {} to {role}", table.as_deref().unwrap_or(name))
        }
        None => format!("grant it to {role}"),
    };
    Ok(Difference::choice(description, [Choice::words_if("as the owner", advice)]))
}

/// The table of sessions, if it has none.
async fn empty_session_table(owner: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let table: Option<String> = sqlx::query_scalar(
        "select pg_class.oid::regclass::text
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        join pg_attribute
            on attrelid = pg_class.oid
            and attname = 'token'
        where relname in ('session', 'sessions')
            and relkind in ('r', 'p')
            and (pg_table_is_visible(pg_class.oid) or nspname = 'neon_auth')
            and has_table_privilege(pg_class.oid, 'select')
        order by pg_table_is_visible(pg_class.oid) desc, relname
        limit 1",
    )
    .fetch_optional(&mut *owner)
    .await?;
    let Some(table) = table else { return Ok(None) };
    let sql = format!("select not exists (select from {table})");
    let is_empty: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(owner).await?;
    Ok(is_empty.then_some(table))
}
