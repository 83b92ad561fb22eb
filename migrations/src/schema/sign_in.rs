//! The tables of sign-up and sign-in at this API, and the function that refuses revoked tokens: what the catalog has of them,
//! and the SQL that creates them, taken from the migration.

use sqlx::PgConnection;

pub(crate) const UP_FILE: &str = include_str!("../../0026_sign_in.up.sql");
/// Also for a database that has only some of them.
pub(crate) const DOWN_FILE: &str = include_str!("../../0026_sign_in.down.sql");

const TABLES: [&str; 4] = ["sign_in_buckets", "revoked_tokens", "token_versions", "reset_codes"];
const FUNCTION: &str = "live_user";

/// What the catalog has.
pub(crate) struct SignIn {
    /// The tables without their schema.
    tables: Vec<String>,
    /// Whether there is a function of this name and with its argument.
    has_function: bool,
    /// Whether it has the body of the migration and the type of `tasks.user_id`.
    is_function_right: bool,
}

impl SignIn {
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let tables = sqlx::query_scalar(
            "select relname::text
            from pg_class
            where relnamespace = to_regnamespace('tasks_api')
                and relkind = 'r'
                and relname = any ($1)",
        )
        .bind(TABLES)
        .fetch_all(&mut *database)
        .await?;
        let function: Option<(String, bool)> = sqlx::query_as(
            "select
                prosrc,
                prorettype is not distinct from (
                    select atttypid
                    from pg_attribute
                    where attrelid = to_regclass('tasks')
                        and attname = 'user_id'
                        and not attisdropped
                )
            from pg_proc
            where pronamespace = to_regnamespace('tasks_api')
                and proname = $1
                and oidvectortypes(proargtypes) = 'text'",
        )
        .bind(FUNCTION)
        .fetch_optional(database)
        .await?;
        let is_right = |(body, has_type): &(String, bool)| body.trim() == function_body().trim() && *has_type;
        Ok(Self {
            tables,
            has_function: function.is_some(),
            is_function_right: function.as_ref().is_some_and(is_right),
        })
    }

    /// The names of what is missing, or is not as the migration makes it.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let tables = TABLES.into_iter().filter(|table| !self.tables.iter().any(|found| found == table));
        tables.chain((!self.is_function_right).then_some(FUNCTION)).collect()
    }

    /// The SQL that adds what is missing. `None` if nothing is.
    pub(crate) fn repair(&self) -> Option<String> {
        let missing = self.missing();
        if missing.is_empty() {
            return None;
        }
        if missing.len() > TABLES.len() && !self.has_function {
            return Some(UP_FILE.to_owned());
        }
        let is_missing =
            |statement: &&str| missing.iter().any(|name| statement.contains(&format!("tasks_api.{name} (")));
        let mut statements: Vec<&str> = UP_FILE.split("\n\n").filter(is_missing).collect();
        let (function, grants) = blocks();
        if !self.is_function_right {
            statements.extend(
                [self.has_function.then_some("drop function tasks_api.live_user(text);"), Some(function)]
                    .into_iter()
                    .flatten(),
            );
        }
        statements.push(grants);
        Some(statements.join("\n\n"))
    }
}

fn function_body() -> &'static str {
    UP_FILE.split("$body$").nth(1).unwrap_or_default()
}

/// The blocks that create the function and grant the tables.
fn blocks() -> (&'static str, &'static str) {
    const BEGIN: &str = "do $$";
    let start = UP_FILE.find(BEGIN).unwrap_or_default();
    let next = UP_FILE.rfind(BEGIN).unwrap_or_default();
    let (function, grants) = (&UP_FILE[start..next], &UP_FILE[next..]);
    (function.split_once("\n\n--").map_or(function, |(block, _)| block), grants.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(tables: &[&str], has_function: bool, is_function_right: bool) -> Option<String> {
        let tables = tables.iter().map(|&table| table.to_owned()).collect();
        SignIn { tables, has_function, is_function_right }.repair()
    }

    #[test]
    fn what_is_missing_is_added() {
        assert_eq!(repair(&TABLES, true, true), None);
        assert_eq!(repair(&[], false, false).as_deref(), Some(UP_FILE));
        let one = repair(&TABLES[1..], true, true).expect("a table is missing");
        assert!(one.contains("create table tasks_api.sign_in_buckets (") && one.contains("grant select"), "{one}");
        assert!(one.contains("create index sign_in_buckets_taken_at"), "{one}");
        assert!(!one.contains("revoked_tokens (") && !one.contains("create function"), "{one}");
        let function = repair(&TABLES, true, false).expect("the function is another one");
        assert!(function.starts_with("drop function tasks_api.live_user(text);\n\ndo $$\nbegin"), "{function}");
        assert!(!function.contains("create table") && function.contains("create function"), "{function}");
        assert!(function_body().contains("errcode = 'TA401'"));
    }
}
