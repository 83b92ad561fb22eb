//! Statements with the conditions that a request asks for, and no others.

use std::fmt::Write as _;

use super::owner::{SqlKind, check};
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
/// `?` stands for a parameter; there is at most one.
#[derive(Debug)]
pub(crate) struct SqlFragment(&'static str);

impl SqlFragment {
    /// Fails the build if `sql` could widen the rows that are selected.
    pub(crate) const fn new(sql: &'static str) -> Self {
        check(sql, SqlKind::Fragment);
        Self(sql)
    }

    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &'static str {
        self.0
    }
}

/// A statement that is being built. The owner's condition comes first, and everything else narrows it.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    name: &'static str,
    sql: String,
    params: Vec<SqlParam<'a>>,
}

impl<'a> Select<'a> {
    pub(super) fn new(statement: &'static SelectStatement, user_id: &'a str) -> Self {
        Self { name: statement.name, sql: statement.sql.to_owned(), params: vec![SqlParam::from_str(user_id)] }
    }

    /// Adds a condition without a parameter.
    pub(crate) fn and(&mut self, condition: &'static SqlFragment) {
        self.push(" and ", condition);
    }

    /// Adds a condition with a parameter.
    pub(crate) fn and_with(&mut self, condition: &'static SqlFragment, param: SqlParam<'a>) {
        let sql = condition.0.replacen('?', &self.placeholder(param), 1);
        let _ = write!(self.sql, " and {sql}");
    }

    /// Sorts the rows.
    pub(crate) fn order_by(&mut self, keys: &'static SqlFragment) {
        self.push(" order by ", keys);
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

    pub(super) fn into_query(self) -> Query<'a> {
        Query { name: self.name, sql: self.sql.into(), params: self.params }
    }

    fn push(&mut self, keyword: &str, fragment: &'static SqlFragment) {
        self.sql.push_str(keyword);
        self.sql.push_str(fragment.0);
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
    static DUE_BEFORE: SqlFragment = SqlFragment::new("due_date < ?");
    static BY_ID: SqlFragment = SqlFragment::new("id asc");

    #[test]
    fn only_requested_conditions_are_in_the_statement() {
        let mut select = Select::new(&LIST, "ada");
        select.order_by(&BY_ID);
        select.page(50, 0);
        let query = select.into_query();
        assert_eq!(query.sql, "select id from tasks where user_id = $1 order by id asc limit $2");
        assert_eq!(query.params.len(), 2);

        let mut select = Select::new(&LIST, "ada");
        select.and(&PENDING);
        select.and_with(&DUE_BEFORE, SqlParam::from_str("2026-11-21"));
        select.page(50, 100);
        let query = select.into_query();
        let sql =
            "select id from tasks where user_id = $1 and completed is not true and due_date < $2 limit $3 offset $4";
        assert_eq!((query.name, query.sql.as_ref(), query.params.len()), ("list", sql, 4));
    }
}
