//! The tags of one user, and reading them. `create`, `change` and `delete` have the other operations, each with its SQL beside
//! the method that sends it.

use super::model::{TAG, Tag, TagList};
use crate::db::{DbError, Row, SqlParam};
use crate::output::Written;
use crate::scope::{KeyedRequest, KeyedWrite, Read, StartStatement, StoreError, StoredAnswer, UserScope};

/// The tags of one verified user.
pub struct UserTags<'a> {
    pub(super) scope: &'a UserScope,
}

impl UserScope {
    /// The user's tags.
    #[must_use]
    pub fn tags(&self) -> UserTags<'_> {
        UserTags { scope: self }
    }
}

/// Whether a task has the tag of this name, in any case.
macro_rules! has_tag {
    ($name:literal) => {
        concat!(
            "exists (select from unnest(tasks_api.as_tags(tags)) as tag where lower(tag) = lower(",
            $name,
            "::text))"
        )
    };
}

/// The tag of this name on tasks, one row: without a name if no task has it. An earlier back end may have stored several
/// spellings.
macro_rules! used_tag {
    ($name:literal) => {
        concat!(
            "\
    select min(tag) as name, count(distinct id) as task_count, min(created_at) as created_at
    from tasks
    cross join unnest(tasks_api.as_tags(tags)) as tag
    where user_id = $1
      and lower(tag) = lower(",
            $name,
            "::text)
"
        )
    };
}

/// The row of the tag of this name, if it has one.
macro_rules! tag_row {
    ($name:literal) => {
        concat!(
            "\
    select name, color, created_at
    from tasks_api.task_tags
    where user_id = $1
      and lower(name) = lower(",
            $name,
            "::text)
"
        )
    };
}

pub(super) use {has_tag, tag_row, used_tag};

static LIST: Read = Read::new(
    "list tags",
    "\
with used as (
    select lower(tag) as key, min(tag) as name, count(distinct id) as task_count, min(created_at) as created_at
    from tasks
    cross join unnest(tasks_api.as_tags(tags)) as tag
    where user_id = $1
      and tag <> ''
    group by 1
),
made as (
    select lower(name) as key, name, color, created_at
    from tasks_api.task_tags
    where user_id = $1
)
select
    coalesce(made.name, used.name),
    made.color,
    coalesce(used.task_count, 0),
    made.created_at,
    used.created_at
from made
full join used on used.key = made.key
order by coalesce(made.key, used.key)
",
);

impl UserTags<'_> {
    /// The statement of [`UserTags::list`].
    pub const LIST: StartStatement = LIST.at_start();

    /// All tags, in alphabetical order.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn list(&self) -> Result<TagList, StoreError> {
        let rows = self.scope.read(&LIST, []).await;
        let tags = rows.and_then(|rows| rows.iter().map(tag).collect::<Result<Vec<Tag>, _>>());
        tags.map(TagList).map_err(map_user_error)
    }

    /// Executes a keyed write. `read` reads its answer. If it does nothing, there is no such tag.
    pub(super) async fn write_once<'a, T>(
        &'a self,
        statement: &'static KeyedWrite,
        request: &'a KeyedRequest<'a>,
        params: Vec<SqlParam<'a>>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Written<T>, StoreError> {
        let attempt = async || {
            let outcome = self.scope.write_keyed(statement, request, params.clone()).await.map_err(map_user_error)?;
            outcome.answer_or(|_| StoreError::NotFound(&TAG))
        };
        let StoredAnswer { json, is_replay } = self.scope.once(request, attempt).await?;
        let value = read(&json).ok_or(StoreError::UnreadableAnswer)?;
        Ok(Written { value, is_replay })
    }
}

/// Decodes the name, the color, how many tasks have the tag, when it was made and when the first of its tasks was.
fn tag(row: &Row) -> Result<Tag, DbError> {
    let (made_at, used_at) = (row.get(3)?, row.get(4)?);
    Ok(Tag {
        name: row.get(0)?,
        color: row.get(1)?,
        task_count: row.get(2)?,
        created_at: Option::or(made_at, used_at),
        transaction: None,
    })
}

fn map_user_error(error: DbError) -> StoreError {
    StoreError::about_user(&TAG, error)
}
