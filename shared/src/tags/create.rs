//! Making a tag.

use super::input::NewTag;
use super::model::{SavedTag, TAG};
use super::repository::{UserTags, map_user_error, tag_row, used_tag, written_tag};
use crate::db::{DbError, Row, SqlParam};
use crate::scope::{StartStatement, StoreError, Write};

/// Makes a row for the tag `$3` with the color `$4`. A tag that exists keeps its spelling and its color, if it has one.
static CREATE: Write = Write::new(
    "create tag",
    concat!(
        "\
with used as (
",
        used_tag!("$3"),
        "),
found as (
",
        tag_row!("$3"),
        "),
made as (
    insert into tasks_api.task_tags (user_id, name, color)
    select $1, coalesce((select name from found), (select name from used), $3::text), $4::text
    where not exists (select from tasks_api.task_fences where attempt = $2)
    on conflict (user_id, lower(name)) do update
    set color = coalesce(task_tags.color, excluded.color)
    returning name, color, created_at
)
select
    made.name,
    made.color,
    used.task_count,
    made.created_at,
    used.created_at,
    pg_current_xact_id()::text,
    used.task_count > 0 or exists (select from found)
from made
cross join used
"
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::create`].
    pub const CREATE: StartStatement = CREATE.at_start();

    /// Makes a tag, unless there is one of this name.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; failures of the database.
    pub async fn create(&self, new: &NewTag) -> Result<SavedTag, StoreError> {
        let color = new.color.as_deref().map_or(SqlParam::NULL, SqlParam::from_str);
        let result = self.scope.write(&CREATE, vec![SqlParam::from_str(&new.name), color]).await;
        let result = result.map_err(map_user_error)?;
        let row = result.rows.first().ok_or(StoreError::NotFound(&TAG))?;
        saved_tag(row).map_err(map_user_error)
    }
}

fn saved_tag(row: &Row) -> Result<SavedTag, DbError> {
    let tag = written_tag(row)?;
    Ok(if row.last()? { SavedTag::Existing(tag) } else { SavedTag::New(tag) })
}
