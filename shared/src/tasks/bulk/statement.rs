//! The statement, and its parameters.
//!
//! The due dates are parameters of their own, because only a parameter takes the type of the column, with or without a time
//! zone; so are the times that clients expect, and the ids.

use serde::Serialize;

use super::merge::{Change, Expected, Write, WriteKind};
use crate::db::SqlParam;
use crate::output::to_json;
use crate::scope::{GroupedInsert, keyed_sql};
use crate::tasks::answer::answer;
use crate::tasks::change_row::{ChangeRow, change_columns, changes};
use crate::tasks::input::{NewTask, TaskChange};

/// Finds the tasks and locks them, in one order so that two requests do not wait for each other, and decides what fails.
///
/// `$6` are the ids of tasks, also those that clients have chosen, and `$7` the [`Item`]s. `$8` to `$10` are the due dates,
/// their other spellings and the expected times. All have an element for each write. `$11`: whether nothing is done if one
/// write fails. `$12`: whether anything is done at all. `$13`: whether the key is stored even if nothing is written.
///
/// In the update, the columns of `verdict` have its name before them: the table may have columns of the same names.
macro_rules! decide_and_change {
    () => {
        concat!(
            "\
item as (
    select *
    from jsonb_to_recordset($7::jsonb) as item (
        n integer, operation integer, kind text, columns integer, expected_version bigint, same_title text,
        same_description text, same_priority text, same_category text, same_tags text, ",
            change_columns!(),
            "
    )
    where not exists (select from prior)
), found as (
    select
        array_position($6, id) as found_n,
        version as found_version,
        title as found_title,
        description as found_description,
        priority as found_priority,
        tasks_api.as_label(category) as found_category,
        to_jsonb(tasks_api.as_tags(tags)) as found_tags,
        coalesce(updated_at, created_at) as found_time,
        (array_append($10, coalesce(updated_at, created_at)))[array_position($6, id)] as expected_time
    from tasks
    where user_id = $1
      and id = any ($6)
      and not exists (select from prior)
    order by id
    for update
), verdict as (
    select
        item.*,
        ($6)[n] as new_id,
        (array_append($8, (null::tasks).due_date))[n] as new_due_date,
        (array_append($9, (null::tasks).due_date))[n] as other_due_date,
        tasks_api.tags_for(new_tags, (null::tasks).tags) as inserted_tags,
        tasks_api.label_for(new_category, (null::tasks).category) as inserted_category,
        tasks_api.label_for(new_recurrence, (null::tasks).recurrence) as inserted_recurrence,
        tasks_api.zone_for(case when kind = 'create' then new_time_zone end, (null::tasks).time_zone) as inserted_time_zone,
        tasks_api.flag_for(new_is_date, (null::tasks).due_is_date) as inserted_is_date,
        'request:' || $5 || '/' || operation as row_key,
        case
            when kind = 'create' then null
            when found_n is null then 'not_found'
            when found_version <> expected_version
                or (found_time = expected_time or date_trunc('milliseconds', found_time) = expected_time) is false
            then 'precondition_failed'
            else nullif(concat_ws(
                ' ',
                case when same_title <> found_title then 'title' end,
                case when same_description is not null and same_description is distinct from found_description
                then 'description' end,
                case when same_priority is not null and same_priority is distinct from found_priority
                then 'priority' end,
                case when same_category is not null and same_category is distinct from found_category
                then 'category' end,
                case when same_tags is not null and same_tags::jsonb is distinct from found_tags
                then 'tags' end
            ), '')
        end as problem
    from item
    left join found
        on found_n = n
), gate as (
    select $12::boolean and not ($11::boolean and exists (select from verdict where problem is not null)) as is_open
), updated as (
    update tasks
",
            changes!("new_due_date", "other_due_date"),
            "    from verdict
    where user_id = $1
      and id = any ($6)
      and array_position($6, id) = verdict.n
      and verdict.kind = 'change'
      and verdict.problem is null
      and (select is_open from gate)
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning verdict.n as written_n, ",
            answer!(),
            " as task
), deleted as (
    delete from tasks
    where user_id = $1
      and id = any ($6)
      and array_position($6, id) in (select n from verdict where kind = 'delete' and problem is null)
      and (select is_open from gate)
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning array_position($6, id) as written_n, jsonb_build_object('transaction', pg_current_xact_id()::text) as task
), "
        )
    };
}

/// The optional columns are those of [`columns_left_out`]. `$id` are a further column and its value.
macro_rules! create {
    ($id_column:literal, $id_value:literal) => {
        concat!(
            "\
created as (
insert into tasks (user_id, ",
            $id_column,
            "title, description, completed, priority, due_date, due_date_marker, due_is_date, tags, category, recurrence, time_zone, extra_input, idempotency_key)
select $1, ",
            $id_value,
            "new_title, new_description, new_completed, new_priority, new_due_date, case when is_floating <> (pg_typeof(new_due_date) = 'timestamp'::regtype) then marker end, inserted_is_date, inserted_tags, inserted_category, inserted_recurrence, inserted_time_zone, new_extra, row_key
from verdict
where kind = 'create'
  and columns = 0
  and (select is_open from gate)
  and not exists (select from prior)
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning idempotency_key as created_key, ",
            answer!(),
            " as task
)"
        )
    };
}

macro_rules! collect {
    () => {
        "\
, written as (
    select written_n, task
    from updated
    union all
    select written_n, task
    from deleted
    union all
    select n, task
    from created
    join verdict
        on row_key = created_key
), result as (
    select
        coalesce(jsonb_agg(jsonb_build_object('n', n, 'problem', problem, 'task', task) order by n), '[]') as answer,
        count(task) as writes
    from verdict
    left join written
        on written_n = n
), changed as (
    select null::text as task_id, answer
    from result
    where (writes > 0 or $13::boolean)
      and not exists (select from prior)
)"
    };
}

