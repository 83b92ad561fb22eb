//! Adding tags to a task, and removing one.

use serde::ser::SerializeMap;
use serde_json::Value;

use super::answer::answer;
use super::fingerprint::{Fields, OfTask};
use super::model::{TASK, Task, TaskId};
use super::precondition::{is_as_expected, version_array};
use super::repository::UserTasks;
use super::tags;
use crate::config::ApiConfig;
use crate::db::{Row, SqlParam};
use crate::input::{Failure, FromJson, InvalidInput, ObjectReader};
use crate::output::Written;
use crate::scope::{
    FieldText, IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, Versions, keyed_sql,
};
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

impl Fields for AddedTags {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("tags", &self.0)
    }
}

/// The tag that is removed. The case of its name does not matter.
impl Fields for TagName {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("tag", &self.as_str().to_lowercase())
    }
}

fn checked_names(value: &Value) -> Result<Vec<String>, String> {
    let names = tags::check(&tags::names(value).ok_or(tags::TAGS_RULE)?)?;
    if names.iter().any(|name| name.contains('\0')) {
        return Err("tags must not contain U+0000".to_owned());
    }
    Ok(names)
}

/// A change of the task `$6` that sets its tags to an array, unless it would have too many, which the condition says. `$8` are the expected versions, and `$9` is
/// null.
macro_rules! change_tags {
    ($operation:literal, $tags:expr, $condition:expr) => {
        KeyedWrite::new(
            $operation,
            concat!(
                keyed_sql!(
                    $operation,
                    concat!(
                        "\
changed as (
    update tasks
    set tags = tasks_api.tags_for(",
                        $tags,
                        ", tags)
    where user_id = $1
      and id = $6
      and ",
                        $condition,
                        "
      and ",
                        is_as_expected!("$8", "$9"),
                        "
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id::text as task_id, ",
                        answer!(),
                        " as answer
)"
                    )
                ),
                "\
union all
select null, null, null, case when ",
                is_as_expected!("$8", "$9"),
                " then 'too many' end
from tasks
where user_id = $1
  and id = $6
  and not exists (select from kept)
  and not exists (select from prior)
"
            ),
        )
    };
}

/// Those of the tags `$7` that the task does not have, in their order.
macro_rules! missing {
    () => {
        "array(
            select name
            from unnest($7::text[]) with ordinality as given (name, place)
            where not exists (
                select
                from unnest(tasks_api.as_tags(tags)) as tag
                where lower(tag) = lower(name)
            )
            order by place
        )"
    };
}

/// Adds the missing tags, unless the task would have more than 20. Without one its tags stay as they are, null too, so that the
/// task keeps its version.
static ADD_TAGS: KeyedWrite = change_tags!(
    "add tags",
    concat!(
        "case
            when cardinality(",
        missing!(),
        ") > 0
            then tasks_api.as_tags(tags) || ",
        missing!(),
        "
            else tasks_api.as_tags(tags)
        end"
    ),
    concat!(
        "(cardinality(",
        missing!(),
        ") = 0 or cardinality(",
        missing!(),
        ") + coalesce(cardinality(tasks_api.as_tags(tags)), 0) <= 20)"
    )
);

/// Removes the tag `$7`, in any case.
static REMOVE_TAG: KeyedWrite = change_tags!(
    "remove tag",
    "case
        when exists (select from unnest(tasks_api.as_tags(tags)) as tag where lower(tag) = lower($7::text))
        then array(
            select tag
            from unnest(tasks_api.as_tags(tags)) with ordinality as element (tag, place)
            where lower(tag) <> lower($7::text)
            order by place
        )
        else tasks_api.as_tags(tags)
    end",
    "true"
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::add_tags`].
    pub const ADD_TAGS: StartStatement = ADD_TAGS.at_start();

    /// The statement of [`UserTasks::remove_tag`].
    pub const REMOVE_TAG: StartStatement = REMOVE_TAG.at_start();

    /// Adds the tags that the task does not have and returns it. With a key that was used before, returns what the task was
    /// then.
    ///
    /// # Errors
    /// As [`UserTasks::update`]; [`StoreError::InvalidInput`] if it would have too many.
    pub async fn add_tags(
        &self,
        id: &TaskId,
        added: &AddedTags,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TASK, "add tags", &key, &OfTask(id, added));
        self.change_tags(&ADD_TAGS, &request, id, SqlParam::from_texts(&added.0), versions).await
    }

    /// Removes a tag from the task, if it has it, and returns the task. With a key that was used before, returns what the task
    /// was then.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn remove_tag(
        &self,
        id: &TaskId,
        name: &TagName,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TASK, "remove tag", &key, &OfTask(id, name));
        self.change_tags(&REMOVE_TAG, &request, id, SqlParam::from_str(name.as_str()), versions).await
    }

    async fn change_tags<'a>(
        &'a self,
        statement: &'static KeyedWrite,
        request: &'a KeyedRequest<'a>,
        id: &TaskId,
        tags: SqlParam<'a>,
        versions: &Versions,
    ) -> Result<Written<Task>, StoreError> {
        let versions = versions.as_slice().map_or(SqlParam::NULL, version_array);
        let params = vec![SqlParam::from_display(id), tags, versions, SqlParam::NULL];
        let attempt = async || match self.scope.write_keyed(statement, request, params.clone()).await {
            Ok(outcome) => outcome.answer_or(refusal),
            Err(error) => Err(self.change_error(&[FieldText::new("tags", None)], error).await),
        };
        self.write_once(request, attempt).await
    }
}

/// Why nothing was changed.
fn refusal(rows: &[Row]) -> StoreError {
    match rows.first().map(Row::last::<Option<&str>>) {
        None => StoreError::NotFound(&TASK),
        Some(Ok(None)) => StoreError::PreconditionFailed(&TASK),
        Some(Ok(Some(_))) => {
            let failure = Failure { pointer: "/tags".to_owned(), detail: tags::too_many() };
            StoreError::InvalidInput(InvalidInput(vec![failure]))
        }
        Some(Err(error)) => StoreError::Database(&TASK, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::FromPath;
    use crate::scope::fingerprint;

    /// Keys that clients have sent are lost if one of these changes.
    #[test]
    fn fingerprints_do_not_change_with_releases() {
        let id = TaskId::from_path("42").expect("an id");
        let added = AddedTags(vec!["Home".to_owned(), "work".to_owned()]);
        assert_eq!(fingerprint(&OfTask(&id, &added)), "87dcf72f6c76055f455562b48f800964");
        let removed = TagName::from_path("Home").expect("a name");
        assert_eq!(fingerprint(&OfTask(&id, &removed)), "9cfeed1ba29fd2a7cfc50a70d330f699");
    }
}
