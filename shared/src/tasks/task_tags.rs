//! Adding tags to a task, and removing one.

use serde_json::Value;

use super::change::changed_or_current;
use super::columns::{task_columns, written_columns};
use super::model::{Task, TaskId};
use super::precondition::{Precondition, is_as_expected};
use super::repository::UserTasks;
use super::tags;
use crate::config::ApiConfig;
use crate::db::SqlParam;
use crate::input::{Failure, FromJson, InvalidInput, ObjectReader};
use crate::scope::{FieldText, StartStatement, StoreError, Versions, Write};
use crate::tags::TagName;

/// The body of a request that adds tags to a task.
#[derive(Debug, PartialEq, Eq)]
pub struct AddedTags(Vec<String>);

impl FromJson for AddedTags {
    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        let names = match object.non_null("tags").or_else(|| object.non_null("tag_ids")) {
            Some(value) => checked_names(value),
            None => Err("tags is required".to_owned()),
        };
        Self(names.map_err(|rule| object.fail::<()>("tags", rule)).unwrap_or_default())
    }
}

fn checked_names(value: &Value) -> Result<Vec<String>, String> {
    let names = tags::check(&tags::names(value).ok_or(tags::TAGS_RULE)?)?;
    if names.iter().any(|name| name.contains('\0')) {
        return Err("tags must not contain U+0000".to_owned());
    }
    Ok(names)
}

/// Both statements of a change of the task `$3` that sets its tags to an array: without and with a precondition, `$5` and
/// `$6`.
macro_rules! change_tags {
    ($name:literal, $tags:expr) => {
        [
            Write::new(
                $name,
                concat!(
                    "\
update tasks
set tags = tasks_api.tags_for(",
                    $tags,
                    ", tags)
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning ",
                    written_columns!(),
                ),
            ),
            Write::new(
                concat!("conditional ", $name),
                concat!(
                    "\
with changed as (
    update tasks
    set tags = tasks_api.tags_for(",
                    $tags,
                    ", tags)
    where user_id = $1
      and id = $3
      and ",
                    is_as_expected!("$5", "$6"),
                    "
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning *
)
",
                    changed_or_current!(),
                ),
            ),
        ]
    };
}

/// Adds those of `$4` that the task does not have, unless it had more than 20 then. Otherwise its tags stay as they are, null
/// too, so that the task keeps its version.
static ADD_TAGS: [Write; 2] = change_tags!(
    "add tags",
    "(
        select case
            when missing <> '{}' and cardinality(missing) + coalesce(cardinality(tasks_api.as_tags(tags)), 0) <= 20
            then coalesce(tasks_api.as_tags(tags), '{}') || missing
            else tasks_api.as_tags(tags)
        end
        from (
            select array(
                select name
                from unnest($4::text[]) with ordinality as given (name, place)
                where not exists (
                    select
                    from unnest(tasks_api.as_tags(tags)) as tag
                    where lower(tag) = lower(name)
                )
                order by place
            ) as missing
        ) as added
    )"
);

/// Removes the tag `$4`, in any case.
static REMOVE_TAG: [Write; 2] = change_tags!(
    "remove tag",
    "case
        when exists (select from unnest(tasks_api.as_tags(tags)) as tag where lower(tag) = lower($4::text))
        then array(
            select tag
            from unnest(tasks_api.as_tags(tags)) with ordinality as element (tag, place)
            where lower(tag) <> lower($4::text)
            order by place
        )
        else tasks_api.as_tags(tags)
    end"
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::add_tags`] without a precondition.
    pub const ADD_TAGS: StartStatement = ADD_TAGS[0].at_start();

    /// The statement of [`UserTasks::remove_tag`] without a precondition.
    pub const REMOVE_TAG: StartStatement = REMOVE_TAG[0].at_start();

    /// Adds the tags that the task does not have and returns it.
    ///
    /// # Errors
    /// As [`UserTasks::update`]; [`StoreError::InvalidInput`] if it would have too many.
    pub async fn add_tags(&self, id: &TaskId, added: &AddedTags, versions: &Versions) -> Result<Task, StoreError> {
        let AddedTags(names) = added;
        let has_all = |task: &Task| names.iter().all(|name| has_tag(task, name));
        let task = self.change_tags(&ADD_TAGS, id, SqlParam::from_texts(names), versions, has_all).await?;
        // A task without tags has room for all of them, unless the column of an earlier back end has no room for any.
        if has_all(&task) || task.tags.is_empty() {
            return Ok(task);
        }
        let failure = Failure { pointer: "/tags".to_owned(), detail: tags::too_many() };
        Err(StoreError::InvalidInput(InvalidInput(vec![failure])))
    }

    /// Removes a tag from the task, if it has it, and returns the task.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn remove_tag(&self, id: &TaskId, name: &TagName, versions: &Versions) -> Result<Task, StoreError> {
        let is_removed = |task: &Task| !has_tag(task, name.as_str());
        self.change_tags(&REMOVE_TAG, id, SqlParam::from_str(name.as_str()), versions, is_removed).await
    }

    async fn change_tags<'a>(
        &'a self,
        [plain, conditional]: &'static [Write; 2],
        id: &TaskId,
        tags: SqlParam<'a>,
        versions: &Versions,
        is_changed: impl Fn(&Task) -> bool,
    ) -> Result<Task, StoreError> {
        let precondition = Precondition { versions, updated_at: None };
        let params = vec![SqlParam::from_display(id), tags];
        self.change([plain, conditional], params, &precondition, &[FieldText::new("tags", None)], is_changed).await
    }
}

fn has_tag(task: &Task, name: &str) -> bool {
    task.tags.iter().any(|tag| tag.to_lowercase() == name.to_lowercase())
}
