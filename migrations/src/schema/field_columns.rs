//! The columns of tags, category, completion time, recurrence and the members of the front end. Another back end may have made a column of one of these
//! names; of a type that does not fit it is left alone, and the functions do without it.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::{Column, TasksTable, type_family};

/// A column of `tasks` that migration 0022 or 0027 adds unless there is one of this name.
pub(crate) struct FieldColumn {
    pub(crate) name: &'static str,
    /// The type with which it is added.
    declared_type: &'static str,
    /// The types that the functions can use, as `pg_type` names them.
    fitting_types: FittingTypes,
    /// What does not work without the column.
    feature: &'static str,
    /// Whether statements of the functions write it. The others are written by triggers.
    pub(crate) written_by_statements: bool,
    /// A condition on the rows that lose data when the column is dropped.
    pub(crate) data_condition: Option<&'static str>,
}

enum FittingTypes {
    Listed(&'static [&'static str]),
    /// That of another column, in which case it is added with this type.
    SameAs(&'static str),
}

/// Types between which and `text[]` PostgreSQL cannot choose a function, so that no statement of the functions would be valid.
const AMBIGUOUS_TAGS: [&str; 3] = ["_citext", "_bpchar", "_name"];

const LABEL_TYPES: FittingTypes = FittingTypes::Listed(&["text", "varchar", "bpchar", "citext"]);
const RECURRENCE: &str = "recurrence";

const fn column(
    name: &'static str,
    declared_type: &'static str,
    fitting_types: FittingTypes,
    feature: &'static str,
) -> FieldColumn {
    FieldColumn { name, declared_type, fitting_types, feature, written_by_statements: false, data_condition: None }
}

pub(crate) static FIELD_COLUMNS: [FieldColumn; 10] = [
    FieldColumn {
        written_by_statements: true,
        data_condition: Some("cardinality(tags) > 0"),
        ..column("tags", "text[]", FittingTypes::Listed(&["_text", "_varchar"]), "tags")
    },
    FieldColumn {
        written_by_statements: true,
        data_condition: Some("category is not null"),
        ..column("category", "text", LABEL_TYPES, "the category")
    },
    column(
        "completed_at",
        "timestamptz",
        FittingTypes::Listed(&["timestamptz", "timestamp"]),
        "the time of completion",
    ),
    FieldColumn {
        written_by_statements: true,
        data_condition: Some("recurrence is not null"),
        ..column("recurrence", "text", LABEL_TYPES, RECURRENCE)
    },
    column("recurrence_start", "timestamp", FittingTypes::Listed(&["timestamp"]), RECURRENCE),
    FieldColumn { written_by_statements: true, ..column("time_zone", "text", LABEL_TYPES, "the time zone") },
    column("next_occurrence", "timestamptz", FittingTypes::SameAs("due_date"), RECURRENCE),
    FieldColumn {
        written_by_statements: true,
        ..column(
            "due_is_date",
            "boolean",
            FittingTypes::Listed(&["bool"]),
            "the difference between midnight and a date",
        )
    },
    column("recurrence_of", "text", FittingTypes::SameAs("id"), "the link to the previous occurrence"),
    FieldColumn {
        data_condition: Some("extra is not null"),
        ..column("extra", "jsonb", FittingTypes::Listed(&["jsonb"]), "each name of TASK_EXTRA_FIELDS without a column")
    },
];

impl FieldColumn {
    /// The type with which the column is added to this table.
    pub(crate) fn definition<'a>(&self, tasks: &'a TasksTable) -> &'a str {
        match self.fitting_types {
            FittingTypes::SameAs(other) => {
                tasks.column(other).map_or(self.declared_type, |other| &*other.declared_type)
            }
            FittingTypes::Listed(_) => self.declared_type,
        }
    }

    fn fits(&self, column: &Column, tasks: &TasksTable) -> bool {
        match self.fitting_types {
            FittingTypes::Listed(types) => types.contains(&&*column.type_name),
            FittingTypes::SameAs("due_date") => ["timestamptz", "timestamp"].contains(&&*column.type_name),
            FittingTypes::SameAs(other) => {
                let family = type_family(&column.type_name);
                family == "text" || tasks.column(other).is_some_and(|other| type_family(&other.type_name) == family)
            }
        }
    }

    /// Whether the functions do without the column, because it has another type.
    pub(crate) fn is_left_alone(&self, column: &Column, tasks: &TasksTable) -> bool {
        !self.fits(column, tasks) && !self.is_ambiguous(column)
    }

    /// Whether the statements of the functions fail, because they write a column that nobody may write.
    pub(crate) fn is_refused(&self, column: &Column) -> bool {
        self.written_by_statements && column.is_generated
    }

    /// Whether the statements of the functions are not even valid with a column of this type.
    pub(crate) fn is_ambiguous(&self, column: &Column) -> bool {
        self.name == "tags" && AMBIGUOUS_TAGS.contains(&&*column.type_name)
    }
}

/// The number of rows that would lose data if these columns were dropped. Those that a migration has found are kept.
pub(crate) async fn count_rows_with_data(
    database: &mut PgConnection,
    is_dropped: impl Fn(&str) -> bool,
) -> Result<i64, sqlx::Error> {
    let has_found: bool = sqlx::query_scalar("select to_regclass('tasks_api.found_columns') is not null")
        .fetch_one(&mut *database)
        .await?;
    let found = if has_found { "select name from tasks_api.found_columns" } else { "select null where false" };
    let added: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "select attname::text
        from pg_attribute
        where attrelid = 'tasks'::regclass
            and not attisdropped
            and attname::text <> all (array({found})::text[])"
    )))
    .fetch_all(&mut *database)
    .await?;
    let is_lost = |column: &&FieldColumn| is_dropped(column.name) && added.iter().any(|name| name == column.name);
    let conditions: Vec<&str> =
        FIELD_COLUMNS.iter().filter(is_lost).filter_map(|column| column.data_condition).collect();
    if conditions.is_empty() {
        return Ok(0);
    }
    let sql = format!("select count(*) from tasks where {}", conditions.join(" or "));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}

/// A note for each column of another back end that the functions cannot use.
pub(crate) fn notes(tasks: &TasksTable) -> Vec<String> {
    let unfit = FIELD_COLUMNS.iter().filter_map(|expected| {
        let column = tasks.column(expected.name)?;
        expected.is_left_alone(column, tasks).then_some((expected, column))
    });
    unfit
        .map(|(FieldColumn { name, feature, .. }, Column { declared_type, .. })| {
            format!(
                "the column tasks.{name} is of type {declared_type}, which the functions cannot use: they leave it alone, \
                 and {feature} is off"
            )
        })
        .collect()
}
