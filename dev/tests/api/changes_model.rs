//! Clients that only follow changes know in the end what the table has, whatever is written meanwhile.
//!
//! `CHANGES_WRITES` is the number of writes of each writer, `CHANGES_SEED` replays what they choose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dev::testing::client::{Follower, TaskId, TestUser};
use dev::testing::random::SeededRandom;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio_postgres::Client;

use crate::kit::{api, database, schema};

const WRITERS: u64 = 8;
const READERS: u64 = 3;
const USERS: usize = 3;
/// Enough for some hundred transactions that overlap.
const WRITES: u64 = 40;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[tokio::test]
async fn readers_that_follow_changes_know_the_table() {
    let seed = setting("CHANGES_SEED").unwrap_or_else(dev::tokens::now);
    let writes = setting("CHANGES_WRITES").unwrap_or(WRITES);
    println!("CHANGES_SEED={seed} CHANGES_WRITES={writes}");
    let mut users = Vec::new();
    for _ in 0..USERS {
        users.push(api().new_user().await);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            let random = SeededRandom::new(seed ^ (number + 100) << 32);
            tokio::spawn(read(users.clone(), random, Arc::clone(&is_over)))
        })
        .collect();
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let sql = database::connect().await;
        sql.batch_execute("set lock_timeout = '200ms'").await.expect("a setting");
        let random = SeededRandom::new(seed ^ number << 32);
        let writer = Writer { users: users.clone(), sql, random, committed: 0, refused: 0 };
        writers.push(tokio::spawn(writer.run(writes)));
    }
    let writers = try_join_all(writers).await.expect("writers");
    is_over.store(true, Ordering::Relaxed);
    let readers = try_join_all(readers).await.expect("readers");
    let (committed, refused) = writers.iter().fold((0, 0), |sum, writer| (sum.0 + writer.0, sum.1 + writer.1));
    println!("{committed} writes took effect, {refused} waited too long");
    for (at, user) in users.iter().enumerate() {
        let listed = user.get("/api/tasks").await.expect_status(200);
        let tasks: BTreeMap<_, _> =
            listed.tasks().into_iter().map(|task| (TaskId::from_task(task), task.clone())).collect();
        let rows: BTreeSet<_> = database::rows_of(user).await.iter().map(TaskId::from_task).collect();
        assert_eq!(tasks.keys().cloned().collect::<BTreeSet<_>>(), rows);
        for (number, reader) in readers.iter().enumerate() {
            let known = &reader[at].tasks;
            let missed: Vec<_> = tasks.iter().filter(|(id, task)| known.get(id) != Some(task)).collect();
            let kept: Vec<_> = known.keys().filter(|id| !tasks.contains_key(id)).collect();
            assert!(missed.is_empty() && kept.is_empty(), "reader {number} missed {missed:?}, and kept {kept:?}");
        }
    }
    // The test must have tried enough.
    assert!(committed > writes * WRITERS / 2, "{committed}");
}

/// Follows the changes of all users until the writers are done, and once more. Sometimes starts again.
async fn read(users: Vec<TestUser>, mut random: SeededRandom, is_over: Arc<AtomicBool>) -> Vec<Follower> {
    let limits = [1, 2, 3, 5, 10, 1000];
    let mut followers: Vec<Follower> = users.iter().map(Follower::new).collect();
    while !is_over.load(Ordering::Relaxed) {
        let at = random.below(followers.len());
        if random.percent(3) {
            followers[at] = Follower::new(&users[at]);
        }
        followers[at].next_page(limits[random.below(limits.len())]).await.expect_status(200);
    }
    for follower in &mut followers {
        // The pages that have begun, and what has changed since.
        for _ in 0..2 {
            follower.catch_up(limits[random.below(limits.len())]).await;
        }
    }
    followers
}

/// Writes through the API, and transactions as the old back end and its operators do.
struct Writer {
    users: Vec<TestUser>,
    sql: Client,
    random: SeededRandom,
    committed: u64,
    refused: u64,
}

impl Writer {
    /// Returns how many writes took effect, and how many were refused because they waited for another one.
    async fn run(mut self, writes: u64) -> (u64, u64) {
        for _ in 0..writes {
            let user = self.users[self.random.below(self.users.len())].clone();
            if self.random.below(2) == 0 {
                self.request(&user).await;
            } else {
                let result = self.transaction(&user).await;
                if self.count(result.is_ok()) {
                    continue;
                }
                self.sql.batch_execute("rollback").await.expect("a rollback");
            }
        }
        (self.committed, self.refused)
    }

