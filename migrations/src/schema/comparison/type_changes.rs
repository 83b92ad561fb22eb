//! Columns of a type that the functions cannot use, and the SQL that converts them.
//!
//! No conversion depends on the time zone or the date style of the session.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::{Column, TasksTable, type_family};
use crate::schema::completion::words;
use crate::schema::difference::{Choice, Difference};
use crate::schema::expected_schema::ExpectedColumn;

/// A new type, and the expression that converts the stored values.
struct Conversion {
    type_name: &'static str,
    using: String,
    /// The default in the new type. Without one the column loses its default.
    default: Option<String>,
    /// Whether the old back end can go on writing values of the old type, and comparing with them.
    old_values_fit: bool,
}

/// An offset from UTC at the end of a time.
const OFFSET: &str = "'[0-9]:[0-9]{2}.*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$'";
/// A date as ISO 8601 has it. Others depend on the date style.
const ISO_DATE: &str = "'^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|\\s*$)'";
/// Seconds since 1970 are smaller until the year 5138, and milliseconds were greater since 1973.
const FIRST_MILLISECONDS: &str = "100000000000";

pub(super) async fn difference(
    database: &mut PgConnection,
    expected: &ExpectedColumn,
    column: &Column,
    tasks: &TasksTable,
) -> Result<Difference, sqlx::Error> {
    let name = expected.name;
    let types = expected.types.join(" or ");
    let description = format!("the column {name} is of type {}, and must be {types}", column.type_name);
    let conversion = match name {
        "priority" if !is_enum(database, column).await? && type_family(&column.type_name) != "text" => {
            return no_order(database, description, column).await;
        }
        "priority" => Conversion {
            type_name: "text",
            using: "priority::text".to_owned(),
            default: column.default.as_deref().and_then(literal),
            old_values_fit: true,
        },
        "completed" => completed(column),
        "due_date" | "created_at" | "updated_at" => match time(database, name, column).await? {
            Ok(conversion) => conversion,
            Err(advice) => return Ok(Difference::manual(description, advice)),
        },
        _ => {
            let type_name = expected.types.first().copied().unwrap_or("text");
            Conversion { type_name, using: format!("{name}::{type_name}"), default: None, old_values_fit: false }
        }
    };
    let sql = statement(expected, column, tasks, &conversion);
    let condition = if conversion.old_values_fit {
        "with the old back end stopped, because this rewrites the table"
    } else {
        "with the old back end stopped, because this rewrites the table; afterwards it must write the new type"
    };
    Ok(Difference::choice(description, [Choice::sql_if(condition, sql)]))
}

/// Drops what depends on the old type, converts, and restores the default.
fn statement(expected: &ExpectedColumn, column: &Column, tasks: &TasksTable, conversion: &Conversion) -> String {
    let name = expected.name;
    let checks = tasks.checks.iter().filter(|check| check.columns.iter().any(|checked| checked == name));
    // A check or a condition of an index compares with values of the old type.
    let drop_checks = checks.map(|check| format!("drop constraint \"{}\", ", check.name.replace('"', "\"\"")));
    let indexes = tasks.indexes.iter().filter(|index| {
        let condition = index.definition.split_once(" WHERE ").map(|(_, condition)| condition);
        condition.is_some_and(|condition| has_word(condition, name))
    });
    let drop_indexes = indexes.map(|index| format!("drop index \"{}\"; ", index.name.replace('"', "\"\"")));
    let drop_default = column.default.as_ref().map(|_| format!("alter column {name} drop default, "));
    let Conversion { type_name, using, default, old_values_fit } = conversion;
    // The old back end compares the column with values of its type.
    let add_cast =
        old_values_fit.then(|| format!("create cast ({} as text) with inout as implicit; ", column.type_name));
    let has_default = default.is_some();
    let set_default = default.as_ref().map(|default| format!(", alter column {name} set default {default}"));
    let drop_not_null =
        (expected.nullable && column.not_null && !has_default).then(|| format!(", alter column {name} drop not null"));
    format!(
        "{}{}alter table tasks {}{}alter column {name} type {type_name} using {using}{}{};",
        add_cast.unwrap_or_default(),
        drop_indexes.collect::<String>(),
        drop_checks.collect::<String>(),
        drop_default.unwrap_or_default(),
        set_default.unwrap_or_default(),
        drop_not_null.unwrap_or_default(),
    )
}

