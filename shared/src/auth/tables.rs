//! The SQL of Better Auth's tables, which are only read.
//!
//! Better Auth's adapters and generators name tables and columns differently: `jwks."publicKey"`, `jwks.public_key`,
//! `jwkss` with `usePlural`, and Neon's managed Better Auth has a schema of its own. The names of Better Auth's own
//! migration are tried first. The catalog is read if a table is not as usual when the function starts, and when a query
//! fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::error::{AuthError, SECONDARY_STORAGE};
use super::table_forms::{
    KEYS, KEYS_ARE_USUAL, SESSION, SESSIONS_ARE_USUAL, Table, keys_of, live_sessions_of, session_of,
};
use crate::db::{CatalogTable, Database, DbError, DbErrorKind, Query, Row, SqlParam, TableCheck};

/// Better Auth's tables, as far as verifying a token needs them.
pub(super) struct BetterAuthTables {
    database: Arc<Database>,
    keys: TableQuery,
    sessions: TableQuery,
    /// Whether an unknown session has been looked into.
    has_examined_sessions: AtomicBool,
}

/// A query of a table whose form is not known.
struct TableQuery {
    /// For logs and metrics.
    name: &'static str,
    /// The query with the names of Better Auth's own migration.
    usual_sql: &'static str,
    /// The condition that there is such a table, that it can be read, and that no other is meant. It may also fail.
    is_usual: &'static str,
    /// The names that the table can have.
    tables: [&'static str; 2],
    /// The columns that are read, as Better Auth calls them.
    columns: [&'static str; 3],
    /// Makes the query for a table that was found.
    sql_for: fn(&Table) -> Result<String, String>,
    /// What to do without such a table.
    without_table: &'static str,
    /// The query for the table that was found.
    found_sql: Mutex<Option<Arc<str>>>,
    /// Whether it is sent for each request.
    is_prepared: bool,
}

/// What Better Auth's tables are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableUse {
    pub(super) keys: bool,
    pub(super) sessions: bool,
}

/// What was read before the first request.
pub(super) struct StartState {
    /// `None` if the keys are not in the database.
    pub(super) keys: Option<Result<Vec<Value>, AuthError>>,
    /// `None` if the tables are as usual.
    pub(super) tables: Option<Vec<CatalogTable>>,
}

/// Tables of other schemas than those of the search path and this one are not trusted: a user of the database who can
/// create a schema could forge sessions there.
const NEON_SCHEMA: &str = "neon_auth";

/// The names of Better Auth's table of accounts.
const ACCOUNTS: [&str; 2] = ["account", "accounts"];

impl BetterAuthTables {
    pub(super) fn new(database: Arc<Database>) -> Self {
        let found_sql = || Mutex::new(None);
        Self {
            database,
            keys: TableQuery {
                name: "keys",
                usual_sql: KEYS,
                is_usual: KEYS_ARE_USUAL,
                tables: ["jwks", "jwkss"],
                columns: ["id", "publicKey", "expiresAt"],
                sql_for: keys_of,
                without_table: "without Better Auth's plugin jwt() there are no such keys; if they are elsewhere, set \
                                JWKS_URL",
                found_sql: found_sql(),
                is_prepared: false,
            },
            sessions: TableQuery {
                name: "session",
                usual_sql: SESSION,
                is_usual: SESSIONS_ARE_USUAL,
                tables: ["session", "sessions"],
                columns: ["token", "userId", "expiresAt"],
                sql_for: session_of,
                without_table: SECONDARY_STORAGE,
                found_sql: found_sql(),
                is_prepared: true,
            },
            has_examined_sessions: AtomicBool::new(false),
        }
    }

    /// The query of sessions, if their table is as usual.
    pub(super) fn session_query(&self) -> &'static str {
        self.sessions.usual_sql
    }

    /// The public keys as JWKs whose `kid` is the id of their row. A text that is not a JWK becomes null.
    ///
    /// # Errors
    /// The database does not answer, or there is no such table.
    pub(super) async fn keys(&self) -> Result<Vec<Value>, AuthError> {
        let rows = self.query(&self.keys, Vec::new()).await?;
        jwks(&rows)
    }

    /// The user of a session that has not expired.
    ///
    /// # Errors
    /// As [`BetterAuthTables::keys`]. [`AuthError::NoSessions`] the first time that a session is unknown, if there is no
    /// other session either.
    pub(super) async fn user_of_session(&self, token: &str) -> Result<Option<String>, AuthError> {
        let rows = self.query(&self.sessions, vec![SqlParam::from_str(token)]).await?;
        let user = rows.first().map(|row| row.get(0)).transpose()?;
        if user.is_none() && !self.has_examined_sessions.swap(true, Ordering::Relaxed) {
            // A failure is no failure of this request: the table is only for the log.
            if let Some(table) = self.table_without_sessions().await.ok().flatten() {
                return Err(AuthError::NoSessions(table));
            }
        }
        Ok(user)
    }

