//! Tasks: the model, the input, the JSON and the SQL.

mod answer;
mod bulk;
mod change;
mod change_row;
mod changes;
mod columns;
mod complete;
mod completed;
mod conditions;
mod create;
mod cursor;
mod delete;
mod derived;
mod due_date;
mod field_texts;
mod filter;
mod fingerprint;
mod input;
mod invalid_values;
mod json;
mod list;
mod model;
mod overdue;
mod pages;
mod precondition;
mod query;
mod recurrence;
mod repository;
mod rules;
mod series;
mod spellings;
mod stats;
mod tags;
mod task_tags;
mod update;

pub use bulk::Bulk;
pub use changes::{ChangePage, ChangesQuery};
pub use due_date::DueDate;
pub use input::{Completion, NewTask, TaskChange};
pub use model::{Deleted, Task, TaskId, TaskPage};
pub use query::ListQuery;
#[cfg(feature = "fuzzing")]
pub(crate) use recurrence::Recurrence;
pub use repository::UserTasks;
pub use stats::{StatsQuery, TaskStats};
pub use task_tags::AddedTags;
