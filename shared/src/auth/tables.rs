//! The SQL of Better Auth's tables, which are only read.
//!
//! Better Auth's adapters and generators name tables and columns differently: `jwks."publicKey"`, `jwks.public_key`,
//! `jwkss` with `usePlural`, and Neon's managed Better Auth has a schema of its own. The names of Better Auth's own
//! migration are tried first. Only if PostgreSQL does not know them, the catalog is read, once per process.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::error::AuthError;
use crate::db::{Database, DbError, DbErrorKind, Query, Rejection, Row, SqlParam};

/// Better Auth's tables, as far as verifying a token needs them.
pub(super) struct BetterAuthTables {
    database: Arc<Database>,
    keys: TableQuery,
    sessions: TableQuery,
}

/// A query of a table whose form is not known.
struct TableQuery {
    /// For logs and metrics.
    name: &'static str,
    /// The query with the names of Better Auth's own migration.
    usual_sql: &'static str,
    /// The names that the table can have.
    tables: [&'static str; 2],
    /// Makes the query for a table that was found.
    sql_for: fn(&Table) -> Result<String, String>,
    /// The query for the table that was found.
    found_sql: Mutex<Option<Arc<str>>>,
}

/// Without the private key, which is in the same table. Better Auth stops publishing a key 30 days after it has expired.
/// `extract` reads a time without a time zone as UTC, which is what Better Auth stores.
const KEYS: &str = r#"select id::text, "publicKey"
from jwks
where "expiresAt" is null
   or extract(epoch from "expiresAt") > extract(epoch from now() - interval '30 days')
"#;

fn keys_of(table: &Table) -> Result<String, String> {
    let (name, id, key) = (&table.name, table.column("id")?, table.column("publicKey")?);
    // Before Better Auth 1.4 keys did not expire.
    let condition = table.column("expiresAt").map_or(String::new(), |expires| {
        format!(
            " where {expires} is null or extract(epoch from {expires}) > extract(epoch from now() - interval '30 days')"
        )
    });
    Ok(format!("select {id}::text, {key} from {name}{condition}"))
}

const SESSION: &str = r#"select "userId"::text
from session
where token = $1 and extract(epoch from "expiresAt") > extract(epoch from now())
"#;

fn session_of(table: &Table) -> Result<String, String> {
    let (name, user) = (&table.name, table.column("userId")?);
    let (token, expires) = (table.column("token")?, table.column("expiresAt")?);
    let condition = format!("{token} = $1 and extract(epoch from {expires}) > extract(epoch from now())");
    Ok(format!("select {user}::text from {name} where {condition}"))
}

/// The tables with one of the names `$1`: those of the search path first, then those of Neon's managed Better Auth. Tables
/// of other schemas are not trusted: a user of the database who can create a schema could forge sessions there.
const CATALOG: &str = "\
select format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text order by a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid
where c.relname = any ($1::text[])
  and (pg_table_is_visible(c.oid) or n.nspname = 'neon_auth')
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and a.attnum > 0
  and not a.attisdropped
group by c.oid, n.nspname, c.relname
order by pg_table_is_visible(c.oid) desc, c.relname
";

/// A table of the catalog.
struct Table {
    /// With its schema, quoted where necessary.
    name: String,
    columns: Vec<String>,
}

impl Table {
    /// The quoted column that Better Auth calls `name`, whatever the case: `publicKey`, `public_key`.
    fn column(&self, name: &str) -> Result<String, String> {
        let normalized = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let found = self.columns.iter().find(|column| normalized(column) == normalized(name));
        let column = found.ok_or_else(|| format!("the table {} has no column for {name}", self.name))?;
        Ok(format!("\"{}\"", column.replace('"', "\"\"")))
    }
}

impl BetterAuthTables {
    pub(super) fn new(database: Arc<Database>) -> Self {
        let found_sql = || Mutex::new(None);
        Self {
            database,
            keys: TableQuery {
                name: "keys",
                usual_sql: KEYS,
                tables: ["jwks", "jwkss"],
                sql_for: keys_of,
                found_sql: found_sql(),
            },
            sessions: TableQuery {
                name: "session",
                usual_sql: SESSION,
                tables: ["session", "sessions"],
                sql_for: session_of,
                found_sql: found_sql(),
            },
        }
    }

    /// The public keys as JWKs whose `kid` is the id of their row. A text that is not a JWK becomes null.
    ///
    /// # Errors
    /// The database does not answer, or there is no such table.
    pub(super) async fn keys(&self) -> Result<Vec<Value>, AuthError> {
        let rows = self.query(&self.keys, Vec::new()).await?;
        Ok(rows.iter().map(jwk).collect::<Result<_, _>>()?)
    }

    /// The user of a session that has not expired.
    ///
    /// # Errors
    /// As [`BetterAuthTables::keys`].
    pub(super) async fn user_of_session(&self, token: &str) -> Result<Option<String>, AuthError> {
        let rows = self.query(&self.sessions, vec![SqlParam::from_str(token)]).await?;
        Ok(rows.first().map(|row| row.get(0)).transpose()?)
    }

    async fn query(&self, query: &TableQuery, params: Vec<SqlParam<'_>>) -> Result<Vec<Row>, AuthError> {
        let known_sql = query.known_sql();
        let sql = known_sql.as_deref().unwrap_or(query.usual_sql);
        match self.execute(query.name, sql, params.clone()).await {
            Err(error) if error.kind() == DbErrorKind::Rejected(Rejection::Undefined) => {
                let sql = self.find(query).await?;
                let rows = self.execute(query.name, &sql, params).await?;
                query.set_known_sql(sql);
                Ok(rows)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The query for the first table of the catalog that has all columns.
    async fn find(&self, query: &TableQuery) -> Result<String, AuthError> {
        let catalog = Query::new("catalog", CATALOG, vec![SqlParam::from_texts(query.tables)]);
        let mut missing = format!("there is no table {}", query.tables.join(" or "));
        for (index, row) in self.database.query(catalog).await?.rows.iter().enumerate() {
            match (query.sql_for)(&Table { name: row.get(0)?, columns: row.get(1)? }) {
                Ok(sql) => return Ok(sql),
                Err(problem) if index == 0 => missing = problem,
                Err(_) => {}
            }
        }
        Err(AuthError::MissingTable(missing))
    }

    async fn execute(&self, name: &'static str, sql: &str, params: Vec<SqlParam<'_>>) -> Result<Vec<Row>, DbError> {
        Ok(self.database.query(Query { name, sql: Cow::Borrowed(sql), params }).await?.rows)
    }
}

impl TableQuery {
    fn known_sql(&self) -> Option<Arc<str>> {
        self.found_sql.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_known_sql(&self, sql: String) {
        *self.found_sql.lock().unwrap_or_else(PoisonError::into_inner) = Some(sql.into());
    }
}

fn jwk(row: &Row) -> Result<Value, DbError> {
    let (id, text): (String, &str) = (row.get(0)?, row.get(1)?);
    let mut jwk: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), id.into());
    }
    Ok(jwk)
}
