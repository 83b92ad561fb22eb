//! The rules of a table that a statement broke, as the catalog has them.
//!
//! The table may be that of another back end, with lengths and checks of its own. They are read after a rejection only.

use super::error::StoreError;
use super::user_scope::UserScope;
use crate::db::{DbError, DbErrorKind, Query, Rejection, Row, SqlParam};
use crate::input::{Failure, InvalidInput};
use crate::noun::Noun;

/// A column that requests can change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldText<'a> {
    pub(crate) column: &'a str,
    /// The member of requests.
    pub(crate) member: &'a str,
    /// What is stored. `None` is null, no change, or a value that is no text.
    pub(crate) text: Option<&'a str>,
}

impl<'a> FieldText<'a> {
    /// Of a column whose member has the same name.
    pub(crate) const fn new(column: &'a str, text: Option<&'a str>) -> Self {
        Self { column, member: column, text }
    }
}

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
    /// A check of this column alone, as PostgreSQL prints it.
    Check(String),
    /// A check of several columns, or a reference to another table.
    Constraint,
    /// A unique index that contains the column.
    Unique,
    /// A unique index that contains the id, which the database assigns.
    UniqueId,
    /// The column takes no null.
    NotNull,
    /// The column is of this type. Empty if there is no such column.
    Type(String),
}

/// What the trigger that writes members of the front end calls its rule.
const EXTRA_VALUE: &str = "tasks_extra_value";

/// The columns of the constraint or index `$2` of the table `$1`, or of a domain's. If it is null, the lengths of all columns:
/// a rejection does not tell which text is too long.
const RULES: &str = "\
select a.attname::text, 'length', (case when a.atttypmod > 0 then a.atttypmod else t.typtypmod end - 4)::text
from pg_attribute as a
join pg_type as t on t.oid = a.atttypid
where $2::text is null
  and a.attrelid = to_regclass($1)
  and a.attnum > 0
  and coalesce(nullif(t.typbasetype, 0), t.oid) in ('varchar'::regtype, 'bpchar'::regtype)
  and (a.atttypmod > 0 or t.typtypmod > 0)
union all
select
    a.attname::text,
    case when c.contype = 'c' and coalesce(cardinality(c.conkey), 1) = 1 then 'check' else 'constraint' end,
    pg_get_constraintdef(c.oid)
from pg_constraint as c
join pg_attribute as a on a.attrelid = to_regclass($1)
where c.contype in ('c', 'f')
  and c.conname = $2::text
  and ((c.conrelid = a.attrelid and a.attnum = any (c.conkey)) or c.contypid = a.atttypid)
union all
select a.attname::text, case a.attname when 'id' then 'unique id' else 'unique' end, ''
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::smallint[])
where i.indrelid = to_regclass($1)
  and c.relname = $2::text
";

