//! A user who completes recurring tasks. Each completion must make exactly one next task.

use dev::testing::client::TestResponse;
use dev::testing::random::SeededRandom;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::worker::{ATTEMPTS, Request, Worker};
use crate::env::Row;

/// The number of series of the user.
const SERIES: usize = 4;
/// When the first task of each series is due.
const FIRST_DAY: Date = date(2100, 1, 1);

/// A user who sends one request after the other, each until it is done.
pub(super) struct SeriesWorker {
    pub(super) worker: Worker,
    random: SeededRandom,
    series: Vec<Series>,
    keys: usize,
}

/// The tasks of one series, which is daily.
struct Series {
    title: String,
    /// The days, from the first one on, of the tasks that are completed.
    completed: Vec<i64>,
    /// The day of the task that is open.
    open: i64,
    /// The last task that was completed, unless the one after it has been changed since.
    reopenable: Option<i64>,
}

impl SeriesWorker {
    pub(super) fn new(worker: Worker, random: SeededRandom) -> Self {
        Self { worker, random, series: Vec::new(), keys: 0 }
    }

    pub(super) async fn run(mut self, requests: usize) -> Self {
        for _ in 0..requests {
            let chosen = self.random.below(SERIES);
            if chosen < self.series.len() {
                self.change(chosen).await;
            } else {
                self.create().await;
            }
            self.worker.note_sent();
        }
        self
    }

    async fn create(&mut self) {
        let title = format!("Series{}", self.series.len());
        let body = json!({"title": title, "due_date": format!("{FIRST_DAY}T09:00:00Z"), "recurrence": "daily"});
        let response = self.send("POST", "", Some(body), true).await;
        assert_eq!(response.status, 201, "{response:?}");
        self.series.push(Series { title, completed: Vec::new(), open: 0, reopenable: None });
    }

    async fn change(&mut self, chosen: usize) {
        let Series { open, reopenable, .. } = self.series[chosen];
        let title = self.series[chosen].title.clone();
        let list = self.send("GET", &format!("?status=pending&limit=100&search={title}"), None, false).await;
        let tasks = list.tasks();
        assert!(tasks.len() == 1 && day_of(tasks[0]["due_date"].as_str()) == open, "{title}, {open}: {list:?}");
        let id = tasks[0]["id"].as_i64().unwrap();
        let number = self.random.below(7);
        match (number, reopenable) {
            (0, Some(completed)) => {
                self.send_about(completed, "PATCH", "/complete", json!({"completed": false}), false).await;
                let series = &mut self.series[chosen];
                series.open = series.completed.pop().expect("a completed task");
                series.reopenable = None;
            }
            (1, _) => {
                self.send_about(id, "POST", "/skip", Value::Null, true).await;
                let series = &mut self.series[chosen];
                (series.open, series.reopenable) = (open + 1, None);
            }
            _ => {
                self.complete(id, number).await;
                let series = &mut self.series[chosen];
                series.completed.push(open);
                (series.open, series.reopenable) = (open + 1, Some(id));
            }
        }
    }

    /// Completes a task in one of the ways that there are. What does not depend on the task can be repeated without a key.
    async fn complete(&mut self, id: i64, way: usize) {
        let has_key = self.random.percent(50);
        match way {
            2 => self.send_about(id, "PATCH", "/toggle", Value::Null, true).await,
            3 => self.send_about(id, "PUT", "", json!({"status": "done"}), has_key).await,
            4 => {
                let body = json!({"task_ids": [id], "completed": true});
                let response = self.send("POST", "/bulk", Some(body), has_key).await;
                assert_eq!((response.status, &response["count"]), (200, &json!(1)), "{response:?}");
            }
            _ => self.send_about(id, "PATCH", "/complete", json!({"completed": true}), has_key).await,
        }
    }

    async fn send_about(&mut self, id: i64, method: &'static str, ending: &str, body: Value, has_key: bool) {
        let body = Some(body).filter(|body| !body.is_null());
        let response = self.send(method, &format!("/{id}{ending}"), body, has_key).await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// Sends a request until its outcome is known.
    async fn send(&mut self, method: &'static str, path: &str, body: Option<Value>, has_key: bool) -> TestResponse {
        self.keys += 1;
        let key = has_key.then(|| format!("series {}", self.keys));
        let request = Request { key, ..Worker::request(method, path, body) };
        for _ in 0..ATTEMPTS {
            if let Some(response) = self.worker.send(&request).await {
                return response;
            }
        }
        unreachable!("{request:?} has no outcome");
    }

    /// Asserts that the rows are those of the series: each completion has made exactly one next task.
    pub(super) fn compare(&self, rows: &[Row]) {
        for Series { title, completed, open, .. } in &self.series {
            let of_series = rows.iter().filter(|row| row.title == *title);
            let mut stored: Vec<_> = of_series.map(|row| (day_of(row.due.as_deref()), row.completed)).collect();
            stored.sort_unstable();
            let done = completed.iter().map(|day| (*day, true));
            let expected: Vec<_> = done.chain([(*open, false)]).collect();
            assert_eq!(stored, expected, "{title}\n{}", self.worker.history_of(title));
        }
        let expected: usize = self.series.iter().map(|series| series.completed.len() + 1).sum();
        assert_eq!(rows.len(), expected);
    }

    /// How many tasks are completed.
    pub(super) fn completions(&self) -> usize {
        self.series.iter().map(|series| series.completed.len()).sum()
    }
}

/// The number of days from [`FIRST_DAY`] to the day at the start of the text.
fn day_of(text: Option<&str>) -> i64 {
    let day: Date = text.and_then(|text| text.get(.."2100-01-01".len())).unwrap().parse().unwrap();
    FIRST_DAY.until(day).unwrap().get_days().into()
}