    fn count(&mut self, is_done: bool) -> bool {
        *(if is_done { &mut self.committed } else { &mut self.refused }) += 1;
        is_done
    }

    async fn request(&mut self, user: &TestUser) {
        let body = json!({"title": format!("By the API {}", self.random.below(1000))});
        let id = self.some_id(user).await;
        let path = format!("/api/tasks/{}", id.as_deref().unwrap_or("0"));
        let response = match self.random.below(6) {
            0 | 1 => user.post("/api/tasks", &body).await,
            2 | 3 => user.patch(&path, &body).await,
            4 => user.patch(&format!("{path}/toggle"), &json!({})).await,
            _ => user.delete(&path).await,
        };
        assert!([200, 201, 204, 404, 503].contains(&response.status), "{response:?}");
        self.count(response.status < 300);
    }

    /// Some statements in one transaction, which others overtake.
    async fn transaction(&mut self, user: &TestUser) -> Result<(), tokio_postgres::Error> {
        self.sql.batch_execute("begin").await?;
        if self.random.below(2) == 0 {
            self.sql.batch_execute("select pg_current_xact_id()").await?;
        }
        for _ in 0..=self.random.below(4) {
            self.let_others_write(user).await;
            let savepoint = self.random.below(3);
            if savepoint > 0 {
                self.sql.batch_execute("savepoint one").await?;
            }
            self.statement(user).await?;
            match savepoint {
                1 => self.sql.batch_execute("release one").await?,
                2 => self.sql.batch_execute("rollback to one").await?,
                _ => {}
            }
        }
        self.let_others_write(user).await;
        self.sql.batch_execute(if self.random.percent(80) { "commit" } else { "rollback" }).await
    }

    async fn statement(&mut self, user: &TestUser) -> Result<(), tokio_postgres::Error> {
        let users = schema::user_table();
        let owner = format!("(select id from {users} where id::text = $1)");
        let insert = |columns: &str, values: &str| {
            format!(
                "insert into tasks ({columns}user_id, title, completed, created_at, updated_at)
                 overriding system value
                 select {values}{owner}, left(md5(random()::text), 8), false, now(), now()"
            )
        };
        let some = |limit: usize| {
            format!(
                "id in (select id from tasks where user_id = {owner} order by random() limit {limit})
                 and user_id = {owner}"
            )
        };
        let rows = 1 + self.random.below(4);
        let other = &self.users[self.random.below(self.users.len())];
        match self.random.below(6) {
            0 => {
                let statement = insert("", "").replace("overriding system value", "");
                self.sql.execute(&format!("{statement} from generate_series(1, {rows})"), &[&user.id]).await?;
            }
            1 | 2 => {
                let change = format!("update tasks set title = left(md5(random()::text), 8) where {}", some(rows));
                self.sql.execute(&change, &[&user.id]).await?;
            }
            3 => {
                self.sql.execute(&format!("delete from tasks where {}", some(rows.min(2))), &[&user.id]).await?;
            }
            4 => {
                let give = format!(
                    "update tasks set user_id = (select id from {users} where id::text = $2) where {}",
                    some(rows)
                );
                self.sql.execute(&give, &[&user.id, &other.id]).await?;
            }
            // The same id again, perhaps after another transaction has begun to wait for it.
            _ => {
                let Some(id) = self.some_id(user).await else { return Ok(()) };
                let delete = "delete from tasks where id::text = $1 and user_id::text = $2";
                if self.sql.execute(delete, &[&id, &user.id]).await? == 1 {
                    self.let_others_write(user).await;
                    let literal = if schema::has_number_ids() { format!("{id}, ") } else { format!("'{id}', ") };
                    self.sql.execute(&insert("id, ", &literal), &[&user.id]).await?;
                }
            }
        }
        Ok(())
    }

    /// The id of one of the user's tasks.
    async fn some_id(&self, user: &TestUser) -> Option<String> {
        let some = "select id::text from tasks where user_id::text = $1 order by random() limit 1";
        self.sql.query_opt(some, &[&user.id]).await.ok().flatten().map(|row| row.get(0))
    }

    /// Keeps a transaction open for as long as some requests take that wait for no lock.
    async fn let_others_write(&mut self, user: &TestUser) {
        for _ in 0..self.random.below(4) {
            user.get("/api/tasks?limit=1").await.expect_status(200);
        }
    }
}