impl UserScope {
    /// The failure of a write, with the fields whose rules it broke. `fields` are the columns that requests can change. Rules
    /// of other columns are not described: they can name other users.
    pub(crate) async fn explain(&self, noun: &'static Noun, fields: &[FieldText<'_>], error: DbError) -> StoreError {
        self.explain_rows(noun, &[fields], error).await.0
    }

    /// The failure of a write of several rows, each with fields as for [`UserScope::explain`], and which row broke the rule.
    /// `None` if the texts do not tell; then the failure has no fields.
    pub(crate) async fn explain_rows<'a>(
        &self,
        noun: &'static Noun,
        rows: &[impl AsRef<[FieldText<'a>]>],
        error: DbError,
    ) -> (StoreError, Option<usize>) {
        let only_row = (rows.len() == 1).then_some(0);
        // The server does not tell which text has the character.
        if error.kind() == DbErrorKind::Rejected(Rejection::Encoding) {
            return (StoreError::BrokenRule(noun, InvalidInput(Vec::new()), error), only_row);
        }
        let DbErrorKind::Rejected(rejection @ (Rejection::Rule | Rejection::Unique | Rejection::ForeignKey)) =
            error.kind()
        else {
            return (StoreError::about_user(noun, error), None);
        };
        // The rejection is the failure to report, whatever becomes of this query.
        let rules = self.rules_broken_by(noun.table, &error).await.unwrap_or_default();
        if rejection == Rejection::ForeignKey && rules.iter().all(|rule| rule.column == "user_id") {
            return (StoreError::about_user(noun, error), None);
        }
        if rules.iter().any(|rule| rule.kind == RuleKind::UniqueId) {
            return (StoreError::IdInUse(noun, error), None);
        }
        let breaks_rule = |fields: &[FieldText<'_>]| rules.iter().any(|rule| certainly_breaks(rule, fields));
        let row = only_row
            .or_else(|| rows.iter().position(|fields| breaks_rule(fields.as_ref())))
            .or_else(|| only_row_of(&rules, rows));
        let fields = row.and_then(|row| rows.get(row)).map_or(&[][..], AsRef::as_ref);
        let failures = rules.iter().filter_map(|rule| failure(rule, fields, error.rejected_by().constraint));
        let failures = InvalidInput(failures.collect());
        let error = match rejection {
            Rejection::Unique => StoreError::Conflict(failures, error),
            _ => StoreError::BrokenRule(noun, failures, error),
        };
        (error, row)
    }

    /// The rules of `table` that can be the reason for a rejection.
    async fn rules_broken_by(&self, table: &str, error: &DbError) -> Result<Vec<ColumnRule>, DbError> {
        let rejected_by = error.rejected_by();
        if let (Some(column), Some(EXTRA_VALUE)) = (rejected_by.column, rejected_by.constraint) {
            let kind = RuleKind::Type(rejected_by.data_type.unwrap_or_default().to_owned());
            return Ok(vec![ColumnRule { column: column.to_owned(), kind }]);
        }
        if let (Some(column), None) = (rejected_by.column, rejected_by.constraint) {
            return Ok(vec![ColumnRule { column: column.to_owned(), kind: RuleKind::NotNull }]);
        }
        let constraint = rejected_by.constraint.map_or(SqlParam::NULL, SqlParam::from_str);
        let rows = self.catalog(Query::new("rules", RULES, vec![SqlParam::from_str(table), constraint])).await?;
        rows.iter().filter_map(|row| rule(row).transpose()).collect()
    }
}

/// Whether the text of a field breaks this rule, if the rule has a usual form.
fn certainly_breaks(ColumnRule { column, kind }: &ColumnRule, fields: &[FieldText<'_>]) -> bool {
    let text = fields.iter().find(|field| field.column == column).and_then(|field| field.text);
    let (Some(text), false) = (text, matches!(kind, RuleKind::Check(definition) if is_unusual(definition))) else {
        return false;
    };
    let length = text.chars().count();
    match kind {
        RuleKind::MaxLength(max) => length > *max,
        RuleKind::Check(definition) if definition.contains("length(") => {
            let (min, max) = length_limits(definition);
            min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max)
        }
        RuleKind::Check(definition) => {
            // Without regard to case, because the check may compare with the text in lower case.
            let is_other = |word: &String| !word.eq_ignore_ascii_case(text);
            words_of_list(definition).is_some_and(|words| words.iter().all(is_other))
        }
        RuleKind::Constraint | RuleKind::Unique | RuleKind::UniqueId | RuleKind::NotNull | RuleKind::Type(_) => false,
    }
}

/// The row with a value that a column cannot hold, if no other row has a value for that column.
fn only_row_of<'a>(rules: &[ColumnRule], rows: &[impl AsRef<[FieldText<'a>]>]) -> Option<usize> {
    let [ColumnRule { column, kind: RuleKind::Type(_) }] = rules else { return None };
    let has_value = |row: &[FieldText<'a>]| row.iter().any(|field| field.column == column);
    let mut rows = rows.iter().enumerate().filter(|(_, row)| has_value(row.as_ref())).map(|(index, _)| index);
    rows.next().filter(|_| rows.next().is_none())
}

/// What is wrong with the field of a column. `None` if its rule is not the one that was broken, or if it is no field.
fn failure(
    ColumnRule { column, kind }: &ColumnRule,
    fields: &[FieldText<'_>],
    constraint: Option<&str>,
) -> Option<Failure> {
    let FieldText { member, text, .. } = fields.iter().find(|field| field.column == column)?;
    let length = text.map(|text| text.chars().count());
    let sentence = match kind {
        RuleKind::MaxLength(max) => {
            length.filter(|length| length > max).map(|_| format!("must have at most {max} characters"))
        }
        RuleKind::UniqueId => None,
        RuleKind::NotNull => Some("must have a value".to_owned()),
        RuleKind::Unique => {
            return Some(Failure { pointer: format!("/{member}"), detail: format!("another one has this {member}") });
        }
        RuleKind::Check(definition) => check_sentence(definition, length).or_else(|| unknown_rule(constraint)),
        RuleKind::Constraint => unknown_rule(constraint),
        RuleKind::Type(name) if name.is_empty() => {
            Some("cannot be stored, because the table has no column for it".to_owned())
        }
        RuleKind::Type(name) => Some(format!("must be a value of the type {name}")),
    }?;
    Some(Failure { pointer: format!("/{member}"), detail: format!("{member} {sentence}") })
}

fn unknown_rule(constraint: Option<&str>) -> Option<String> {
    Some(format!("must not break the rule {} of the database", constraint?))
}

/// `must have at most 50 characters`, `must be low, medium or high`: what a check of a usual form demands. `length` is that
/// of the text that broke it.
fn check_sentence(definition: &str, length: Option<usize>) -> Option<String> {
    if is_unusual(definition) {
        return None;
    }
    if definition.contains("length(") {
        let (min, max) = length_limits(definition);
        let is_too_short = length.zip(min).is_some_and(|(length, min)| length < min);
        return match (min, max) {
            (Some(min), max) if is_too_short || max.is_none() => Some(if min == 1 {
                "must not be empty".to_owned()
            } else {
                format!("must have at least {min} characters")
            }),
            (_, max) => max.map(|max| format!("must have at most {max} characters")),
        };
    }
    let words = words_of_list(definition)?;
    let (last, first) = words.split_last()?;
    Some(if first.is_empty() { format!("must be {last}") } else { format!("must be {} or {last}", first.join(", ")) })
}

/// Whether a check has not the form that its words suggest.
fn is_unusual(definition: &str) -> bool {
    ["NOT (", "octet_length(", "bit_length("].iter().any(|unusual| definition.contains(unusual))
}

/// The values that a check allows, if it is a list of them.
fn words_of_list(definition: &str) -> Option<Vec<String>> {
    if definition.matches("= ANY (").count() != 1 {
        return None;
    }
    // A quote within a literal is doubled.
    let definition = definition.replace("''", "\0");
    Some(definition.split('\'').skip(1).step_by(2).map(|word| word.replace('\0', "'")).collect())
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
        "constraint" => Some(RuleKind::Constraint),
        "unique" => Some(RuleKind::Unique),
        "unique id" => Some(RuleKind::UniqueId),
        _ => None,
    };
    Ok(kind.map(|kind| ColumnRule { column, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(definition: &str, text: &str) -> String {
        let rule = ColumnRule { column: "title".to_owned(), kind: RuleKind::Check(definition.to_owned()) };
        failure(&rule, &[FieldText::new("title", Some(text))], Some("title_rule"))
            .map(|failure| failure.detail)
            .unwrap_or_default()
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
            (
                "CHECK (((title)::text = ANY ((ARRAY['won''t'::character varying, 'can''t'::character varying])::text[])))",
                "c",
                "title must be won't or can't",
            ),
            ("CHECK ((length(TRIM(BOTH FROM title)) > 0))", "", "title must not be empty"),
            ("CHECK ((octet_length(title) <= 3))", "äöü", "title must not break the rule title_rule of the database"),
            (
                "CHECK ((NOT (title = ANY (ARRAY['a'::text, 'b'::text]))))",
                "a",
                "title must not break the rule title_rule of the database",
            ),
            ("CHECK ((title = lower(title)))", "C", "title must not break the rule title_rule of the database"),
        ] {
            assert_eq!(sentence(definition, text), expected, "{definition}");
        }
    }
}