fn completed(column: &Column) -> Conversion {
    let using = match type_family(&column.type_name) {
        "integer" => "completed <> 0",
        "text" => "lower(btrim(completed)) in ('t', 'true', 'y', 'yes', 'on', '1', 'done', 'completed')",
        "timestamptz" | "timestamp" | "date" => "completed is not null",
        _ => "completed::text::boolean",
    };
    Conversion {
        type_name: "boolean",
        using: using.to_owned(),
        default: Some("false".to_owned()),
        old_values_fit: false,
    }
}

/// `Err` is the advice when the values cannot be converted without a decision.
async fn time(
    database: &mut PgConnection,
    name: &str,
    column: &Column,
) -> Result<Result<Conversion, String>, sqlx::Error> {
    let conversion = |type_name, using| Conversion { type_name, using, default: None, old_values_fit: false };
    Ok(match type_family(&column.type_name) {
        // Without a time zone: the day is the same in every zone.
        "date" => Ok(conversion("timestamp", format!("{name}::timestamp"))),
        "integer" => Ok(conversion(
            "timestamptz",
            format!(
                "to_timestamp(case when abs({name}) < {FIRST_MILLISECONDS} then {name}::numeric else {name} / 1000.0 end)"
            ),
        )),
        "text" => {
            let other = count(database, &format!("{name} !~ {ISO_DATE} and btrim({name}) <> ''")).await?;
            let with_offset = count(database, &format!("{name} ~ {OFFSET}")).await?;
            let text = format!("nullif(btrim({name}), '')");
            if other > 0 {
                Err(format!(
                    "{other} rows do not begin with a date such as 2026-11-21: correct them first, because PostgreSQL \
                     could read day and month in the wrong order"
                ))
            } else if with_offset == 0 {
                Ok(conversion("timestamp", format!("{text}::timestamp")))
            } else {
                Ok(conversion(
                    "timestamptz",
                    format!(
                        "case when {name} ~ {OFFSET} then {text}::timestamptz else {text}::timestamp at time zone 'utc' end"
                    ),
                ))
            }
        }
        _ => Err("there is no conversion that keeps its values: give the column another name".to_owned()),
    })
}

/// Whether a larger number is more urgent is not known, and a number as text would be no priority.
async fn no_order(
    database: &mut PgConnection,
    description: String,
    column: &Column,
) -> Result<Difference, sqlx::Error> {
    let words = words(database, &column.name).await?;
    let listed: Vec<String> = words.iter().map(|(word, count)| format!("{word} ({count} rows)")).collect();
    let values = if listed.is_empty() { String::new() } else { format!("; stored are {}", listed.join(", ")) };
    Ok(Difference::manual(
        description,
        format!(
            "only you know which value is low, medium or high: store these words instead, or give the column another \
             name{values}"
        ),
    ))
}

async fn is_enum(database: &mut PgConnection, column: &Column) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select typtype = 'e'
        from pg_attribute
        join pg_type
            on pg_type.oid = atttypid
        where attrelid = to_regclass('tasks')
            and quote_ident(attname) = $1",
    )
    .bind(&column.name)
    .fetch_one(database)
    .await
}

async fn count(database: &mut PgConnection, condition: &str) -> Result<i64, sqlx::Error> {
    let sql = format!("select count(*) from tasks where {condition}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}

/// The literal of a default such as `'MEDIUM'::priorityenum`.
fn literal(default: &str) -> Option<String> {
    let (literal, _) = default.rsplit_once("::")?;
    (literal.len() > 1 && literal.starts_with('\'') && literal.ends_with('\'')).then(|| literal.to_owned())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}
