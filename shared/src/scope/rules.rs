//! The rules of a table that a statement broke, as the catalog has them.
//!
//! The table may be that of another back end, with lengths and checks of its own. They are read after a rejection only.

use super::error::StoreError;
use super::user_scope::UserScope;
use crate::db::{DbError, DbErrorKind, Query, Rejection, Row, SqlParam};
use crate::input::{Failure, InvalidInput};
use crate::noun::Noun;

/// A rule of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ColumnRule {
    column: String,
    kind: RuleKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RuleKind {
    /// The longest text, in characters.
    MaxLength(usize),
    /// A check that concerns the column, as PostgreSQL prints it.
    Check(String),
    /// A unique index that contains the column.
    Unique,
    /// The column is part of the primary key.
    PrimaryKey,
    /// The column takes no null.
    NotNull,
}

/// The lengths of all columns of the table `$1`, and the columns of its constraint or index `$2`, or of a domain's.
const RULES: &str = "\
select a.attname::text, 'length', (case when a.atttypmod > 0 then a.atttypmod else t.typtypmod end - 4)::text
from pg_attribute as a
join pg_type as t on t.oid = a.atttypid
where a.attrelid = to_regclass($1)
  and a.attnum > 0
  and coalesce(nullif(t.typbasetype, 0), t.oid) in ('varchar'::regtype, 'bpchar'::regtype)
  and (a.atttypmod > 0 or t.typtypmod > 0)
union all
select a.attname::text, 'check', pg_get_constraintdef(c.oid)
from pg_constraint as c
join pg_attribute as a on a.attrelid = to_regclass($1)
where c.contype = 'c'
  and c.conname = $2::text
  and ((c.conrelid = a.attrelid and a.attnum = any (c.conkey)) or c.contypid = a.atttypid)
union all
select a.attname::text, case when i.indisprimary then 'primary key' else 'unique' end, ''
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::smallint[])
where i.indrelid = to_regclass($1)
  and c.relname = $2::text
";

impl UserScope {
    /// The failure of a write, with the fields whose rules it broke. `sent` are the texts that it stores, by column.
    pub(crate) async fn explain(
        &self,
        noun: &'static Noun,
        sent: &[(&str, Option<&str>)],
        error: DbError,
    ) -> StoreError {
        let is_rule = match error.kind() {
            DbErrorKind::Rejected(Rejection::Rule) => true,
            DbErrorKind::Rejected(Rejection::Unique) => false,
            _ => return StoreError::about_user(noun, error),
        };
        // The rejection is the failure to report, whatever becomes of this query.
        let rules = self.rules_broken_by(noun.table, &error).await.unwrap_or_default();
        if rules.iter().any(|rule| rule.kind == RuleKind::PrimaryKey) {
            return StoreError::IdInUse(noun, error);
        }
        let failures = rules.iter().filter_map(|rule| failure(rule, sent, error.rejected_by().constraint));
        let failures = InvalidInput(failures.collect());
        if is_rule { StoreError::BrokenRule(noun, failures, error) } else { StoreError::Conflict(failures, error) }
    }

    /// The rules of `table` that can be the reason for a rejection.
    async fn rules_broken_by(&self, table: &str, error: &DbError) -> Result<Vec<ColumnRule>, DbError> {
        let rejected_by = error.rejected_by();
        if let (Some(column), None) = (rejected_by.column, rejected_by.constraint) {
            return Ok(vec![ColumnRule { column: column.to_owned(), kind: RuleKind::NotNull }]);
        }
        let constraint = rejected_by.constraint.map_or(SqlParam::NULL, SqlParam::from_str);
        let rows = self.catalog(Query::new("rules", RULES, vec![SqlParam::from_str(table), constraint])).await?;
        rows.iter().filter_map(|row| rule(row).transpose()).collect()
    }
}

