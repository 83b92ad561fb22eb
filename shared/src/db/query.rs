//! A statement with its parameters, and its result.

use std::borrow::Cow;

use super::param::SqlParam;

/// A statement that may be executed twice: a second execution changes nothing. So it is safe to retry when its response
/// is lost.
///
/// Each parameter is sent as text and takes the type that PostgreSQL infers for it: so one statement serves integer, uuid
/// and text ids, and timestamps with and without a time zone.
#[derive(Debug, Clone)]
pub(crate) struct Query<'a> {
    /// The name of the statement in logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) sql: Cow<'a, str>,
    pub(crate) params: Vec<SqlParam<'a>>,
    /// Whether it is executed as a prepared statement where there is one. That needs one plan that fits all parameters, as
    /// for a look-up by key.
    pub(crate) is_prepared: bool,
    /// Whether it may wait for a transaction of another request. [`DbStats::was_waiting`](super::DbStats) tells if that is
    /// what a request was doing at its end.
    pub(crate) may_wait: bool,
}

impl<'a> Query<'a> {
    /// A statement that is parsed and planned at each execution.
    pub(crate) fn new(name: &'static str, sql: impl Into<Cow<'a, str>>, params: Vec<SqlParam<'a>>) -> Self {
        Self { name, sql: sql.into(), params, is_prepared: false, may_wait: false }
    }

    /// A statement that is executed often enough to be prepared.
    pub(crate) fn prepared(name: &'static str, sql: impl Into<Cow<'a, str>>, params: Vec<SqlParam<'a>>) -> Self {
        Self { is_prepared: true, ..Self::new(name, sql, params) }
    }
}

/// The statement that fences off earlier attempts of a write: `$1` is the name of the write, `$2` the number of its last
/// attempt. An attempt is named `name/number`.
#[derive(Debug)]
pub(crate) struct Fence {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// The rows of a statement.
#[derive(Debug)]
pub(crate) struct QueryResult<R> {
    pub(crate) rows: R,
    /// Whether an earlier attempt may have been executed, because its response was lost.
    pub(crate) maybe_executed: bool,
}
