//! Readers of request bodies and query strings that collect every failure instead of stopping at the first.

mod failure;
mod object;
mod path;
mod query;

pub use failure::{Failure, InvalidInput};
pub(crate) use object::whole_number;
pub use object::{FromJson, ObjectReader, camel_case};
pub use path::FromPath;
pub use query::{FromQuery, InvalidQuery, QueryReader};
