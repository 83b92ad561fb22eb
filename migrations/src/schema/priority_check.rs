//! The check of the migrations on `priority`, which follows the setting `TASK_PRIORITIES`.

use sqlx::PgConnection;

use crate::schema::change::Change;
use crate::sql::string_literal;

const NAME: &str = "ck_tasks_priority";

/// The words that tasks can have if the setting is not set.
const DEFAULT_PRIORITIES: &str = "low,medium,high";

/// The changes with which the check accepts the words of `TASK_PRIORITIES`. Those that it accepts already stay, because rows
/// may have them. None if there is no such check: the table of another back end has its own, or none.
pub(crate) async fn changes(database: &mut PgConnection, priorities: Option<&str>) -> Result<Vec<Change>, sqlx::Error> {
    let definition: Option<String> = sqlx::query_scalar(
        "select pg_get_constraintdef(oid)
        from pg_constraint
        where conrelid = to_regclass('tasks')
            and conname = $1
            and contype = 'c'",
    )
    .bind(NAME)
    .fetch_optional(database)
    .await?;
    Ok(changes_of(&definition.unwrap_or_default(), priorities))
}

/// [`changes`] of the check that the migrations make.
pub(crate) fn changes_of_new_table(priorities: Option<&str>) -> Vec<Change> {
    changes_of("= ANY ('low' 'medium' 'high')", priorities)
}

fn changes_of(definition: &str, priorities: Option<&str>) -> Vec<Change> {
    let accepted = accepted_words(definition);
    let wanted = priorities.unwrap_or(DEFAULT_PRIORITIES).split(',').map(str::trim).filter(|word| !word.is_empty());
    let missing: Vec<String> = wanted.map(string_literal).filter(|word| !accepted.contains(word)).collect();
    if accepted.is_empty() || missing.is_empty() {
        return Vec::new();
    }
    let words = [accepted, missing.clone()].concat().join(", ");
    let replace = Change::in_transaction(
        format!("let {NAME} accept {}", missing.join(", ")),
        format!(
            "alter table tasks drop constraint {NAME}, add constraint {NAME} check (priority in ({words})) not valid;"
        ),
    );
    let validate = Change::standalone(
        format!("validate the check {NAME}"),
        format!("alter table tasks validate constraint {NAME};"),
    );
    vec![replace, validate]
}

/// The words of a check as SQL literals: `ANY ((ARRAY['low'::character varying, …])::text[])`. Empty for another check.
pub(crate) fn accepted_words(definition: &str) -> Vec<String> {
    if !definition.contains("= ANY (") {
        return Vec::new();
    }
    // A quote within a literal is doubled. No other character of the definition is a quote.
    let definition = definition.replace("''", "\0");
    let words = definition.split('\'').skip(1).step_by(2);
    words.map(|word| format!("'{}'", word.replace('\0', "''"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_check_are_read() {
        let check =
            "CHECK (((priority)::text = ANY ((ARRAY['low'::character varying, 'don''t'::character varying])::text[])))";
        assert_eq!(accepted_words(check), ["'low'", "'don''t'"]);
        assert_eq!(accepted_words("CHECK ((priority <> 'x'::text))"), [""; 0]);
    }
}
