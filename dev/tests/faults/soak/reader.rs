//! Users who only follow changes.

use std::collections::BTreeMap;

use dev::testing::client::{Follower, TaskId, TestResponse, TestUser};
use dev::testing::random::SeededRandom;
use serde_json::json;
use tokio::sync::watch;

use super::journal::WorkerJournal;
use super::model::State;

/// The most changes of a page.
const LIMIT: usize = 10;
/// More pages than the changes of a user fill.
const ATTEMPTS: usize = 1000;

/// Follows the changes of one user.
pub(super) struct Reader {
    follower: Follower,
    random: SeededRandom,
    journal: WorkerJournal,
    pub(super) counts: ReaderCounts,
}

/// What has happened to the requests of a reader.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReaderCounts {
    pub(super) pages: usize,
    /// How often the token was of another epoch.
    pub(super) restarts: usize,
}

impl Reader {
    pub(super) fn new(user: &TestUser, random: SeededRandom, journal: WorkerJournal) -> Self {
        Self { follower: Follower::new(user), random, journal, counts: ReaderCounts::default() }
    }

    /// Asks for a page every few requests of the workers until all are sent.
    pub(super) async fn run(mut self, mut sent: watch::Receiver<usize>, requests: usize) -> Self {
        let mut next = 0;
        while next < requests {
            let seen = *sent.wait_for(|sent| *sent >= next).await.expect("workers send");
            next = seen + 1 + self.random.below(LIMIT);
            self.read().await;
        }
        self
    }

    /// Gets a page. `None` if the response has none: it changes nothing, or says to start again.
    async fn read(&mut self) -> Option<TestResponse> {
        let limit = 1 + self.random.below(LIMIT);
        let response = self.follower.next_page(limit).await;
        self.journal.note(format_args!("{} got {} {}", response.request, response.status, response.json));
        match response.status {
            200 => {
                self.counts.pages += 1;
                return Some(response);
            }
            410 => self.counts.restarts += 1,
            status => assert!(status == 503 && response.retry_after().is_some(), "{response:?}"),
        }
        None
    }

    /// The tasks of the user, after the last change. Faults may have left connections that fail.
    pub(super) async fn finish(&mut self) -> BTreeMap<i64, State> {
        for _ in 0..ATTEMPTS {
            let Some(page) = self.read().await else { continue };
            // The last of several pages is as old as the first, so there can be changes after it.
            if page["changes"] == json!([]) && page["has_more"] == false {
                return self.tasks();
            }
        }
        unreachable!("the changes do not end: {:?}", self.follower.token);
    }

    fn tasks(&self) -> BTreeMap<i64, State> {
        let tasks = self.follower.tasks.iter().map(|(id, task)| match id {
            TaskId::Number(id) => (*id, State::from_task(task)),
            TaskId::Text(id) => unreachable!("{id} is no number"),
        });
        tasks.collect()
    }

    /// The events of the user's requests about a task.
    pub(super) fn history_of(&self, id: i64) -> String {
        self.journal.about_task(id)
    }
}