    /// Reads, before the first request, the public keys if they are in the database, and in the same round trip whether
    /// the tables that are used and `others` are as usual. If not, the catalog is read about them. What Better Auth's
    /// tables lack is logged.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn start(&self, uses: TableUse, others: &[TableCheck]) -> Result<StartState, DbError> {
        let used = [(uses.keys, &self.keys), (uses.sessions, &self.sessions)];
        let used: Vec<&TableQuery> = used.into_iter().filter(|(is_used, _)| *is_used).map(|(_, query)| query).collect();
        let conditions: Vec<&str> =
            used.iter().map(|query| query.is_usual).chain(others.iter().map(|other| other.is_usual)).collect();
        let check = format!("select coalesce({}, false)", conditions.join(" and "));
        let (keys, is_usual) = self.keys_and_check(uses.keys, &check).await?;
        if is_usual {
            return Ok(StartState { keys: keys.map(|keys| jwks(&keys)), tables: None });
        }
        let names =
            used.iter().flat_map(|query| query.tables).chain(others.iter().flat_map(|other| other.names).copied());
        let names = names.chain(if uses.sessions { ACCOUNTS.as_slice() } else { &[] }.iter().copied());
        let schemas = [NEON_SCHEMA].into_iter().chain(others.iter().flat_map(|other| other.schemas).copied());
        let tables = self.tables(CatalogTable::query(names, schemas)).await?;
        let keys = match keys {
            None if uses.keys => Some(self.query_in(&tables, &self.keys, Vec::new()).await),
            keys => keys.map(Ok),
        };
        if let Some(Ok(_)) = keys {
            // Without keys, the caller logs why.
            self.keys.learn(&tables);
        }
        if uses.sessions {
            self.sessions.learn(&tables);
            if let Some(problem) = self.sessions_elsewhere(&tables) {
                tracing::warn!(problem, "Better Auth's tables may not be as expected");
            }
        }
        Ok(StartState { keys: keys.map(|keys| jwks(&keys?)), tables: Some(tables) })
    }

    /// Whoever signs in gets a session, so accounts without any session have theirs elsewhere.
    fn sessions_elsewhere(&self, tables: &[CatalogTable]) -> Option<String> {
        let sessions = self.sessions.usable_in(tables).next().filter(Table::is_empty)?;
        let is_filled = |table: &CatalogTable| {
            ACCOUNTS.contains(&table.name.as_str()) && table.schema == sessions.schema() && !table.is_empty
        };
        tables.iter().any(is_filled).then(|| {
            let name = sessions.qualified_name();
            format!("{name} has no session, although there are accounts: {SECONDARY_STORAGE}")
        })
    }

    /// The rows of the keys if they are wanted, and what `check` returns. Neither if a table is not as usual.
    async fn keys_and_check(&self, wants_keys: bool, check: &str) -> Result<(Option<Vec<Row>>, bool), DbError> {
        let check = Query::new("check", check, Vec::new());
        let keys = Query::new(self.keys.name, self.keys.usual_sql, Vec::new());
        let result = if wants_keys {
            self.database.query_together([check, keys]).await.map(|result| {
                let [check, keys] = result.rows;
                (Some(keys), check)
            })
        } else {
            self.database.query(check).await.map(|result| (None, result.rows))
        };
        match result {
            Ok((keys, check)) => Ok((keys, check.first().map_or(Ok(false), |row| row.get(0))?)),
            Err(error) if is_about_form(&error) => Ok((None, false)),
            Err(error) => Err(error),
        }
    }

    async fn query(&self, query: &TableQuery, params: Vec<SqlParam<'_>>) -> Result<Vec<Row>, AuthError> {
        let known_sql = query.known_sql();
        let sql = known_sql.as_deref().unwrap_or(query.usual_sql);
        match self.execute(query.to_query(sql, params.clone())).await {
            Err(error) if is_about_form(&error) => {
                let tables = self.tables_of(query).await?;
                self.query_in(&tables, query, params).await
            }
            outcome => Ok(outcome?),
        }
    }

    /// Executes the query for the form that the table has in the catalog.
    async fn query_in(
        &self,
        tables: &[CatalogTable],
        query: &TableQuery,
        params: Vec<SqlParam<'_>>,
    ) -> Result<Vec<Row>, AuthError> {
        let sql = query.find_in(tables).map_err(AuthError::UnusableTable)?;
        let rows = self.execute(query.to_query(&sql, params)).await?;
        query.set_known_sql(sql);
        Ok(rows)
    }

    /// The table of sessions, if each of them has expired. Then the sessions are probably elsewhere.
    async fn table_without_sessions(&self) -> Result<Option<String>, DbError> {
        let tables = self.tables_of(&self.sessions).await?;
        let Some(table) = self.sessions.usable_in(&tables).next() else { return Ok(None) };
        let Ok(sql) = live_sessions_of(&table) else { return Ok(None) };
        let rows = self.execute(Query::new("any session", &sql, Vec::new())).await?;
        let has_sessions = rows.first().map_or(Ok(true), |row| row.get(0))?;
        Ok((!has_sessions).then(|| table.qualified_name().to_owned()))
    }

    async fn tables_of(&self, query: &TableQuery) -> Result<Vec<CatalogTable>, DbError> {
        self.tables(CatalogTable::query(query.tables, [NEON_SCHEMA])).await
    }

    async fn tables(&self, catalog: Query<'_>) -> Result<Vec<CatalogTable>, DbError> {
        decode(&self.execute(catalog).await?)
    }

    async fn execute(&self, query: Query<'_>) -> Result<Vec<Row>, DbError> {
        Ok(self.database.query(query).await?.rows)
    }
}

