//! Tasks: the model, the input, the JSON and the SQL.

mod answer;
mod changes;
mod columns;
mod due_date;
mod input;
mod json;
mod list;
mod model;
mod precondition;
mod query;
mod repository;
mod rules;

pub use changes::{ChangePage, ChangesQuery};
pub use due_date::DueDate;
pub use input::{Completion, NewTask, TaskChange};
pub use model::{Deleted, Task, TaskId, TaskPage};
pub use query::ListQuery;
pub use repository::UserTasks;
