//! Statements about a user's rows. They can be made at compile time only, and compile only if they name their owner.

use super::owner::{SqlKind, check};

/// A statement that reads rows of the user `$1`. Its further parameters start at `$2`.
#[derive(Debug)]
pub(crate) struct Read {
    name: &'static str,
    sql: &'static str,
}

/// A statement that writes rows of the user `$1`. `$2` is the name of the attempt; its further parameters start at `$3`.
///
/// The `where` of each part that writes ends with `not exists (select from tasks_api.task_fences where attempt = $2)`: an attempt
/// that was given up has no effect any more.
#[derive(Debug)]
pub(crate) struct Write {
    name: &'static str,
    sql: &'static str,
}

/// A [`Write`] that stores its answer under a key of the client, and changes nothing if there is one already. It has the
/// form of [`keyed_sql`](super::key_row::keyed_sql): `$3` to `$5` belong to the key, and its further parameters start at
/// `$6`.
#[derive(Debug)]
pub(crate) struct KeyedWrite {
    name: &'static str,
    sql: &'static str,
}

/// A statement that a function prepares while it starts. Any other is prepared after it was first executed.
#[derive(Debug, Clone, Copy)]
pub struct StartStatement(&'static str);

impl StartStatement {
    /// It is only prepared. What is executed is checked elsewhere.
    pub(crate) const fn new(sql: &'static str) -> Self {
        Self(sql)
    }

    pub(crate) fn sql(self) -> &'static str {
        self.0
    }
}

impl Read {
    /// `name` is for logs and metrics. Fails the build unless `sql` is confined to the rows of `$1` and changes nothing.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        check(sql, SqlKind::Read);
        Self { name, sql }
    }

    pub(crate) const fn at_start(&self) -> StartStatement {
        StartStatement::new(self.sql)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }
}

impl Write {
    /// `name` is for logs and metrics. Fails the build unless `sql` is confined to the rows of `$1` and fenced by `$2`.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        let writes = check(sql, SqlKind::Write);
        assert!(writes > 0, "a write must write: make it a Read");
        Self { name, sql }
    }

    pub(crate) const fn at_start(&self) -> StartStatement {
        StartStatement::new(self.sql)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }
}

impl KeyedWrite {
    /// `name` is for logs and metrics. Fails the build unless `sql` is a [`Write`] of that form.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        let writes = check(sql, SqlKind::KeyedWrite);
        assert!(writes > 1, "a keyed write must write more than its key");
        Self { name, sql }
    }

    pub(crate) const fn at_start(&self) -> StartStatement {
        StartStatement::new(self.sql)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }
}
