//! Tasks: the model, the input, the JSON and the SQL.

mod input;
mod json;
mod list;
mod model;
mod priority;
mod query;
mod repository;
mod times;

pub use input::{Completion, NewTask, TaskChange};
pub use model::{Task, TaskId, TaskPage};
pub use query::ListQuery;
pub use repository::UserTasks;
