//! One verified user.

use std::sync::Arc;

use super::extra::ExtraMembers;
use super::insert::Insert;
use super::live_user::with_live_user;
use super::select::{Select, SelectStatement};
use super::statement::{Read, Write};
use crate::auth::VerifiedUser;
use crate::db::{Database, DbError, Fence, Query, QueryResult, Row, SqlParam};

/// What a request may touch: the rows of one verified user.
pub struct UserScope {
    user: VerifiedUser,
    database: Arc<Database>,
    request_id: String,
    extra: ExtraMembers,
}

/// Records the attempts of a write, and deletes records of attempts that cannot be in progress any more.
pub(crate) static FENCE: Fence = Fence {
    name: "fence",
    sql: "\
with expired as (
    delete from tasks_api.task_fences
    where made_at < now() - interval '1 hour'
)
insert into tasks_api.task_fences (attempt)
select $1::text || '/' || number
from generate_series(0, $2::integer) as number
on conflict do nothing
",
};

impl UserScope {
    pub(crate) fn new(user: VerifiedUser, database: Arc<Database>, request_id: String, extra: ExtraMembers) -> Self {
        Self { user, database, request_id, extra }
    }

    /// The id of the user.
    pub(crate) fn user_id(&self) -> &str {
        self.user.id()
    }

    /// Identifies the request in what it writes, so that a retry is recognized.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Goes on with another request of the same user.
    #[cfg(feature = "proof")]
    pub(crate) fn set_request_id(&mut self, request_id: String) {
        self.request_id = request_id;
    }

    /// Executes a read: one round trip. `params` are `$2` and following.
    pub(crate) async fn read<'a>(
        &'a self,
        statement: &'static Read,
        params: impl IntoIterator<Item = SqlParam<'a>>,
    ) -> Result<Vec<Row>, DbError> {
        let params = [SqlParam::from_str(self.user.parameter())].into_iter().chain(params).collect();
        let query = Query::prepared(statement.name(), statement.sql(), params);
        Ok(self.database.query(self.for_user(query)).await?.rows)
    }

    /// Executes a write: one round trip. `params` are `$3` and following.
    pub(crate) async fn write<'a>(
        &'a self,
        statement: &'static Write,
        params: Vec<SqlParam<'a>>,
    ) -> Result<QueryResult<Vec<Row>>, DbError> {
        self.send_write(|params| Query::prepared(statement.name(), statement.sql(), params), &params).await
    }

    /// Executes an insert: one round trip. `columns` are the parameters of each column after `user_id`; `None` leaves the
    /// column out.
    pub(crate) async fn insert<'a>(
        &'a self,
        statement: &'static Insert,
        columns: Vec<Option<Vec<SqlParam<'a>>>>,
    ) -> Result<QueryResult<Vec<Row>>, DbError> {
        let sql = statement.sql_without(|column| columns.get(column).is_some_and(Option::is_none));
        let params: Vec<SqlParam<'a>> = columns.into_iter().flatten().flatten().collect();
        self.send_write(|params| Query::prepared(statement.name(), sql.clone(), params), &params).await
    }

    /// Starts a statement that lists rows.
    pub(crate) fn select(&self, statement: &'static SelectStatement) -> Select<'_> {
        Select::new(statement, self.user.parameter())
    }

    /// Executes a query of the catalog.
    pub(super) async fn catalog(&self, query: Query<'_>) -> Result<Vec<Row>, DbError> {
        Ok(self.database.query(query).await?.rows)
    }

    /// The type of a column, as PostgreSQL calls it: `integer`.
    pub(crate) async fn type_of(&self, table: &'static str, column: &'static str) -> Result<String, DbError> {
        const TYPE: &str = "\
select format_type(atttypid, null)
from pg_attribute
where attrelid = to_regclass($1)
  and attname = $2";
        let rows = self.catalog(Query::new("type", TYPE, [table, column].map(SqlParam::from_str).into())).await?;
        rows.first().map_or_else(|| Ok(String::new()), |row| row.get(0))
    }

    /// Sends a write. `query` makes it from its parameters, of which `params` are `$3` and following.
    pub(super) async fn send_write<'a>(
        &'a self,
        query: impl Fn(Vec<SqlParam<'a>>) -> Query<'a>,
        params: &[SqlParam<'a>],
    ) -> Result<QueryResult<Vec<Row>>, DbError> {
        let with_attempt = |attempt| {
            let owner_and_attempt = [SqlParam::from_str(self.user.parameter()), attempt];
            self.for_user(query(owner_and_attempt.into_iter().chain(params.iter().cloned()).collect()))
        };
        self.database.write(&FENCE, with_attempt).await
    }

    /// Executes statements that list rows, together: one round trip.
    pub(crate) async fn fetch<const N: usize>(&self, selects: [Select<'_>; N]) -> Result<[Vec<Row>; N], DbError> {
        let queries = selects.map(|select| self.for_user(select.into_query()));
        Ok(self.database.query_together(queries).await?.rows)
    }

    /// The query, whose `$1` is [`VerifiedUser::parameter`], in the form that the token of the user demands.
    fn for_user<'a>(&self, query: Query<'a>) -> Query<'a> {
        let query = Query { sql: self.extra.fill(query.sql), ..query };
        if self.user.revocable_token().is_none() {
            return query;
        }
        Query { sql: with_live_user(&query.sql).into(), ..query }
    }
}