/// Without a write, the last part says why. Then nothing is stored.
macro_rules! refusals {
    () => {
        "\
union all
select null, null, null, answer::text
from result
where writes = 0
  and not $13::boolean
  and not exists (select from prior)
"
    };
}

macro_rules! bulk {
    ($name:literal, $id_column:literal, $id_value:literal) => {
        GroupedInsert::new(
            $name,
            [
                concat!(keyed_sql!(before "bulk"), decide_and_change!()),
                create!($id_column, $id_value),
                concat!(collect!(), keyed_sql!(after "bulk"), refusals!()),
            ],
            concat!(
                keyed_sql!(before "bulk"),
                decide_and_change!(),
                create!($id_column, $id_value),
                collect!(),
                keyed_sql!(after "bulk"),
                refusals!(),
            ),
        )
    };
}

pub(super) static BULK: GroupedInsert = bulk!("bulk", "", "");
/// Creates tasks with ids that clients have chosen. A column that is always generated cannot be named.
static BULK_WITH_IDS: GroupedInsert = bulk!("bulk with ids", "id, ", "new_id, ");

/// A write as JSON: a row of the query `item`. A member that is absent is null.
#[derive(Debug, Default, Serialize)]
struct Item<'a> {
    n: usize,
    /// The index in the request. A request can be sent in several statements.
    operation: usize,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_priority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_category: Option<&'a str>,
    /// A list in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_tags: Option<&'a str>,
    #[serde(flatten)]
    change: ChangeRow<'a>,
}

/// What the statement is sent with.
pub(super) struct Parameters {
    pub(super) statement: &'static GroupedInsert,
    /// See [`GroupedInsert`].
    pub(super) groups: Vec<Vec<bool>>,
    /// `$6` and following.
    pub(super) params: Vec<SqlParam<'static>>,
}

impl Parameters {
    pub(super) fn new(writes: &[&Write], is_atomic: bool, may_apply: bool, always_stores: bool) -> Self {
        let mut groups: Vec<Vec<bool>> = Vec::new();
        let (mut ids, mut due_dates, mut other_due_dates, mut times) = (vec![], vec![], vec![], vec![]);
        let mut items = Vec::new();
        let has_ids = writes.iter().any(|write| write.has_chosen_id());
        for (index, write) in writes.iter().enumerate() {
            let operation = write.operations.first().copied().unwrap_or_default();
            let mut item = Item { n: index + 1, operation, ..Item::default() };
            let (mut id, mut time, mut due_date, mut other) = (None, None, None, None);
            match &write.kind {
                WriteKind::Create(new) => {
                    let left_out = columns_left_out(new, has_ids);
                    id.clone_from(&new.id);
                    let group = groups.iter().position(|group| *group == left_out).unwrap_or_else(|| {
                        groups.push(left_out);
                        groups.len() - 1
                    });
                    item.create(group, new);
                    due_date = new.due_date.map(|input| input.due_date);
                }
                WriteKind::OnTask { id: of_task, expected: Expected { version, updated_at }, change } => {
                    id = Some(of_task.to_string());
                    time = updated_at.map(|time| time.to_string());
                    item.expected_version = *version;
                    item.kind = "delete";
                    if let Change::Set(change) = change {
                        item.change(change);
                        due_date = change.due_date.and_then(|change| change.value).map(|input| input.due_date);
                        other = change.due_date.and_then(|change| change.otherwise).map(|input| input.due_date);
                    }
                }
            }
            ids.push(id);
            times.push(time);
            due_dates.push(due_date.map(|due_date| due_date.time.to_string()));
            other_due_dates.push(other.map(|due_date| due_date.time.to_string()));
            items.push(item);
        }
        let params = vec![
            SqlParam::from_optional_texts(&ids),
            SqlParam::from_display(to_json(&items)),
            SqlParam::from_optional_texts(&due_dates),
            SqlParam::from_optional_texts(&other_due_dates),
            SqlParam::from_optional_texts(&times),
            SqlParam::from_display(is_atomic),
            SqlParam::from_display(may_apply),
            SqlParam::from_display(always_stores),
        ];
        Self { statement: if has_ids { &BULK_WITH_IDS } else { &BULK }, groups, params }
    }
}

impl<'a> Item<'a> {
    fn create(&mut self, group: usize, new: &'a NewTask) {
        self.kind = "create";
        self.columns = Some(group);
        self.change = ChangeRow::of_new(new);
    }

    fn change(&mut self, change: &'a TaskChange) {
        self.kind = "change";
        // The key of the request makes sure that it is done once.
        self.change = ChangeRow::new(change, None);
        for value in change.invalid_values() {
            let same = match value.field() {
                "title" => &mut self.same_title,
                "description" => &mut self.same_description,
                "priority" => &mut self.same_priority,
                "category" => &mut self.same_category,
                _ => &mut self.same_tags,
            };
            same.get_or_insert(value.text());
        }
    }
}

/// Whether each column after `user_id` of the insert is left out.
fn columns_left_out(new: &NewTask, has_ids: bool) -> Vec<bool> {
    let has_due_date = new.due_date.is_some();
    let id = has_ids.then_some(new.id.is_some());
    let is_given = [
        true,
        new.description.is_some(),
        new.completed.is_some(),
        new.priority.is_some(),
        has_due_date,
        has_due_date,
        new.due_date.is_some_and(|input| input.is_date.is_some()),
        new.tags.is_some(),
        new.category.is_some(),
        new.recurrence.is_some(),
        new.time_zone.is_some(),
        !new.extra.is_empty(),
        true,
    ];
    id.into_iter().chain(is_given).map(|is_given| !is_given).collect()
}
