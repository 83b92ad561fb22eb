//! How many tasks a user has, by what.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::filter::{TIME_ZONE_RULE, parse_time_zone};
use super::model::TASK;
use super::overdue::{is_floating, is_overdue, overdue_params};
use super::repository::UserTasks;
use crate::config::{ApiConfig, JsonFormat, Priorities};
use crate::db::{DbError, DbErrorKind, Rejection, Row, SqlParam};
use crate::input::{Failure, FromQuery, InvalidInput, QueryReader};
use crate::output::{EntityTag, Representation, to_json};
use crate::scope::{Read, StartStatement, StoreError};
use crate::time::Timestamp;

/// The query parameters of the counts.
#[derive(Debug)]
pub struct StatsQuery {
    /// The zone whose clock tells which floating due dates have passed. UTC if there is none.
    time_zone: Option<String>,
    has_floating_due_dates: bool,
    priorities: Priorities,
}

impl FromQuery for StatsQuery {
    fn from_query(query: &mut QueryReader, config: &ApiConfig) -> Self {
        Self {
            time_zone: query.read(&["tz"], TIME_ZONE_RULE, parse_time_zone).flatten(),
            has_floating_due_dates: !config.json.instant_due_dates,
            priorities: config.priorities,
        }
    }
}

/// How many tasks a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStats {
    /// All tasks.
    pub total: i64,
    /// Those that are done.
    pub completed: i64,
    /// Those that are not done although their due date has passed.
    pub overdue: i64,
    /// For each word of `TASK_PRIORITIES`, in their order, and last `none`: without a priority, or with another word that an
    /// earlier back end stored.
    pub by_priority: Vec<(&'static str, i64)>,
}

/// A row for each priority. `$2` are the words in lower case; another priority is no priority. The others are the
/// parameters of [`is_overdue`].
macro_rules! stats {
    ($is_overdue:expr) => {
        concat!(
            "\
select array_position($2::text[], lower(priority)), count(*), count(*) filter (where completed is true),
    count(*) filter (where ",
            $is_overdue,
            ")
from tasks
where user_id = $1
group by 1
"
        )
    };
}

static STATS: Read = Read::new("stats", stats!(is_overdue!("$3", "$4", "$5")));

static STATS_OF_INSTANTS: Read = Read::new("stats", stats!("due_date < $3 and completed is not true"));

impl UserTasks<'_> {
    /// The statement of [`UserTasks::stats`].
    pub const STATS: StartStatement = STATS.at_start();

    /// How many tasks there are.
    ///
    /// # Errors
    /// [`StoreError::InvalidInput`] if the database does not know the time zone; failures of the database.
    pub async fn stats(&self, query: &StatsQuery) -> Result<TaskStats, StoreError> {
        let words = SqlParam::from_texts(query.priorities.ranks());
        let now = Timestamp::now();
        let rows = if query.has_floating_due_dates {
            let [bound, now, zone] = overdue_params(now, query.time_zone.as_deref());
            self.scope.read(&STATS, [words, bound, now, zone]).await
        } else {
            self.scope.read(&STATS_OF_INSTANTS, [words, SqlParam::from_display(now)]).await
        };
        let decode = |rows: Vec<Row>| TaskStats::from_rows(&rows, query.priorities);
        rows.and_then(decode).map_err(stats_error)
    }
}

impl TaskStats {
    fn from_rows(rows: &[Row], priorities: Priorities) -> Result<Self, DbError> {
        let mut stats = Self { total: 0, completed: 0, overdue: 0, by_priority: Vec::new() };
        stats.by_priority.extend(priorities.words().iter().map(|word| (*word, 0)));
        // One of the words can be `none`.
        let none = priorities.words().iter().position(|word| *word == NONE);
        let none = none.unwrap_or_else(|| {
            stats.by_priority.push((NONE, 0));
            stats.by_priority.len() - 1
        });
        for row in rows {
            // PostgreSQL counts from one.
            let rank: Option<i32> = row.get(0)?;
            let index = rank.and_then(|rank| usize::try_from(rank - 1).ok()).unwrap_or(none);
            let count: i64 = row.get(1)?;
            if let Some((_, of_priority)) = stats.by_priority.get_mut(index) {
                *of_priority += count;
            }
            stats.total += count;
            stats.completed += row.get::<i64>(2)?;
            stats.overdue += row.get::<i64>(3)?;
        }
        Ok(stats)
    }

    /// In per cent, with two decimals. 0 if there are no tasks.
    fn completion_rate(&self) -> f64 {
        if self.total == 0 { 0.0 } else { (self.completed as f64 / self.total as f64 * 10_000.0).round() / 100.0 }
    }
}

const NONE: &str = "none";

/// What PostgreSQL may not know is the time zone.
fn stats_error(error: DbError) -> StoreError {
    if error.kind() != DbErrorKind::Rejected(Rejection::Parameter) {
        return StoreError::about_user(&TASK, error);
    }
    let failure = Failure { pointer: "/tz".to_owned(), detail: TIME_ZONE_RULE.to_owned() };
    StoreError::InvalidInput(InvalidInput(vec![failure]))
}

impl Representation for TaskStats {
    fn to_json(&self, _: JsonFormat) -> String {
        to_json(self)
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::Body
    }
}

/// Each number by the two names that front ends read.
impl Serialize for TaskStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pending = self.total - self.completed;
        let mut map = serializer.serialize_map(Some(10))?;
        for (name, other_name, count) in [
            ("total", "total_tasks", self.total),
            ("pending", "pending_tasks", pending),
            ("completed", "completed_tasks", self.completed),
            ("overdue", "overdue_tasks", self.overdue),
        ] {
            map.serialize_entry(name, &count)?;
            map.serialize_entry(other_name, &count)?;
        }
        map.serialize_entry("completion_rate", &self.completion_rate())?;
        map.serialize_entry("by_priority", &ByPriority(&self.by_priority))?;
        map.end()
    }
}

struct ByPriority<'a>(&'a [(&'static str, i64)]);

impl Serialize for ByPriority<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_two_names() {
        let by_priority = vec![("low", 0), ("medium", 1), ("high", 0), ("none", 2)];
        let stats = TaskStats { total: 3, completed: 2, overdue: 1, by_priority };
        assert_eq!(
            serde_json::to_value(&stats).expect("a map of numbers"),
            serde_json::json!({
                "total": 3, "pending": 1, "completed": 2, "overdue": 1, "total_tasks": 3, "pending_tasks": 1,
                "completed_tasks": 2, "overdue_tasks": 1, "completion_rate": 66.67,
                "by_priority": {"low": 0, "medium": 1, "high": 0, "none": 2}
            })
        );
    }
}
