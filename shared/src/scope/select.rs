//! Statements with the conditions that a request asks for, and no others.

use std::fmt::Write as _;

use super::owner::{SqlKind, check};
use super::tokens::count_bytes;
use crate::db::{Query, SqlParam};

/// The start of a statement that lists rows: a `select` that ends with `where user_id = $1`.
#[derive(Debug)]
pub(crate) struct SelectStatement {
    name: &'static str,
    sql: &'static str,
}

impl SelectStatement {
    /// `name` is for logs and metrics. Fails the build unless `sql` ends with its owner's condition.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        check(sql, SqlKind::SelectPrefix);
        Self { name, sql }
    }
}

/// A condition, or the keys of an `order by`. It cannot end the `where` to which it is appended.
///
/// Each `?` stands for one of its `PARAMS` parameters.
#[derive(Debug)]
pub(crate) struct SqlFragment<const PARAMS: usize = 0>(&'static str);

impl<const PARAMS: usize> SqlFragment<PARAMS> {
    /// Fails the build if `sql` could widen the rows that are selected, or has another number of parameters.
    pub(crate) const fn new(sql: &'static str) -> Self {
        check(sql, SqlKind::Fragment);
        assert!(count_bytes(sql.as_bytes(), b'?') == PARAMS, "each parameter is a `?`");
        Self(sql)
    }

    /// The fragment with its parameters.
    pub(crate) fn with<'a>(&'static self, params: [SqlParam<'a>; PARAMS]) -> BoundFragment<'a> {
        BoundFragment { sql: self.0, params: params.into() }
    }

    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &'static str {
        self.0
    }
}

/// A [`SqlFragment`] with its parameters.
#[derive(Debug)]
pub(crate) struct BoundFragment<'a> {
    sql: &'static str,
    params: Vec<SqlParam<'a>>,
}

/// A statement that is being built. The owner's condition comes first, and everything else narrows it.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    name: &'static str,
    sql: String,
    params: Vec<SqlParam<'a>>,
    is_prepared: bool,
}

impl<'a> Select<'a> {
    pub(super) fn new(statement: &'static SelectStatement, user_id: &'a str) -> Self {
        Self {
            name: statement.name,
            sql: statement.sql.to_owned(),
            params: vec![SqlParam::from_str(user_id)],
            is_prepared: false,
        }
    }

