//! Renaming a tag, and changing its color.

use super::answer::{self, answer};
use super::input::{OfTag, TagChange};
use super::model::{TAG, Tag, TagName, WrittenTag};
use super::repository::{UserTags, has_tag, tag_row, used_tag};
use crate::db::SqlParam;
use crate::output::Written;
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, keyed_sql};

/// Gives the tag `$6` the name `$7`, unless that is null, and if `$8` the color `$9`.
///
/// If there is a tag of the new name, `other`, the two become one, with the spelling of that one: on each task that has both,
/// too. After it there is no tag `$6` any more, so a client that repeats it without a key would not find the tag. The same
/// change, done before and kept under whichever key, shows that the tag of the new name is what has become of it.
static CHANGE: KeyedWrite = KeyedWrite::new(
    "change tag",
    keyed_sql!(
        "change tag",
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
other_used as (
",
            used_tag!("$7"),
            "      and lower($7::text) <> lower($6::text)
),
other as (
",
            tag_row!("$7"),
            "      and lower($7::text) <> lower($6::text)
),
target as (
    select
        coalesce(
            (select name from other),
            (select name from other_used),
            $7::text,
            (select name from found),
            (select name from used)
        ) as name
    where (select name from used) is not null
       or exists (select from found)
       or (
           (exists (select from other) or (select name from other_used) is not null)
           and exists (
               select
               from tasks_api.idempotency_keys
               where user_id = $1
                 and operation = 'change tag'
                 and fingerprint = $4
           )
       )
),
renamed as (
    update tasks
    set tags = tasks_api.tags_for(
            array(
                select min(name)
                from (
                    select
                        case
                            when lower(tag) in (lower($6::text), lower($7::text)) then (select name from target)
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
      and $7::text is not null
      and exists (
          select
          from unnest(tasks_api.as_tags(tags)) as tag
          where lower(tag) = lower($6::text)
            and tag <> (select name from target)
      )
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id
),
dropped as (
    delete from tasks_api.task_tags
    where user_id = $1
      and lower(name) = lower($6::text)
      and lower($7::text) <> lower($6::text)
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning name
),
made as (
    insert into tasks_api.task_tags (user_id, name, color, created_at)
    select
        $1,
        (select name from target),
        case
            when $8::boolean then $9::text
            else coalesce((select color from other), (select color from found))
        end,
        coalesce((select created_at from other), (select created_at from found), now())
    where (
            exists (select from found)
            or ((select name from used) is not null and (exists (select from other) or $9::text is not null))
        )
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    on conflict (user_id, lower(name)) do update
    set name = excluded.name,
        color = excluded.color
    returning name, color, created_at
),
changed as (
    select
        null as task_id,
        ",
            answer!(
                "target.name",
                "case when exists (select from made) then (select color from made) else (select color from other) end",
                concat!(
                    "(
            select count(*)
            from tasks
            where user_id = $1
              and (",
                    has_tag!("$6"),
                    " or ",
                    has_tag!("$7"),
                    ")
        )"
                ),
                "tag.created_at",
                "used.created_at",
                "true"
            ),
            " as answer
    from target
    cross join used
    cross join (
        select coalesce((select created_at from made), (select created_at from other)) as created_at
    ) as tag
    where not exists (select from prior)
)"
        )
    ),
);

impl UserTags<'_> {
    /// The statement of [`UserTags::change`].
    pub const CHANGE: StartStatement = CHANGE.at_start();

    /// Changes the given fields of a tag, on all tasks that have it, and returns it. With a key that was used before, returns
    /// what the tag was then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; failures of the database.
    pub async fn change(
        &self,
        name: &TagName,
        change: &TagChange,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Tag>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TAG, "change tag", &key, &OfTag(name, Some(change)));
        let text = |text: Option<&str>| text.map_or(SqlParam::NULL, SqlParam::from_display);
        let params = vec![
            SqlParam::from_str(name.as_str()),
            text(change.name.as_deref()),
            SqlParam::from_display(change.color.is_some()),
            text(change.color.as_ref().and_then(Option::as_deref)),
        ];
        let written = self.write_once(&CHANGE, &request, params, answer::written_tag).await?;
        Ok(written.map(|WrittenTag { tag, .. }| tag))
    }
}
