//! How the table spells priorities. SQLAlchemy's `Enum(native_enum=False)` stores the names of an enum, `HIGH`, and raises
//! for any other text. So a trigger stores the words that the functions write as the table spells them.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};

use crate::schema::catalog::{TasksTable, type_family};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::priority_check::accepted_words;
use crate::sql::string_literal;

const FUNCTION: &str = "tasks_api.tasks_spell_priority";

/// Triggers fire in the order of their names: this one after those of the other back end, and before the one that compares
/// the row with its former values.
const TRIGGER: &str = "zy_tasks_spell_priority";

/// The words that the functions write unless `TASK_PRIORITIES` says otherwise.
const WORDS: [&str; 3] = ["low", "medium", "high"];

/// How many spellings in rows are considered. With more, the column holds free text.
const SPELLINGS_MAX: i64 = 30;

#[derive(FromRow)]
struct ExistingTrigger {
    enabled: bool,
}

/// The difference when words are spelled otherwise than the functions write them, and no trigger keeps that spelling.
pub(crate) async fn difference(
    database: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Option<Difference>, sqlx::Error> {
    if tasks.column("priority").is_none_or(|column| type_family(&column.type_name) != "text") {
        return Ok(None);
    }
    if let Some(trigger) = existing_trigger(database).await? {
        let enable =
            Change::in_transaction("enable the trigger", format!("alter table tasks enable trigger {TRIGGER};"));
        let description = format!("the trigger {TRIGGER} is disabled");
        return Ok((!trigger.enabled).then(|| Difference::automatic(description, [enable])));
    }
    let spellings = spellings(&checked_words(database).await?, &stored_words(database).await?);
    if spellings.is_empty() {
        return Ok(None);
    }
    let list: Vec<&str> = spellings.values().map(String::as_str).collect();
    let description = format!("the functions do not spell priorities as the table does: {}", list.join(", "));
    let add = Change::in_transaction("add the trigger that keeps the spelling of priorities", create(&spellings))
        .with_undo(format!("drop trigger if exists {TRIGGER} on tasks;\ndrop function if exists {FUNCTION}();"));
    Ok(Some(Difference::automatic(description, [add])))
}

/// The spelling of the table by the word in lower case, for words whose spelling is not lower case. `stored` begins with the
/// most frequent spelling. A word that the table does not have yet is spelled like the others.
fn spellings(checked: &[String], stored: &[String]) -> BTreeMap<String, String> {
    let mut spellings = BTreeMap::new();
    // What a check accepts is certain; of the rows, the most frequent spelling counts.
    for word in checked.iter().chain(stored) {
        spellings.entry(word.to_lowercase()).or_insert_with(|| word.clone());
    }
    let is_known = |word: &&str| spellings.contains_key(*word);
    let (known, unknown): (Vec<&str>, Vec<&str>) = WORDS.into_iter().partition(is_known);
    for style in [str::to_uppercase, capitalized] {
        let follows = |word: &&str| spellings.get(*word) == Some(&style(word));
        if !known.is_empty() && known.iter().all(follows) {
            spellings.extend(unknown.iter().map(|word| ((*word).to_owned(), style(word))));
            break;
        }
    }
    // Only words that the functions may write: other text of the old back end stays as it is.
    let differs = |word: &str| spellings.get(word).is_some_and(|spelling| spelling != word);
    if !WORDS.into_iter().any(differs) {
        return BTreeMap::new();
    }
    spellings.retain(|word, spelling| word != spelling);
    spellings
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The words that checks of the other back end accept.
async fn checked_words(database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let definitions: Vec<String> = sqlx::query_scalar(
        "select pg_get_constraintdef(pg_constraint.oid)
        from pg_constraint
        join pg_attribute
            on attrelid = conrelid
            and conkey = array[attnum]
        where conrelid = to_regclass('tasks')
            and contype = 'c'
            and attname = 'priority'
        order by conname",
    )
    .fetch_all(database)
    .await?;
    // One that ignores case has its words in lower case.
    let definitions = definitions.iter().filter(|definition| !definition.to_lowercase().contains("lower("));
    let literals = definitions.flat_map(|definition| accepted_words(definition));
    Ok(literals.map(|literal| literal.trim_matches('\'').replace("''", "'")).collect())
}

/// The words of the rows, the most frequent first. None if there are too many for a vocabulary.
async fn stored_words(database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let words: Vec<String> = sqlx::query_scalar(
        "select priority::text
        from tasks
        where priority is not null
        group by priority
        order by count(*) desc, 1
        limit $1",
    )
    .bind(SPELLINGS_MAX)
    .fetch_all(database)
    .await?;
    let has_free_text = i64::try_from(words.len()).is_ok_and(|count| count == SPELLINGS_MAX);
    Ok(if has_free_text { Vec::new() } else { words })
}

async fn existing_trigger(database: &mut PgConnection) -> Result<Option<ExistingTrigger>, sqlx::Error> {
    sqlx::query_as(
        "select tgenabled in ('O', 'A') as enabled
        from pg_trigger
        where tgrelid = to_regclass('tasks')
            and tgname = $1",
    )
    .bind(TRIGGER)
    .fetch_optional(database)
    .await
}

fn create(spellings: &BTreeMap<String, String>) -> String {
    let cases: String = spellings
        .iter()
        .map(|(word, spelling)| format!("\n        when {} then {}", string_literal(word), string_literal(spelling)))
        .collect();
    format!(
        "create or replace function {FUNCTION}() returns trigger
language plpgsql
set search_path = ''
as $spelling$
begin
    new.priority := case lower(new.priority){cases}
        else new.priority
    end;
    return new;
end
$spelling$;
create trigger {TRIGGER}
before insert or update of priority on tasks
for each row
execute function {FUNCTION}();"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(checked: &[&str], stored: &[&str]) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        spellings(&words(checked), &words(stored)).into_values().collect()
    }

    #[test]
    fn the_spelling_of_checks_and_rows_is_found() {
        assert_eq!(spelled(&[], &["HIGH", "LOW"]), ["HIGH", "LOW", "MEDIUM"]);
        assert_eq!(spelled(&[], &["High"]), ["High", "Low", "Medium"]);
        assert_eq!(spelled(&["Low", "MEDIUM", "high"], &["HIGH"]), ["Low", "MEDIUM"]);
        assert_eq!(spelled(&["LOW", "MEDIUM", "HIGH", "URGENT"], &[]), ["HIGH", "LOW", "MEDIUM", "URGENT"]);
        assert_eq!(spelled(&[], &["HIGH", "high", "urgent"]), ["HIGH", "LOW", "MEDIUM"]);
    }

    #[test]
    fn usual_spellings_need_no_trigger() {
        for stored in [&["low", "high"][..], &["high", "HIGH"], &["P1", "P2"], &["URGENT"], &[]] {
            assert_eq!(spelled(&[], stored), [""; 0], "{stored:?}");
        }
    }
}
