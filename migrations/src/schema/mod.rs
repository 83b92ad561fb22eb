//! The table `tasks`: what the database has, what the functions need, and the changes between the two.
//!
//! Everything in this folder reads the database and returns the driver's errors. Nothing here changes it.
//!
//! | Module | |
//! |---|---|
//! | [`catalog`] | the table as PostgreSQL's catalog describes it |
//! | [`expected_schema`] | the columns, checks and indexes that the functions need |
//! | [`field_columns`] | the columns that the functions can do without: tags, category, recurrence, `extra` |
//! | [`extra_fields`] | where the members of `TASK_EXTRA_FIELDS` are |
//! | [`functions`] | the functions in the schema of our own that statements call |
//! | [`triggers`] | the triggers that maintain `updated_at`, `version` and `changed_in`, record deleted tasks, and make recurring ones |
//! | [`sign_in`] | the tables of sign-up and sign-in at this API, and the function that refuses revoked tokens |
//! | [`sync_tables`] | the tables of deleted tasks, of the epoch, of idempotency keys and of tags |
//! | [`change`] | a change as SQL, with the SQL that undoes it |
//! | [`difference`] | one difference between the two, and the changes that resolve it |
//! | [`priority_check`] | the check on `priority`, which follows a setting |
//! | [`priority_spelling`] | how the table spells priorities, and the trigger that keeps that |
//! | [`required_columns`] | columns that the functions cannot use, but have to fill, and the triggers that do |
//! | [`orphans`] | tasks whose user does not exist |
//! | [`comparison`] | finds the differences |
//! | [`completion`] | columns beside `completed` that also tell whether a task is completed |
//! | [`other_tables`] | tables beside `tasks` that seem to have tasks |
//! | [`soft_delete`] | rows that another back end marks as deleted |
//! | [`synonyms`] | the names that other back ends give to columns and tables |
//! | [`transaction_numbers`] | numbers that come from another server |
//! | [`time_zones`] | defaults that store another time than UTC |

pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod comparison;
pub(crate) mod completion;
pub(crate) mod difference;
pub(crate) mod expected_schema;
pub(crate) mod extra_fields;
pub(crate) mod field_columns;
pub(crate) mod functions;
pub(crate) mod orphans;
pub(crate) mod other_tables;
pub(crate) mod priority_check;
pub(crate) mod priority_spelling;
pub(crate) mod required_columns;
pub(crate) mod sign_in;
pub(crate) mod soft_delete;
pub(crate) mod sync_tables;
pub(crate) mod synonyms;
pub(crate) mod time_zones;
pub(crate) mod transaction_numbers;
pub(crate) mod triggers;
