//! Keyed writes that insert many rows, not all with the same columns.

use std::borrow::Cow;

use super::insert::{check_form, without_columns};
use super::owner::{SqlKind, check};
use super::statement::StartStatement;

/// A [`KeyedWrite`](super::KeyedWrite) with an insert that is repeated for each group of rows that leave out the same columns:
/// a column that is left out gets its default, and one insert cannot leave it out of some of its rows only.
///
/// The insert is the query `created` of the `with`, and takes the rows of the group `columns = 0`.
#[derive(Debug)]
pub(crate) struct GroupedInsert {
    name: &'static str,
    before: &'static str,
    insert: &'static str,
    after: &'static str,
    /// The three together.
    sql: &'static str,
}

const QUERY: &str = "created as (";
const GROUP: &str = "columns = 0";

impl GroupedInsert {
    /// `name` is for logs and metrics. Fails the build unless `sql` is a keyed write that consists of these parts, of which
    /// the second is the insert.
    pub(crate) const fn new(name: &'static str, [before, insert, after]: [&'static str; 3], sql: &'static str) -> Self {
        check(sql, SqlKind::KeyedWrite);
        check_form(insert);
        let parts = [before, insert, after];
        let (mut part, mut index, mut offset) = (0, 0, 0);
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            while index < bytes.len() {
                assert!(offset < sql.len() && sql.as_bytes()[offset] == bytes[index], "not the parts of the statement");
                (index, offset) = (index + 1, offset + 1);
            }
            (part, index) = (part + 1, 0);
        }
        assert!(offset == sql.len(), "not the parts of the statement");
        Self { name, before, insert, after, sql }
    }

    /// The statement with one group that leaves out no column.
    pub(crate) const fn at_start(&self) -> StartStatement {
        StartStatement::new(self.sql)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The statement with an insert for each group. `groups` tells for each which columns after `user_id` it leaves out.
    pub(super) fn sql_with(&self, groups: &[Vec<bool>]) -> Cow<'static, str> {
        if groups.iter().flatten().all(|is_left_out| !is_left_out) {
            return Cow::Borrowed(self.sql);
        }
        let insert = |(number, left_out): (usize, &Vec<bool>)| {
            let insert = without_columns(self.insert, usize::MAX, |column| left_out.get(column) == Some(&true));
            insert.replacen(QUERY, &format!("created_{number} as ("), 1).replacen(
                GROUP,
                &format!("columns = {number}"),
                1,
            )
        };
        let inserts: Vec<String> = groups.iter().enumerate().map(insert).collect();
        let union: Vec<String> = (0..groups.len()).map(|number| format!("select * from created_{number}")).collect();
        Cow::Owned(format!(
            "{}{}, created as ({}){}",
            self.before,
            inserts.join(", "),
            union.join(" union all "),
            self.after
        ))
    }
}
