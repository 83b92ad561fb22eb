//! Tags: the names that tasks have, and the rows that give some of them a color.
//!
//! A tag is a name on tasks. It has a row of its own only if a client has made it, for its color or before a task had it. So
//! most statements look at both. Names that differ only in case are one tag.

mod answer;
mod change;
mod create;
mod delete;
mod input;
mod json;
mod model;
mod repository;

pub use input::{NewTag, TagChange};
pub use model::{SavedTag, Tag, TagList, TagName};
pub use repository::UserTags;
