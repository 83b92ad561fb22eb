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

#[cfg(test)]
mod tests {
    use super::super::key_row::keyed_sql;
    use super::*;

    macro_rules! insert {
        () => {
            "\
created as (
insert into tasks (user_id, title, priority)
select $1, new_title, new_priority
from item
where columns = 0
  and not exists (select from prior)
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning id
)"
        };
    }

    macro_rules! item {
        () => {
            "item as (select * from jsonb_to_recordset($6::jsonb) as item (new_title text, new_priority text, columns integer)), "
        };
    }

    macro_rules! changed {
        () => {
            ", changed as (select id::text as task_id, to_jsonb(id) as answer from created)"
        };
    }

    static INSERT: GroupedInsert = GroupedInsert::new(
        "insert",
        [concat!(keyed_sql!(before "insert"), item!()), insert!(), concat!(changed!(), keyed_sql!(after "insert"))],
        concat!(keyed_sql!(before "insert"), item!(), insert!(), changed!(), keyed_sql!(after "insert")),
    );

    #[test]
    fn each_group_has_its_own_insert() {
        assert_eq!(INSERT.sql_with(&[]), INSERT.sql);
        assert_eq!(INSERT.sql_with(&[vec![false, false]]), INSERT.sql);
        let sql = INSERT.sql_with(&[vec![false, true], vec![false, false]]);
        for part in [
            "created_0 as (\ninsert into tasks (user_id, title)\nselect $1, new_title",
            "where columns = 0\n",
            "created_1 as (\ninsert into tasks (user_id, title, priority)\nselect $1, new_title, new_priority\nfrom item",
            "where columns = 1\n",
            "created as (select * from created_0 union all select * from created_1), changed as (",
        ] {
            assert_eq!(sql.matches(part).count(), 1, "{part} in {sql}");
        }
    }
}
