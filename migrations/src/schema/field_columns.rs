//! The columns of tags, category, completion time and recurrence. Another back end may have made a column of one of these
//! names; of a type that does not fit it is left alone, and the functions do without it.

use crate::schema::catalog::{Column, TasksTable, type_family};

/// A column of `tasks` that migration 0022 adds unless there is one of this name.
pub(crate) struct FieldColumn {
    pub(crate) name: &'static str,
    /// The type with which it is added.
    declared_type: &'static str,
    /// The types that the functions can use, as `pg_type` names them.
    fitting_types: FittingTypes,
    /// What does not work without the column.
    feature: &'static str,
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
    FieldColumn { name, declared_type, fitting_types, feature, data_condition: None }
}

pub(crate) static FIELD_COLUMNS: [FieldColumn; 9] = [
    FieldColumn {
        data_condition: Some("cardinality(tags) > 0"),
        ..column("tags", "text[]", FittingTypes::Listed(&["_text", "_varchar"]), "tags")
    },
    FieldColumn {
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
        data_condition: Some("recurrence is not null"),
        ..column("recurrence", "text", LABEL_TYPES, RECURRENCE)
    },
    column("recurrence_start", "timestamp", FittingTypes::Listed(&["timestamp"]), RECURRENCE),
    column("time_zone", "text", LABEL_TYPES, "the time zone"),
    column("next_occurrence", "timestamptz", FittingTypes::SameAs("due_date"), RECURRENCE),
    column("due_is_date", "boolean", FittingTypes::Listed(&["bool"]), "the difference between midnight and a date"),
    column("recurrence_of", "text", FittingTypes::SameAs("id"), "the link to the previous occurrence"),
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

    /// Whether the statements of the functions are not even valid with a column of this type.
    pub(crate) fn is_ambiguous(&self, column: &Column) -> bool {
        self.name == "tags" && AMBIGUOUS_TAGS.contains(&&*column.type_name)
    }
}

/// A note for each column of another back end that the functions cannot use.
pub(crate) fn notes(tasks: &TasksTable) -> Vec<String> {
    let unfit = FIELD_COLUMNS.iter().filter_map(|expected| {
        let column = tasks.column(expected.name)?;
        (!expected.fits(column, tasks) && !expected.is_ambiguous(column)).then_some((expected, column))
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