    /// Adds a condition.
    pub(crate) fn and<const N: usize>(&mut self, condition: &'static SqlFragment<N>, params: [SqlParam<'a>; N]) {
        self.push(" and ", condition.with(params));
    }

    /// Sorts the rows.
    pub(crate) fn order_by<const N: usize>(&mut self, keys: &'static SqlFragment<N>, params: [SqlParam<'a>; N]) {
        self.push(" order by ", keys.with(params));
    }

    /// Prepares the statement. Then it has one plan for all parameters: it must be the best for a user with few rows and for
    /// one with many.
    pub(crate) fn prepare(&mut self) {
        self.is_prepared = true;
    }

    /// Selects one page of the rows.
    pub(crate) fn page(&mut self, limit: u32, offset: u32) {
        let limit = self.placeholder(SqlParam::from_display(limit));
        let _ = write!(self.sql, " limit {limit}");
        if offset > 0 {
            let offset = self.placeholder(SqlParam::from_display(offset));
            let _ = write!(self.sql, " offset {offset}");
        }
    }

    /// Selects one page: first the rows of one condition, then those of the other. Each part is read in `order_of_parts`,
    /// which an index has. `keys` is the same order for the rows of both.
    ///
    /// For `nulls last` in the direction in which an index has them first: the rows with a value, then those without.
    pub(crate) fn page_of_parts(
        &mut self,
        [first, second]: [BoundFragment<'a>; 2],
        order_of_parts: &'static SqlFragment,
        keys: &'static SqlFragment,
        limit: u32,
        offset: u32,
    ) {
        let rows = std::mem::take(&mut self.sql);
        let end = self.placeholder(SqlParam::from_display(u64::from(limit) + u64::from(offset)));
        let mut part = |condition| {
            self.sql.clone_from(&rows);
            self.push(" and ", condition);
            format!("{} order by {} limit", self.sql, order_of_parts.0)
        };
        let (first, second) = (part(first), part(second));
        self.sql = format!(
            "with first as ({first} {end}::bigint) \
             select * from first union all ({second} greatest({end}::bigint - (select count(*) from first), 0)) \
             order by {}",
            keys.0
        );
        self.page(limit, offset);
    }

    pub(super) fn into_query(self) -> Query<'a> {
        Query { is_prepared: self.is_prepared, ..Query::new(self.name, self.sql, self.params) }
    }

    fn push(&mut self, keyword: &str, fragment: BoundFragment<'a>) {
        self.sql.push_str(keyword);
        let mut pieces = fragment.sql.split('?');
        self.sql.push_str(pieces.next().unwrap_or_default());
        for (param, piece) in fragment.params.into_iter().zip(pieces) {
            let placeholder = self.placeholder(param);
            self.sql.push_str(&placeholder);
            self.sql.push_str(piece);
        }
    }

    /// Adds a parameter, and returns its placeholder.
    fn placeholder(&mut self, param: SqlParam<'a>) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LIST: SelectStatement = SelectStatement::new("list", "select id from tasks where user_id = $1");
    static PENDING: SqlFragment = SqlFragment::new("completed is not true");
    static DUE_BEFORE: SqlFragment<1> = SqlFragment::new("due_date < ?");
    static BY_ID: SqlFragment = SqlFragment::new("id asc");

    #[test]
    fn only_requested_conditions_are_in_the_statement() {
        let mut select = Select::new(&LIST, "ada");
        select.order_by(&BY_ID, []);
        select.page(50, 0);
        let query = select.into_query();
        assert_eq!(query.sql, "select id from tasks where user_id = $1 order by id asc limit $2");
        assert_eq!(query.params.len(), 2);

        let mut select = Select::new(&LIST, "ada");
        select.and(&PENDING, []);
        select.and(&DUE_BEFORE, [SqlParam::from_str("2026-11-21")]);
        select.page(50, 100);
        let query = select.into_query();
        let sql =
            "select id from tasks where user_id = $1 and completed is not true and due_date < $2 limit $3 offset $4";
        assert_eq!((query.name, query.sql.as_ref(), query.params.len()), ("list", sql, 4));
    }

    #[test]
    fn each_part_has_the_owner_and_the_conditions() {
        static EARLIER: SqlFragment<2> = SqlFragment::new("(due_date, id) < (?, ?)");
        static UNDATED: SqlFragment = SqlFragment::new("due_date is null");
        static LATEST: SqlFragment = SqlFragment::new("due_date desc, id desc");
        static LATEST_THEN_UNDATED: SqlFragment = SqlFragment::new("due_date desc nulls last, id desc");
        let mut select = Select::new(&LIST, "ada");
        select.and(&PENDING, []);
        let parts = [EARLIER.with(["2026-11-21", "7"].map(SqlParam::from_str)), UNDATED.with([])];
        select.page_of_parts(parts, &LATEST, &LATEST_THEN_UNDATED, 50, 100);
        let query = select.into_query();
        let part = "select id from tasks where user_id = $1 and completed is not true";
        let sql = format!(
            "with first as ({part} and (due_date, id) < ($3, $4) order by due_date desc, id desc limit $2::bigint) \
             select * from first union all ({part} and due_date is null order by due_date desc, id desc \
             limit greatest($2::bigint - (select count(*) from first), 0)) \
             order by due_date desc nulls last, id desc limit $5 offset $6"
        );
        assert_eq!((query.sql.as_ref(), query.params.len()), (sql.as_str(), 6));
    }
}
