//! Deleting a tag.

use super::model::{TAG, TagName};
use super::repository::{UserTags, has_tag, map_user_error};
use crate::db::SqlParam;
use crate::scope::{StartStatement, StoreError, Write};

/// Removes the tag `$3` from all tasks, and its row. A row if there was one.
static DELETE: Write = Write::new(
    "delete tag",
    concat!(
        "\
with removed as (
    update tasks
    set tags = tasks_api.tags_for(
            array(
                select tag
                from unnest(tasks_api.as_tags(tags)) with ordinality as element (tag, place)
                where lower(tag) <> lower($3::text)
                order by place
            ),
            tags
        )
    where user_id = $1
      and ",
        has_tag!("$3"),
        "
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id
),
dropped as (
    delete from tasks_api.task_tags
    where user_id = $1
      and lower(name) = lower($3::text)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning name
)
select pg_current_xact_id()::text
from removed
union all
select pg_current_xact_id()::text
from dropped
limit 1
"
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::delete`].
    pub const DELETE: StartStatement = DELETE.at_start();

    /// Deletes a tag and returns the number of the transaction. The tasks that have it lose it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; failures of the database.
    pub async fn delete(&self, name: &TagName) -> Result<Option<String>, StoreError> {
        let result = self.scope.write(&DELETE, vec![SqlParam::from_str(name.as_str())]).await;
        let result = result.map_err(map_user_error)?;
        match result.rows.first() {
            Some(row) => row.get(0).map(Some).map_err(map_user_error),
            // An earlier attempt has deleted it, and its response was lost.
            None if result.maybe_executed => Ok(None),
            None => Err(StoreError::NotFound(&TAG)),
        }
    }
}
