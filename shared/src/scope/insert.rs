//! Inserts of a single row in which columns can be left out.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::owner::{SqlKind, check};
use super::statement::StartStatement;
use super::tokens::{Token, contains};

/// A statement that inserts one row of the user `$1`: `insert into … (user_id, …) select $1, … where …`. `$2` is the name
/// of the attempt, as in a [`Write`](super::Write).
///
/// A column that is left out gets its default, which in a table of another back end need not be null.
#[derive(Debug)]
pub(crate) struct Insert {
    name: &'static str,
    sql: &'static str,
    /// The number of the first parameter that belongs to a column.
    first_param: usize,
}

/// An [`Insert`] that stores its answer under a key of the client, as a [`KeyedWrite`](super::KeyedWrite) does.
#[derive(Debug)]
pub(crate) struct KeyedInsert(Insert);

impl KeyedInsert {
    /// `name` is for logs and metrics. Fails the build unless `sql` is a keyed write of one insert.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        let writes = check(sql, SqlKind::KeyedWrite);
        assert!(writes == 2, "one insert beside that of the key");
        check_form(sql);
        Self(Insert { name, sql, first_param: 6 })
    }

    pub(super) fn as_insert(&self) -> &Insert {
        &self.0
    }
}

/// Fails the build if columns could not be left out of the first insert of `sql`.
pub(super) const fn check_form(sql: &str) {
    let bytes = sql.as_bytes();
    let all = Token { start: 0, end: bytes.len() };
    let has_form = contains(bytes, all, COLUMNS_END) && contains(bytes, all, VALUES_END);
    assert!(has_form, "the columns, the values and the `where` start on lines of their own");
}

impl Insert {
    /// `name` is for logs and metrics. Fails the build unless `sql` is one insert that names its owner and is fenced.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        let writes = check(sql, SqlKind::Write);
        assert!(writes == 1, "one insert");
        check_form(sql);
        Self { name, sql, first_param: 3 }
    }

    /// The statement with all columns.
    pub(crate) const fn at_start(&self) -> StartStatement {
        StartStatement::new(self.sql)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The statement without the columns for which `is_left_out` is true, counted from zero after `user_id`. The other
    /// parameters are numbered anew.
    pub(super) fn sql_without(&self, is_left_out: impl Fn(usize) -> bool) -> Cow<'static, str> {
        without_columns(self.sql, self.first_param, is_left_out)
    }
}

/// See [`Insert::sql_without`]. `first_param` is the number of the first parameter that belongs to a column.
pub(super) fn without_columns(
    sql: &'static str,
    first_param: usize,
    is_left_out: impl Fn(usize) -> bool,
) -> Cow<'static, str> {
    let Some(parts) = Parts::of(sql) else { return Cow::Borrowed(sql) };
    let kept: Vec<(&str, &str)> = parts
        .columns
        .iter()
        .copied()
        .zip(parts.values.iter().copied())
        .enumerate()
        .filter(|(index, _)| !index.checked_sub(1).is_some_and(&is_left_out))
        .map(|(_, pair)| pair)
        .collect();
    if kept.len() == parts.columns.len() {
        return Cow::Borrowed(sql);
    }
    let columns: Vec<&str> = kept.iter().map(|(column, _)| *column).collect();
    let mut sql = format!("{}{})\nselect ", parts.head, columns.join(", "));
    let mut next = first_param;
    for (index, (_, value)) in kept.iter().enumerate() {
        sql.push_str(if index > 0 { ", " } else { "" });
        push_renumbered(&mut sql, value, first_param, &mut next);
    }
    sql.push_str(parts.tail);
    Cow::Owned(sql)
}

/// Before the name of the table. A keyed insert begins with a query.
const INSERT: &str = "insert into ";
/// Between the columns and the values.
const COLUMNS_END: &str = ")\nselect ";
/// Between the values and the conditions.
const VALUES_END: &str = "\nwhere ";

/// The statement in pieces.
struct Parts<'a> {
    /// Up to `insert into tasks (`.
    head: &'a str,
    columns: Vec<&'a str>,
    values: Vec<&'a str>,
    /// From the white space before `where` on.
    tail: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` for another form, which [`Insert::new`] refuses.
    fn of(sql: &'a str) -> Option<Self> {
        let insert = sql.find(INSERT)?;
        let (head, rest) = sql.split_at_checked(insert + sql.get(insert..)?.find('(')? + 1)?;
        let (columns, rest) = rest.split_once(COLUMNS_END)?;
        let (values, tail) = rest.split_at_checked(rest.find(VALUES_END)?)?;
        let (columns, values) = (split_list(columns), split_list(values));
        (columns.len() == values.len()).then_some(Self { head, columns, values, tail })
    }
}

/// The items of a list, separated by commas outside of parentheses.
fn split_list(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

/// Appends a value, with its parameters from `first` on numbered from `next` on.
fn push_renumbered(sql: &mut String, value: &str, first: usize, next: &mut usize) {
    let mut pieces = value.split('$');
    sql.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        if number.parse().is_ok_and(|number: usize| number < first) {
            let _ = write!(sql, "${number}{rest}");
        } else {
            let _ = write!(sql, "${next}{rest}");
            *next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_row::keyed_sql;
    use super::*;

    static INSERT: Insert = Insert::new(
        "insert",
        "\
insert into tasks (user_id, title, priority, due_date, due_date_marker)
select $1, $3, $4, $5, case when $6 then $7::timestamp end
where not exists (select from tasks_api.task_fences where attempt = $2)
returning id
",
    );

    static KEYED_INSERT: KeyedInsert = KeyedInsert::new(
        "keyed insert",
        keyed_sql!(
            "create",
            "\
changed as (
insert into tasks (user_id, title, description, done)
select $1, $6, lower($7), case when $8 then $9 end
where not exists (select from prior)
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning id::text as task_id, '{}'::jsonb as answer
)"
        ),
    );

    #[test]
    fn columns_are_left_out_of_keyed_inserts() {
        let insert = KEYED_INSERT.as_insert();
        assert_eq!(insert.sql_without(|_| false), insert.sql);
        let (columns, values) =
            ("(user_id, title, description, done)\nselect $1, $6, lower($7), case", "$8 then $9 end");
        assert!(insert.sql.contains(columns) && insert.sql.contains(values), "{}", insert.sql);
        let expected = insert.sql.replace(columns, "(user_id, title, done)\nselect $1, $6, case");
        assert_eq!(insert.sql_without(|column| column == 1), expected.replace(values, "$7 then $8 end"));
    }

    #[test]
    fn columns_are_left_out_and_parameters_renumbered() {
        assert_eq!(INSERT.sql_without(|_| false), INSERT.sql);
        assert_eq!(
            INSERT.sql_without(|column| column == 1),
            "insert into tasks (user_id, title, due_date, due_date_marker)\n\
             select $1, $3, $4, case when $5 then $6::timestamp end\n\
             where not exists (select from tasks_api.task_fences where attempt = $2)\nreturning id\n"
        );
        assert_eq!(
            INSERT.sql_without(|column| column > 0),
            "insert into tasks (user_id, title)\nselect $1, $3\n\
             where not exists (select from tasks_api.task_fences where attempt = $2)\nreturning id\n"
        );
    }
}
