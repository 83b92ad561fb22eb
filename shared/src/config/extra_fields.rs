//! `TASK_EXTRA_FIELDS`: members of a task that the front end has of its own.

use super::error::StartError;
use super::lookup::{Lookup, comma_list};

/// A member of a task that this API has no meaning for. It is read and written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraField {
    /// The name of the member in requests and responses.
    pub member: String,
    /// The column of `tasks` with its value. Where there is no such column, the column `extra` has a member of this name.
    pub column: String,
}

const SETTING: &str = "TASK_EXTRA_FIELDS";

/// The most fields.
const FIELDS_MAX: usize = 20;

/// The longest name of a column in PostgreSQL.
const NAME_MAX: usize = 63;

/// What tasks have already, in responses and in requests, and what the operations of a bulk request have.
const MEMBERS: [&str; 34] = [
    "id",
    "user_id",
    "title",
    "description",
    "completed",
    "is_completed",
    "status",
    "priority",
    "due_date",
    "tags",
    "tag_ids",
    "category",
    "completed_at",
    "recurrence",
    "recurrence_rule",
    "recurrence_pattern",
    "recurrence_interval",
    "recurrence_end_date",
    "recurring",
    "is_recurring",
    "parent_task_id",
    "next_occurrence",
    "time_zone",
    "is_overdue",
    "version",
    "created_at",
    "updated_at",
    "expected_updated_at",
    "txid",
    "op",
    "operations",
    "atomic",
    "task_ids",
    "delete",
];

/// The columns of `tasks` that the functions know.
const COLUMNS: [&str; 25] = [
    "id",
    "user_id",
    "title",
    "description",
    "completed",
    "priority",
    "due_date",
    "due_date_marker",
    "created_at",
    "updated_at",
    "version",
    "idempotency_key",
    "last_request",
    "changed_in",
    "tags",
    "category",
    "completed_at",
    "recurrence",
    "recurrence_start",
    "time_zone",
    "next_occurrence",
    "due_is_date",
    "recurrence_of",
    "extra",
    "extra_input",
];

impl ExtraField {
    /// The setting, as the functions read it.
    ///
    /// # Errors
    /// A name is not one of a column, or is taken, or there are too many.
    pub fn parse(setting: &str) -> Result<Vec<Self>, StartError> {
        Self::from_items(comma_list(&|_| Some(setting.to_owned()), SETTING))
    }

    /// The setting is read once, so the list lives as long as the process.
    ///
    /// # Errors
    /// As [`ExtraField::parse`].
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<&'static [Self], StartError> {
        Ok(Self::from_items(comma_list(lookup, SETTING))?.leak())
    }

    fn from_items(items: Vec<String>) -> Result<Vec<Self>, StartError> {
        let mut fields: Vec<Self> = Vec::new();
        for item in items {
            let (member, column) = item.split_once('=').unwrap_or((&item, &item));
            let (member, column) = (member.trim(), column.trim());
            if !is_name(member) || !is_name(column) {
                return Err(StartError::invalid(
                    SETTING,
                    "must be a comma list of names such as color or starred=is_starred",
                ));
            }
            if MEMBERS.iter().any(|taken| is_same_member(taken, member)) {
                return Err(StartError::invalid(
                    SETTING,
                    format!("must not have {member}, which every task has already"),
                ));
            }
            if COLUMNS.contains(&column) {
                return Err(StartError::invalid(
                    SETTING,
                    format!("must not have the column {column}, which is not free"),
                ));
            }
            if fields.iter().any(|field| is_same_member(&field.member, member) || field.column == column) {
                return Err(StartError::invalid(SETTING, format!("must have {member} and {column} once")));
            }
            fields.push(Self { member: member.to_owned(), column: column.to_owned() });
        }
        if fields.len() > FIELDS_MAX {
            return Err(StartError::invalid(SETTING, format!("must have at most {FIELDS_MAX} names")));
        }
        Ok(fields)
    }
}

/// A letter of ASCII or an underscore, then also digits: a name that needs no quotes, except for capital letters.
fn is_name(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.len() <= NAME_MAX
        && text.starts_with(is_letter)
        && text.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

/// Whether two names are the same in some spelling: `due_date`, `dueDate`, `DueDate`.
fn is_same_member(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(setting: &str) -> String {
        ExtraField::parse(setting).err().map(|error| format!("{error:?}")).unwrap_or_default()
    }

    #[test]
    fn members_can_differ_from_columns() {
        let fields = ExtraField::parse("starred=is_starred, is_archived,,isPinned = isPinned").expect("three names");
        let names: Vec<_> = fields.iter().map(|field| (&*field.member, &*field.column)).collect();
        assert_eq!(names, [("starred", "is_starred"), ("is_archived", "is_archived"), ("isPinned", "isPinned")]);
        assert!(ExtraField::parse(" ").is_ok_and(|fields| fields.is_empty()));
    }

    #[test]
    fn names_of_the_contract_are_taken() {
        for member in
            MEMBERS.iter().copied().chain(["dueDate", "userId", "DUE_DATE", "timezone", "isCompleted", "Title"])
        {
            let expected = format!("TASK_EXTRA_FIELDS must not have {member}, which every task has already");
            assert_eq!(sentence(&format!("{member}=color")), expected);
        }
        for column in COLUMNS {
            let expected = format!("TASK_EXTRA_FIELDS must not have the column {column}, which is not free");
            assert_eq!(sentence(&format!("color={column}")), expected);
        }
    }

    #[test]
    fn other_names_are_refused_in_one_sentence() {
        let rule = "TASK_EXTRA_FIELDS must be a comma list of names such as color or starred=is_starred";
        let long = "x".repeat(64);
        for setting in ["a b", "a'b", "a\"b", "1a", "=color", "color=", "a=b=c", "a-b", "a.b", "é", "a;b", &long] {
            assert_eq!(sentence(setting), rule, "{setting}");
        }
        for (setting, repeated) in
            [("color,color", "color and color"), ("is_on,isOn", "isOn and isOn"), ("a=c,b=c", "b and c")]
        {
            assert_eq!(sentence(setting), format!("TASK_EXTRA_FIELDS must have {repeated} once"));
        }
        let names = |count: usize| (0..count).map(|number| format!("a{number}")).collect::<Vec<_>>().join(",");
        assert_eq!(sentence(&names(20)), "");
        assert_eq!(sentence(&names(21)), "TASK_EXTRA_FIELDS must have at most 20 names");
    }
}
