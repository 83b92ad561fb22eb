//! The input of requests.

use serde_json::Value;

use super::error::ProofError;
use crate::config::ApiConfig;
use crate::input::{FromJson, FromQuery, ObjectReader, QueryReader};
use crate::tasks::ListQuery;

/// The query of a list.
///
/// # Errors
/// It is invalid with these settings.
pub(super) fn list_query(query: &str, config: ApiConfig) -> Result<ListQuery, ProofError> {
    let mut reader = QueryReader::new(query);
    let value = ListQuery::from_query(&mut reader, &config);
    reader.finish(value).map_err(|error| ProofError {
        operation: "listing tasks",
        sqlstate: None,
        message: error.to_string(),
    })
}

/// The input that a body has. `None` if it is invalid with these settings.
pub(super) fn input<T: FromJson>(body: &Value, config: ApiConfig) -> Option<T> {
    let mut reader = ObjectReader::new(body.as_object()?, "");
    let value = T::from_json(&mut reader, &config);
    reader.finish(value).ok()
}
