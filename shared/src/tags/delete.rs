//! Deleting a tag.

use super::answer;
use super::input::OfTag;
use super::model::{TAG, TagName};
use super::repository::{UserTags, has_tag};
use crate::db::SqlParam;
use crate::output::Written;
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, keyed_sql};

/// Removes the tag `$6` from all tasks, and its row.
static DELETE: KeyedWrite = KeyedWrite::new(
    "delete tag",
    keyed_sql!(
        "delete tag",
        concat!(
            "\
removed as (
    update tasks
    set tags = tasks_api.tags_for(
            array(
                select tag
                from unnest(tasks_api.as_tags(tags)) with ordinality as element (tag, place)
                where lower(tag) <> lower($6::text)
                order by place
            ),
            tags
        )
    where user_id = $1
      and ",
            has_tag!("$6"),
            "
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id
),
dropped as (
    delete from tasks_api.task_tags
    where user_id = $1
      and lower(name) = lower($6::text)
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning name
),
changed as (
    select null as task_id, jsonb_build_object('transaction', pg_current_xact_id()::text) as answer
    where exists (select from removed)
       or exists (select from dropped)
)"
        )
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::delete`].
    pub const DELETE: StartStatement = DELETE.at_start();

    /// Deletes a tag and returns the number of the transaction. The tasks that have it lose it. With a key that was used
    /// before, returns what it returned then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; failures of the database.
    pub async fn delete(&self, name: &TagName, key: Option<&IdempotencyKey>) -> Result<Written<String>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TAG, "delete tag", &key, &OfTag(name, None));
        let params = vec![SqlParam::from_str(name.as_str())];
        self.write_once(&DELETE, &request, params, answer::transaction_of_deletion).await
    }
}
