//! Renaming a tag, and changing its color.

use super::input::TagChange;
use super::model::{TAG, Tag, TagName};
use super::repository::{UserTags, has_tag, map_user_error, tag_row, used_tag, written_tag};
use crate::db::SqlParam;
use crate::scope::{StartStatement, StoreError, Write};

/// Gives the tag `$3` the name `$4`, unless that is null, and if `$5` the color `$6`.
///
/// If there is a tag of the new name, `other`, the two become one, with the spelling of that one: on each task that has both,
/// too. The statement is not repeated with success by its own effect: after it there is no tag `$3` any more. The last two
/// columns are whether there is one, and whether there is another of the new name.
static CHANGE: Write = Write::new(
    "change tag",
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
other_used as (
",
        used_tag!("$4"),
        "      and lower($4::text) <> lower($3::text)
),
other as (
",
        tag_row!("$4"),
        "      and lower($4::text) <> lower($3::text)
),
target as (
    select
        coalesce(
            (select name from other),
            (select name from other_used),
            $4::text,
            (select name from found),
            (select name from used)
        ) as name
),
renamed as (
    update tasks
    set tags = tasks_api.tags_for(
            array(
                select min(name)
                from (
                    select
                        case
                            when lower(tag) in (lower($3::text), lower($4::text)) then (select name from target)
                            else tag
                        end as name,
                        place
                    from unnest(tasks_api.as_tags(tags)) with ordinality as element (tag, place)
                ) as named
                group by lower(name)
                order by min(place)
            ),
            tags
        )
    where user_id = $1
      and $4::text is not null
      and exists (
          select
          from unnest(tasks_api.as_tags(tags)) as tag
          where lower(tag) = lower($3::text)
            and tag <> (select name from target)
      )
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id
),
dropped as (
    delete from tasks_api.task_tags
    where user_id = $1
      and lower(name) = lower($3::text)
      and lower($4::text) <> lower($3::text)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning name
),
made as (
    insert into tasks_api.task_tags (user_id, name, color, created_at)
    select
        $1,
        (select name from target),
        case
            when $5::boolean then $6::text
            else coalesce((select color from other), (select color from found))
        end,
        coalesce((select created_at from other), (select created_at from found), now())
    where (
            exists (select from found)
            or ((select name from used) is not null and (exists (select from other) or $6::text is not null))
        )
      and not exists (select from tasks_api.task_fences where attempt = $2)
    on conflict (user_id, lower(name)) do update
    set name = excluded.name,
        color = excluded.color
    returning name, color, created_at
)
select
    target.name,
    case when exists (select from made) then (select color from made) else (select color from other) end,
    (
        select count(*)
        from tasks
        where user_id = $1
          and (",
        has_tag!("$3"),
        " or ",
        has_tag!("$4"),
        ")
    ),
    coalesce((select created_at from made), (select created_at from other)),
    used.created_at,
    pg_current_xact_id()::text,
    used.name is not null or exists (select from found),
    exists (select from other) or exists (select from other_used where name is not null)
from target
cross join used
"
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::change`].
    pub const CHANGE: StartStatement = CHANGE.at_start();

    /// Changes the given fields of a tag, on all tasks that have it, and returns it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; failures of the database.
    pub async fn change(&self, name: &TagName, change: &TagChange) -> Result<Tag, StoreError> {
        let text = |text: Option<&str>| text.map_or(SqlParam::NULL, SqlParam::from_display);
        let params = vec![
            SqlParam::from_str(name.as_str()),
            text(change.name.as_deref()),
            SqlParam::from_display(change.color.is_some()),
            text(change.color.as_ref().and_then(Option::as_deref)),
        ];
        let result = self.scope.write(&CHANGE, params).await.map_err(map_user_error)?;
        let row = result.rows.first().ok_or(StoreError::NotFound(&TAG))?;
        let (existed, has_other) = (row.get(6).map_err(map_user_error)?, row.get(7).map_err(map_user_error)?);
        // An earlier attempt whose response was lost may have renamed it.
        if existed || (result.maybe_executed && has_other) {
            written_tag(row).map_err(map_user_error)
        } else {
            Err(StoreError::NotFound(&TAG))
        }
    }
}
