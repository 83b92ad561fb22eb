//! What a client expects of a task before it is changed.

use super::model::Task;
use crate::db::SqlParam;
use crate::scope::Versions;
use crate::time::Timestamp;

/// The condition of a task that is as the client expects. The first parameter are the versions, null for any. The second is
/// the `updated_at`, null for any; clients in JavaScript send it with milliseconds only.
macro_rules! is_as_expected {
    ($versions:literal, $updated_at:literal) => {
        concat!(
            "((",
            $versions,
            "::bigint[] is null or version = any (",
            $versions,
            "::bigint[]))
      and (coalesce(updated_at, created_at) = ",
            $updated_at,
            "
           or date_trunc('milliseconds', coalesce(updated_at, created_at)) = ",
            $updated_at,
            ") is not false)"
        )
    };
}

pub(super) use is_as_expected;

/// What the client expects of the task before the change.
pub(super) struct Precondition<'a> {
    pub(super) versions: &'a Versions,
    pub(super) updated_at: Option<Timestamp>,
}

impl Precondition<'_> {
    /// The expected versions and the expected `updated_at`; `None` if the client expects neither.
    pub(super) fn params(&self) -> Option<[SqlParam<'static>; 2]> {
        let versions = self.versions.as_slice();
        let is_present = versions.is_some() || self.updated_at.is_some();
        let versions = versions.map_or(SqlParam::NULL, version_array);
        is_present.then(|| [versions, self.updated_at.map_or(SqlParam::NULL, SqlParam::from_display)])
    }

    /// As the statements compare it: clients in JavaScript send times with milliseconds only.
    pub(super) fn is_met_by(&self, task: &Task) -> bool {
        let times = [task.updated_at, task.updated_at.to_milliseconds()].map(|time| time.to_string());
        self.versions.as_slice().is_none_or(|versions| versions.contains(&task.version))
            && self.updated_at.is_none_or(|expected| times.contains(&expected.to_string()))
    }
}

/// An array literal of versions.
pub(super) fn version_array(versions: &[i64]) -> SqlParam<'static> {
    SqlParam::from_texts(versions.iter().map(i64::to_string))
}
