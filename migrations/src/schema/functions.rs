//! The functions in the schema of our own that the statements of the functions call: what they have to be, taken from the
//! migrations that create them, and what the catalog has.

use sqlx::{FromRow, PgConnection};

const FILES: [&str; 3] = [
    include_str!("../../0022_task_fields.up.sql"),
    include_str!("../../0023_next_dates.up.sql"),
    include_str!("../../0027_extra_members.up.sql"),
];

const CREATE: &str = "create function tasks_api.";

/// A function that is not that of a trigger.
pub(crate) struct ExpectedFunction {
    pub(crate) name: &'static str,
    /// The types of its arguments as PostgreSQL prints them: `text, anyelement`.
    arguments: String,
    body: &'static str,
    /// The rest of the statement that creates it, from its name on.
    definition: &'static str,
}

/// A function that the catalog has.
#[derive(FromRow)]
pub(crate) struct Function {
    name: String,
    /// The types of its arguments.
    arguments: String,
    /// The body.
    source: String,
}

pub(crate) async fn read(database: &mut PgConnection) -> Result<Vec<Function>, sqlx::Error> {
    sqlx::query_as(
        "select
            proname::text as name,
            oidvectortypes(proargtypes) as arguments,
            prosrc as source
        from pg_proc
        where pronamespace = to_regnamespace('tasks_api')
            and prorettype <> 'trigger'::regtype",
    )
    .fetch_all(database)
    .await
}

/// The functions in the order in which they can be created.
pub(crate) fn expected_functions() -> impl Iterator<Item = ExpectedFunction> {
    FILES.into_iter().flat_map(|file| file.split(CREATE).skip(1)).filter_map(|text| {
        let (head, rest) = text.split_once("$$")?;
        let (body, _) = rest.split_once("$$")?;
        let (name, arguments) = head.split_at(head.find('(')?);
        let arguments = arguments[1..arguments.find(')')?].split(',').map(printed_type).collect::<Vec<_>>().join(", ");
        let definition = &text[..head.len() + body.len() + "$$$$;".len()];
        (!head.contains("returns trigger")).then_some(ExpectedFunction { name, arguments, body, definition })
    })
}

/// The type of an argument, which may have a name before it, as PostgreSQL prints it.
fn printed_type(argument: &str) -> &str {
    match argument.split_whitespace().last().unwrap_or_default() {
        "varchar[]" => "character varying[]",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        other => other,
    }
}

impl ExpectedFunction {
    /// Whether the catalog has it.
    pub(crate) fn is_among(&self, functions: &[Function]) -> bool {
        functions.iter().any(|function| {
            function.name == self.name
                && function.arguments == self.arguments
                && function.source.trim() == self.body.trim()
        })
    }

    pub(crate) fn create(&self) -> String {
        format!("create or replace function tasks_api.{}", self.definition)
    }

    pub(crate) fn drop(&self) -> String {
        format!("drop function tasks_api.{}({});", self.name, self.arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_from_the_migrations() {
        let functions: Vec<_> = expected_functions().collect();
        let first = functions.first().expect("a function");
        assert_eq!(first.drop(), "drop function tasks_api.as_tags(text[]);");
        let start = "create or replace function tasks_api.as_tags(text[]) returns text[]\n";
        assert!(first.create().starts_with(start), "{}", first.create());
        for function in &functions {
            assert!(function.create().ends_with("$$;"), "{}", function.definition);
        }
    }
}
