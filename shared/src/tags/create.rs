//! Making a tag.

use super::answer::{self, answer};
use super::input::NewTag;
use super::model::{SavedTag, TAG, WrittenTag};
use super::repository::{UserTags, tag_row, used_tag};
use crate::db::SqlParam;
use crate::output::Written;
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, keyed_sql};

/// Makes a row for the tag `$6` with the color `$7`. A tag that exists keeps its spelling and its color, if it has one.
static CREATE: KeyedWrite = KeyedWrite::new(
    "create tag",
    keyed_sql!(
        "create tag",
        concat!(
            "\
used as (
",
            used_tag!("$6"),
            "),
found as (
",
            tag_row!("$6"),
            "),
made as (
    insert into tasks_api.task_tags (user_id, name, color)
    select $1, coalesce((select name from found), (select name from used), $6::text), $7::text
    where not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    on conflict (user_id, lower(name)) do update
    set color = coalesce(task_tags.color, excluded.color)
    returning name, color, created_at
),
changed as (
    select
        null as task_id,
        ",
            answer!(
                "made.name",
                "made.color",
                "used.task_count",
                "made.created_at",
                "used.created_at",
                "used.task_count > 0 or exists (select from found)"
            ),
            " as answer
    from made
    cross join used
)"
        )
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::create`].
    pub const CREATE: StartStatement = CREATE.at_start();

    /// Makes a tag, unless there is one of this name. With a key that was used before, returns what the tag was then.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; failures of the database.
    pub async fn create(&self, new: &NewTag, key: Option<&IdempotencyKey>) -> Result<Written<SavedTag>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TAG, "create tag", &key, new);
        let color = new.color.as_deref().map_or(SqlParam::NULL, SqlParam::from_str);
        let params = vec![SqlParam::from_str(&new.name), color];
        let saved = self.write_once(&CREATE, &request, params, answer::written_tag).await?;
        Ok(saved.map(|WrittenTag { tag, existed }| if existed { SavedTag::Existing(tag) } else { SavedTag::New(tag) }))
    }
}