/// What is wrong with the field of a column. `None` if its rule is not the one that was broken.
fn failure(
    ColumnRule { column, kind }: &ColumnRule,
    sent: &[(&str, Option<&str>)],
    constraint: Option<&str>,
) -> Option<Failure> {
    let text = sent.iter().find(|(name, _)| name == column).and_then(|(_, text)| *text);
    let length = text.map(|text| text.chars().count());
    let detail = match kind {
        RuleKind::MaxLength(max) if constraint.is_none() => {
            length.filter(|length| length > max).map(|_| format!("{column} must have at most {max} characters"))?
        }
        RuleKind::MaxLength(_) | RuleKind::PrimaryKey => return None,
        RuleKind::NotNull => format!("{column} must have a value"),
        RuleKind::Unique => format!("another one has this {column}"),
        RuleKind::Check(definition) => {
            let rule = check_sentence(definition, length).unwrap_or_else(|| {
                format!("must not break the rule {} of the database", constraint.unwrap_or_default())
            });
            format!("{column} {rule}")
        }
    };
    Some(Failure { pointer: format!("/{column}"), detail })
}

/// `must have at most 50 characters`, `must be low, medium or high`: what a check of a usual form demands. `length` is that
/// of the text that broke it.
fn check_sentence(definition: &str, length: Option<usize>) -> Option<String> {
    if definition.contains("length(") {
        let (min, max) = length_limits(definition);
        let is_too_short = length.zip(min).is_some_and(|(length, min)| length < min);
        return match (min, max) {
            (Some(min), _) if is_too_short => Some(format!("must have at least {min} characters")),
            (_, Some(max)) => Some(format!("must have at most {max} characters")),
            (Some(min), None) => Some(format!("must have at least {min} characters")),
            (None, None) => None,
        };
    }
    let is_list = definition.contains("= ANY (");
    let words: Vec<&str> = definition.split('\'').skip(1).step_by(2).collect();
    let (last, first) = words.split_last().filter(|_| is_list)?;
    Some(if first.is_empty() { format!("must be {last}") } else { format!("must be {} or {last}", first.join(", ")) })
}

/// The smallest and the largest length that comparisons with a number allow: `length(title) >= 3`.
fn length_limits(definition: &str) -> (Option<usize>, Option<usize>) {
    let (mut min, mut max) = (None, None);
    let words: Vec<&str> = definition.split_whitespace().collect();
    for pair in words.windows(2) {
        let [operator, number] = pair else { continue };
        let digits = number.trim_end_matches(|character: char| !character.is_ascii_digit());
        let Ok(number) = digits.parse::<usize>() else { continue };
        match *operator {
            "<=" => max = Some(number),
            "<" => max = number.checked_sub(1),
            ">=" => min = Some(number),
            ">" => min = Some(number + 1),
            _ => {}
        }
    }
    (min, max)
}

fn rule(row: &Row) -> Result<Option<ColumnRule>, DbError> {
    let (column, kind, value): (String, &str, &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let kind = match kind {
        "length" => value.parse().ok().map(RuleKind::MaxLength),
        "check" => Some(RuleKind::Check(value.to_owned())),
        "unique" => Some(RuleKind::Unique),
        "primary key" => Some(RuleKind::PrimaryKey),
        _ => None,
    };
    Ok(kind.map(|kind| ColumnRule { column, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(definition: &str, text: &str) -> String {
        let rule = ColumnRule { column: "title".to_owned(), kind: RuleKind::Check(definition.to_owned()) };
        failure(&rule, &[("title", Some(text))], Some("title_rule")).map(|failure| failure.detail).unwrap_or_default()
    }

    #[test]
    fn checks_of_usual_forms_become_sentences() {
        for (definition, text, expected) in [
            ("CHECK ((char_length((title)::text) <= 3))", "long", "title must have at most 3 characters"),
            ("CHECK ((length(title) < 4))", "long", "title must have at most 3 characters"),
            (
                "CHECK (((char_length(title) >= 2) AND (char_length(title) <= 50)))",
                "x",
                "title must have at least 2 characters",
            ),
            (
                "CHECK (((char_length(title) >= 2) AND (char_length(title) <= 3)))",
                "long",
                "title must have at most 3 characters",
            ),
            (
                "CHECK (((title)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
                "c",
                "title must be a or b",
            ),
            ("CHECK ((title = lower(title)))", "C", "title must not break the rule title_rule of the database"),
        ] {
            assert_eq!(sentence(definition, text), expected, "{definition}");
        }
    }
}
