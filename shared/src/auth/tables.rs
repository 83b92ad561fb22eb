//! The SQL of Better Auth's tables, which are only read.

use std::sync::Arc;

use serde_json::Value;

use super::error::AuthError;
use crate::db::{Database, DbError, Query, Row, SqlParam};

/// Better Auth's tables, as far as verifying a token needs them.
pub(super) struct BetterAuthTables {
    database: Arc<Database>,
}

/// Without the private key, which is in the same table. Better Auth stops publishing a key 30 days after it has expired.
const KEYS: &str = r#"select id::text, "publicKey"
from jwks
where "expiresAt" is null or "expiresAt" > now() - interval '30 days'
"#;

const SESSION: &str = r#"select "userId"::text
from session
where token = $1 and "expiresAt" > now()
"#;

impl BetterAuthTables {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// The public keys as JWKs whose `kid` is the id of their row. A text that is not a JWK becomes null.
    ///
    /// # Errors
    /// The database does not answer, or the table is not as expected.
    pub(super) async fn keys(&self) -> Result<Vec<Value>, AuthError> {
        let result = self.database.query(Query::new("keys", KEYS, Vec::new())).await?;
        Ok(result.rows.iter().map(jwk).collect::<Result<_, _>>()?)
    }

    /// The user of a session that has not expired.
    ///
    /// # Errors
    /// As [`BetterAuthTables::keys`].
    pub(super) async fn user_of_session(&self, token: &str) -> Result<Option<String>, AuthError> {
        let query = Query::new("session", SESSION, vec![SqlParam::from_str(token)]);
        let result = self.database.query(query).await?;
        Ok(result.rows.first().map(|row| row.get(0)).transpose()?)
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
