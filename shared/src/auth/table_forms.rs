//! The forms that Better Auth's tables can have, and the query for each.

use crate::db::{CatalogColumn, CatalogTable, TypeCategory};

/// Without the private key, which is in the same table. Better Auth stops publishing a key 30 days after it has expired.
/// `extract` reads a time without a time zone as UTC, which is what Better Auth stores.
pub(super) const KEYS: &str = r#"select id::text, "publicKey"::text
from jwks
where "expiresAt" is null
   or extract(epoch from "expiresAt") > extract(epoch from now() - interval '30 days')
"#;

/// The query of the keys shows the rest. `to_regclass` would fail for a schema that the role may not use.
pub(super) const KEYS_ARE_USUAL: &str = "\
to_regclass('jwkss') is null
and not exists (
    select
    from pg_class
    where relname in ('jwks', 'jwkss')
        and relnamespace = (select oid from pg_namespace where nspname = 'neon_auth')
)
and not row_security_active('jwks')";

pub(super) fn keys_of(table: &Table) -> Result<String, String> {
    let (name, id, key) = (table.qualified_name(), quoted(table.column("id")?), quoted(table.column("publicKey")?));
    let select = format!("select {id}::text, {key}::text from {name}");
    // Before Better Auth 1.4 keys did not expire.
    let Ok(expires) = table.column("expiresAt").map(quoted) else { return Ok(select) };
    let seconds = table.epoch("expiresAt")?;
    Ok(format!("{select} where {expires} is null or {seconds} > extract(epoch from now() - interval '30 days')"))
}

pub(super) const SESSION: &str = r#"select "userId"::text
from session
where token = $1 and extract(epoch from "expiresAt") > extract(epoch from now())
"#;

pub(super) const SESSIONS_ARE_USUAL: &str = r#"
to_regclass('sessions') is null
and not exists (
    select
    from pg_class
    where relname in ('session', 'sessions')
        and relnamespace = (select oid from pg_namespace where nspname = 'neon_auth')
)
and not row_security_active('session')
and not exists (
    select
    from pg_class
    where oid = 'session'::regclass
        and relkind = 'r'
        and pg_relation_size(oid) = 0
        and pg_relation_size(to_regclass('account')) > 0
)
and not exists (select "userId" from session where token = '' and extract(epoch from "expiresAt") > 0)"#;

pub(super) fn session_of(table: &Table) -> Result<String, String> {
    let (name, user) = (table.qualified_name(), quoted(table.column("userId")?));
    let (token, seconds) = (table.column("token")?, table.epoch("expiresAt")?);
    // Without a cast where possible, so that the index of the column is used.
    let cast = if token.category == TypeCategory::Text { "" } else { "::text" };
    let token = quoted(token);
    Ok(format!("select {user}::text from {name} where {token}{cast} = $1 and {seconds} > extract(epoch from now())"))
}

/// Whether there is a session that has not expired.
pub(super) fn live_sessions_of(table: &Table) -> Result<String, String> {
    let (name, seconds) = (table.qualified_name(), table.epoch("expiresAt")?);
    Ok(format!("select exists (select from {name} where {seconds} > extract(epoch from now()))"))
}

fn quoted(column: &CatalogColumn) -> String {
    format!("\"{}\"", column.name.replace('"', "\"\""))
}

/// A table of the catalog that may be Better Auth's.
pub(super) struct Table<'a>(pub(super) &'a CatalogTable);

impl<'a> Table<'a> {
    /// The name with its schema.
    pub(super) fn qualified_name(&self) -> &'a str {
        &self.0.qualified_name
    }

    pub(super) fn schema(&self) -> &'a str {
        &self.0.schema
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty
    }

    /// The column that Better Auth calls `name`, whatever the case: `publicKey`, `public_key`.
    fn column(&self, name: &str) -> Result<&'a CatalogColumn, String> {
        let normalized = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let found = self.0.columns.iter().find(|column| normalized(&column.name) == normalized(name));
        found.ok_or_else(|| {
            let columns: Vec<&str> = self.0.columns.iter().map(|column| column.name.as_str()).collect();
            let (table, columns) = (self.qualified_name(), columns.join(", "));
            format!(
                "the table {table} has no column for {name} among {columns}: \
                 a view can give it the names of Better Auth, see docs/settings.md"
            )
        })
    }

    /// The expression for a column with a time, in seconds since the Unix epoch.
    fn epoch(&self, name: &str) -> Result<String, String> {
        let column = self.column(name)?;
        let quoted = quoted(column);
        match column.category {
            TypeCategory::Time => Ok(format!("extract(epoch from {quoted})")),
            // Seconds have reached eleven digits in 5138; milliseconds had them in 1973.
            TypeCategory::Number => Ok(format!("{quoted} / case when {quoted} > 99999999999 then 1000.0 else 1.0 end")),
            // As JavaScript writes a time, `2026-11-21T02:51:49.233Z`. Without a zone it is UTC as well.
            TypeCategory::Text => Ok(format!("extract(epoch from (rtrim({quoted}, 'Zz') || 'Z')::timestamptz)")),
            TypeCategory::Other => {
                Err(format!("the column {quoted} of {} has a type that is no time", self.qualified_name()))
            }
        }
    }

    /// The privilege that the role lacks to read these columns, with the statement that grants it.
    pub(super) fn missing_grant(&self, columns: &[&str]) -> Option<String> {
        let CatalogTable { qualified_name: table, schema, role, schema_is_usable, .. } = self.0;
        let used: Vec<&CatalogColumn> = columns.iter().filter_map(|name| self.column(name).ok()).collect();
        let mut grants = Vec::new();
        if !schema_is_usable {
            grants.push(format!("grant usage on schema {schema} to {role}"));
        }
        if used.iter().any(|column| !column.is_readable) {
            let columns: Vec<String> = used.into_iter().map(quoted).collect();
            grants.push(format!("grant select ({}) on {table} to {role}", columns.join(", ")));
        }
        (!grants.is_empty()).then(|| format!("the role {role} may not read {table}: {}", grants.join("; ")))
    }
    pub(super) fn row_security_problem(&self) -> Option<String> {
        self.0.row_security_problem()
    }
}