impl TableQuery {
    fn to_query<'a>(&self, sql: &'a str, params: Vec<SqlParam<'a>>) -> Query<'a> {
        Query { is_prepared: self.is_prepared, ..Query::new(self.name, sql, params) }
    }

    /// The tables of the catalog that have one of the names and are trusted.
    fn named_in<'a>(&self, tables: &'a [CatalogTable]) -> impl Iterator<Item = Table<'a>> {
        let is_trusted = |table: &&CatalogTable| table.is_visible || table.schema == NEON_SCHEMA;
        tables.iter().filter(is_trusted).filter(|table| self.tables.contains(&table.name.as_str())).map(Table)
    }

    /// Those that have all columns.
    fn usable_in<'a>(&self, tables: &'a [CatalogTable]) -> impl Iterator<Item = Table<'a>> {
        self.named_in(tables).filter(|table| (self.sql_for)(table).is_ok())
    }

    /// The query for the first table that has all columns, or what the first table lacks.
    fn find_in(&self, tables: &[CatalogTable]) -> Result<String, String> {
        let found = self.usable_in(tables).next().or_else(|| self.named_in(tables).next());
        let table = found.ok_or_else(|| {
            let (names, without_table) = (self.tables.join(" or "), self.without_table);
            format!("there is no table {names} in the search path or in the schema {NEON_SCHEMA}: {without_table}")
        })?;
        let sql = (self.sql_for)(&table)?;
        table.missing_grant(&self.columns).map_or(Ok(sql), Err)
    }

    /// Remembers the query for the table, and logs what is wrong with it.
    fn learn(&self, tables: &[CatalogTable]) {
        match self.find_in(tables) {
            Ok(sql) => self.set_known_sql(sql),
            Err(problem) => tracing::warn!(problem, "Better Auth's tables are not as expected"),
        }
        for problem in self.remarks(tables) {
            tracing::warn!(problem, "Better Auth's tables may not be as expected");
        }
    }

    /// What can be wrong with the table that is used although it can be read.
    fn remarks(&self, tables: &[CatalogTable]) -> Vec<String> {
        let usable: Vec<Table<'_>> = self.usable_in(tables).collect();
        let [used, ignored @ ..] = usable.as_slice() else { return Vec::new() };
        let ignored = ignored
            .iter()
            .map(|other| format!("{} is used, and {} is ignored", used.qualified_name(), other.qualified_name()));
        used.row_security_problem().into_iter().chain(ignored).collect()
    }

    fn known_sql(&self) -> Option<Arc<str>> {
        self.found_sql.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_known_sql(&self, sql: String) {
        *self.found_sql.lock().unwrap_or_else(PoisonError::into_inner) = Some(sql.into());
    }
}

/// Whether a query failed because the table is missing, has another form, or may not be read.
fn is_about_form(error: &DbError) -> bool {
    matches!(error.kind(), DbErrorKind::Rejected(_)) || error.is_missing_privilege()
}

fn decode(rows: &[Row]) -> Result<Vec<CatalogTable>, DbError> {
    rows.iter().map(CatalogTable::from_row).collect()
}

fn jwks(rows: &[Row]) -> Result<Vec<Value>, AuthError> {
    Ok(rows.iter().map(jwk).collect::<Result<_, _>>()?)
}

fn jwk(row: &Row) -> Result<Value, DbError> {
    let (id, text): (String, &str) = (row.get(0)?, row.get(1)?);
    let mut jwk: Value = serde_json::from_str(text).unwrap_or_default();
    if let Value::String(text) = &jwk {
        // A column of type json, whose value is the text that Better Auth writes.
        jwk = serde_json::from_str(text).unwrap_or_default();
    }
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), id.into());
    }
    Ok(jwk)
}
