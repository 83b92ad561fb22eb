//! Recurring tasks, as a back end that knows nothing of them writes them: plain SQL, in every layout.

use tokio::sync::OnceCell;

use crate::kit::{Database, USER_TABLE, connect};
use dev::testing::database::LAYOUTS;
use dev::testing::wait::wait_until;

/// A migrated database and a user of it.
struct Tasks {
    database: Database,
    user: &'static str,
    layout: &'static str,
}

/// A database that the migrations made, and one of each layout. All tests use the same.
async fn all() -> Vec<Tasks> {
    static URLS: OnceCell<Vec<String>> = OnceCell::const_new();
    let urls = URLS.get_or_init(|| async {
        let database = Database::with_sql(USER_TABLE).await;
        database.run("insert into \"user\" values ('ann')").await;
        database.up().await.expect("a fresh database");
        let mut urls = vec![database.url];
        for layout in &LAYOUTS {
            let database = Database::with_layout(layout).await;
            database.run(layout.users).await;
            database.up().await.expect(layout.name);
            urls.push(database.url);
        }
        urls
    });
    let users = [("ann", "fresh")].into_iter().chain(LAYOUTS.iter().map(|layout| (layout.user, layout.name)));
    let mut all = Vec::new();
    for (url, (user, layout)) in urls.await.iter().zip(users) {
        let database = Database { client: connect(url).await, url: url.clone() };
        database.run("set timezone = 'UTC'").await;
        all.push(Tasks { database, user, layout });
    }
    all
}

impl Tasks {
    /// Inserts a task and returns its id.
    async fn insert(&self, columns: &str, values: &str) -> String {
        let Self { database, user, .. } = self;
        database
            .row(&format!(
                "insert into tasks (user_id, title, {columns}) values ('{user}', 'Water', {values}) returning id"
            ))
            .await
    }

    async fn update(&self, id: &str, change: &str) {
        self.database.run(&format!("update tasks set {change} where id = '{id}'")).await;
    }

    async fn complete(&self, id: &str) {
        self.update(id, "completed = true").await;
    }

    async fn reopen(&self, id: &str) {
        self.update(id, "completed = false").await;
    }

    /// An expression about a task.
    async fn get(&self, id: &str, expression: &str) -> String {
        self.database.row(&format!("select {expression} from tasks where id = '{id}'")).await
    }

    /// When a task is due, as its column shows it in UTC.
    async fn due(&self, id: &str) -> String {
        self.get(id, "to_char(due_date, 'YYYY-MM-DD HH24:MI')").await
    }

    /// The ids of the tasks that were made when this one was completed.
    async fn successors(&self, id: &str) -> Vec<String> {
        self.database.rows(&format!("select id from tasks where recurrence_of = '{id}' order by created_at, id")).await
    }

    /// The id of the only one.
    async fn successor(&self, id: &str) -> String {
        let successors = self.successors(id).await;
        assert_eq!(successors.len(), 1, "{}", self.layout);
        successors[0].clone()
    }

    /// Completes a task and each of its successors, and returns when they are due.
    async fn due_dates(&self, id: &str, count: usize) -> Vec<String> {
        let (mut id, mut due_dates) = (id.to_owned(), Vec::new());
        for _ in 0..count {
            self.complete(&id).await;
            id = self.successor(&id).await;
            due_dates.push(self.due(&id).await);
        }
        due_dates
    }
}

#[tokio::test]
async fn completing_makes_the_next_task() {
    for tasks in all().await {
        let id = tasks
            .insert(
                "description, priority, tags, category, due_date, recurrence, time_zone",
                "'Both', 'high', '{home,\"two words\"}', 'plants', '2100-01-05 09:00', 'FREQ=WEEKLY;COUNT=3', 'Asia/Tokyo'",
            )
            .await;
        tasks.complete(&id).await;
        let next = tasks.successor(&id).await;
        let expected =
            "Both | high | {home,\"two words\"} | plants | FREQ=WEEKLY;COUNT=2 | Asia/Tokyo | f | null | null | 1";
        let copied = "description, priority, tags, category, recurrence, time_zone, completed, completed_at, \
                      next_occurrence, version";
        assert_eq!(tasks.get(&next, copied).await, expected, "{}", tasks.layout);
        assert_eq!(tasks.due(&next).await, "2100-01-12 09:00", "{}", tasks.layout);
        assert_eq!(tasks.get(&next, "idempotency_key").await, format!("next:{id}"));
        let completed = "completed, completed_at is not null, to_char(next_occurrence, 'YYYY-MM-DD HH24:MI'), version, \
                         recurrence";
        let expected = "t | t | 2100-01-12 09:00 | 2 | FREQ=WEEKLY;COUNT=3";
        assert_eq!(tasks.get(&id, completed).await, expected, "{}", tasks.layout);
    }
}

#[tokio::test]
async fn one_statement_completes_many_tasks() {
    for tasks in all().await {
        let insert = format!(
            "insert into tasks (user_id, title, recurrence, due_date)
            select '{}', 'Many', case when n % 2 = 0 then 'FREQ=DAILY' end, '2100-01-05' from generate_series(1, 100) as n",
            tasks.user
        );
        tasks.database.run(&insert).await;
        tasks.database.run("update tasks set completed = true where title = 'Many'").await;
        let counts = "select completed, count(*), count(completed_at), count(recurrence_of), count(next_occurrence)
            from tasks where title = 'Many' group by 1 order by 1";
        assert_eq!(tasks.database.rows(counts).await, ["f | 50 | 0 | 50 | 0", "t | 100 | 100 | 0 | 50"]);
    }
}

#[tokio::test]
async fn checking_again_makes_no_second_task() {
    for tasks in all().await {
        let id = tasks.insert("due_date, recurrence", "'2100-01-05 09:00', 'FREQ=DAILY'").await;
        for _ in 0..3 {
            tasks.complete(&id).await;
            tasks.complete(&id).await;
            tasks.reopen(&id).await;
        }
        tasks.complete(&id).await;
        tasks.successor(&id).await;

        // Whoever has begun with the successor keeps it.
        let next = tasks.successor(&id).await;
        tasks.update(&next, "title = 'Water all'").await;
        tasks.reopen(&id).await;
        assert_eq!(tasks.successors(&id).await, [next.clone()], "{}", tasks.layout);
        tasks.complete(&id).await;
        assert_eq!(tasks.successors(&id).await, [next], "{}", tasks.layout);
    }
}

#[tokio::test]
async fn reopening_removes_an_untouched_successor() {
    for tasks in all().await {
        let id = tasks.insert("due_date, recurrence", "'2100-01-05 09:00', 'FREQ=DAILY'").await;
        tasks.complete(&id).await;
        tasks.reopen(&id).await;
        assert_eq!(tasks.successors(&id).await, [""; 0], "{}", tasks.layout);
        let marks = "completed_at, next_occurrence, recurrence, recurrence_start";
        assert_eq!(tasks.get(&id, marks).await, "null | null | FREQ=DAILY | 2100-01-05 09:00:00", "{}", tasks.layout);

        // Also if it has stopped to recur since.
        tasks.complete(&id).await;
        tasks.update(&id, "recurrence = null").await;
        tasks.successor(&id).await;
        tasks.reopen(&id).await;
        assert_eq!(tasks.successors(&id).await, [""; 0], "{}", tasks.layout);
        assert_eq!(tasks.get(&id, marks).await, "null | null | null | null", "{}", tasks.layout);
    }
}

#[tokio::test]
async fn deleted_occurrences_end_or_keep_the_series() {
    for tasks in all().await {
        let delete = async |id: &str| tasks.database.run(&format!("delete from tasks where id = '{id}'")).await;
        let first = tasks.insert("due_date, recurrence", "'2100-01-05 09:00', 'FREQ=DAILY'").await;
        tasks.complete(&first).await;
        let second = tasks.successor(&first).await;
        delete(&first).await;
        tasks.complete(&second).await;
        let third = tasks.successor(&second).await;
        assert_eq!(tasks.due(&third).await, "2100-01-07 09:00", "{}", tasks.layout);

        delete(&third).await;
        for change in ["completed = true", "completed = true, title = 'Again'", "title = 'Once more'"] {
            tasks.update(&second, change).await;
            assert_eq!(tasks.successors(&second).await, [""; 0], "{change}");
        }
        tasks.reopen(&second).await;
        tasks.complete(&second).await;
        tasks.successor(&second).await;
    }
}

#[tokio::test]
async fn the_next_date_is_not_in_the_past() {
    for tasks in all().await {
        for (rule, bound) in [
            ("FREQ=DAILY", "1 day"),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "3 days"),
            ("FREQ=MONTHLY", "31 days"),
            ("FREQ=YEARLY;INTERVAL=2", "731 days"),
        ] {
            let id = tasks.insert("due_date, recurrence", &format!("'1970-01-31 09:00', '{rule}'")).await;
            tasks.complete(&id).await;
            let next = tasks.successor(&id).await;
            let is_next = format!(
                "due_date > now() and due_date <= now() + interval '{bound} 1 hour', to_char(due_date, 'HH24:MI')"
            );
            assert_eq!(tasks.get(&next, &is_next).await, "t | 09:00", "{} {rule}", tasks.layout);
        }
    }
}

#[tokio::test]
async fn month_ends_neither_drift_nor_stick() {
    for tasks in all().await {
        let id = tasks.insert("due_date, recurrence", "'2101-01-31 09:00', 'FREQ=MONTHLY'").await;
        let expected = ["2101-02-28 09:00", "2101-03-31 09:00", "2101-04-30 09:00", "2101-05-31 09:00"];
        assert_eq!(tasks.due_dates(&id, 4).await, expected, "{}", tasks.layout);

        let id = tasks.insert("due_date, recurrence", "'2101-01-31 09:00', 'FREQ=MONTHLY;BYMONTHDAY=31'").await;
        let expected = ["2101-03-31 09:00", "2101-05-31 09:00", "2101-07-31 09:00"];
        assert_eq!(tasks.due_dates(&id, 3).await, expected, "{}", tasks.layout);

        let id =
            tasks.insert("due_date, recurrence", "'2103-02-28 09:00', 'FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=-1'").await;
        assert_eq!(tasks.due_dates(&id, 2).await, ["2104-02-29 09:00", "2105-02-28 09:00"], "{}", tasks.layout);

        let id = tasks.insert("due_date, recurrence", "'2104-02-29 09:00', 'FREQ=YEARLY'").await;
        let expected = ["2105-02-28 09:00", "2106-02-28 09:00", "2107-02-28 09:00", "2108-02-29 09:00"];
        assert_eq!(tasks.due_dates(&id, 4).await, expected, "{}", tasks.layout);
    }
}

#[tokio::test]
async fn a_change_of_clocks_does_not_move_the_hour() {
    for tasks in all().await {
        // An instant has the marker in a column without a time zone, and needs none in the other.
        let instant = "2030-03-28 08:00";
        let id = tasks
            .insert(
                "due_date, due_date_marker, recurrence, time_zone",
                &format!("'{instant}', '{instant}', 'FREQ=DAILY', 'Europe/Berlin'"),
            )
            .await;
        if tasks.get(&id, "pg_typeof(due_date) = 'timestamptz'::regtype").await == "t" {
            tasks.update(&id, "due_date_marker = null").await;
        }
        let expected = ["2030-03-29 08:00", "2030-03-30 08:00", "2030-03-31 07:00", "2030-04-01 07:00"];
        assert_eq!(tasks.due_dates(&id, 4).await, expected, "{}", tasks.layout);

        // A floating time is one by the clock on the wall already.
        tasks.update(&id, "completed = false").await;
        let floating = "'2030-03-30 09:00', case pg_typeof((null::tasks).due_date)
            when 'timestamptz'::regtype then timestamp '2030-03-30 09:00' end, 'FREQ=DAILY', 'Europe/Berlin'";
        let id = tasks.insert("due_date, due_date_marker, recurrence, time_zone", floating).await;
        let expected = ["2030-03-31 09:00", "2030-04-01 09:00"];
        assert_eq!(tasks.due_dates(&id, 2).await, expected, "{}", tasks.layout);
    }
}

#[tokio::test]
async fn a_series_ends_with_its_count_or_date() {
    for tasks in all().await {
        for (rule, count) in [
            ("FREQ=DAILY;COUNT=3", 2),
            ("FREQ=DAILY;UNTIL=21000107", 2),
            ("FREQ=DAILY;UNTIL=21000107T090000", 2),
            ("FREQ=DAILY;UNTIL=21000107T085959Z", 1),
        ] {
            let mut id = tasks.insert("due_date, recurrence", &format!("'2100-01-05 09:00', '{rule}'")).await;
            for _ in 0..count {
                tasks.complete(&id).await;
                id = tasks.successor(&id).await;
            }
            tasks.complete(&id).await;
            assert_eq!(tasks.successors(&id).await, [""; 0], "{} {rule}", tasks.layout);
            assert_eq!(tasks.get(&id, "completed, next_occurrence").await, "t | null");
        }
    }
}

#[tokio::test]
async fn a_moved_due_date_begins_another_series() {
    for tasks in all().await {
        let start = "recurrence_start";
        let id = tasks.insert("due_date, recurrence", "'2101-01-31 09:00', 'FREQ=MONTHLY;COUNT=9'").await;
        for (change, expected) in [
            ("title = 'Other'", "2101-01-31 09:00:00"),
            ("due_date = '2101-02-28 09:00', recurrence = 'FREQ=MONTHLY;COUNT=8'", "2101-01-31 09:00:00"),
            ("due_date = '2101-03-15 09:00'", "2101-03-15 09:00:00"),
            ("due_date = '2101-04-15 10:00'", "2101-04-15 10:00:00"),
            ("due_date = '2101-05-15 10:00'", "2101-04-15 10:00:00"),
            ("recurrence = 'FREQ=MONTHLY;INTERVAL=2'", "2101-05-15 10:00:00"),
            ("recurrence = null", "null"),
            ("recurrence = 'FREQ=DAILY'", "2101-05-15 10:00:00"),
        ] {
            tasks.update(&id, change).await;
            assert_eq!(tasks.get(&id, start).await, expected, "{} {change}", tasks.layout);
        }
    }
}

#[tokio::test]
async fn a_recurrence_without_due_date_begins_today() {
    for tasks in all().await {
        let today = "due_date::timestamp = (now() at time zone 'Pacific/Kiritimati')::date, due_is_date,
            (due_date_marker is not null) = (pg_typeof(due_date) = 'timestamptz'::regtype)";
        let id = tasks.insert("recurrence, time_zone", "'FREQ=DAILY', 'Pacific/Kiritimati'").await;
        assert_eq!(tasks.get(&id, today).await, "t | t | t", "{}", tasks.layout);
        tasks.complete(&id).await;
        let next = tasks.successor(&id).await;
        let tomorrow = today.replace("::date,", "::date + 1,");
        assert_eq!(tasks.get(&next, &tomorrow).await, "t | t | t", "{}", tasks.layout);

        let id = tasks.insert("time_zone", "'Pacific/Kiritimati'").await;
        tasks.update(&id, "recurrence = 'FREQ=DAILY'").await;
        assert_eq!(tasks.get(&id, today).await, "t | t | t", "{}", tasks.layout);
    }
}

/// A date is over when its day ends in the zone of the task, so that of today is not in the past.
#[tokio::test]
async fn dates_recur_by_calendar() {
    for tasks in all().await {
        for (zone, days_late, expected) in
            [("Pacific/Kiritimati", 0, 1), ("Pacific/Kiritimati", 1, 0), ("Pacific/Niue", 1, 0), ("Pacific/Niue", 9, 0)]
        {
            let values = format!(
                "(now() at time zone '{zone}')::date - {days_late}, case pg_typeof((null::tasks).due_date)
                    when 'timestamptz'::regtype then ((now() at time zone '{zone}')::date - {days_late})::timestamp end,
                'FREQ=DAILY', '{zone}'"
            );
            let id = tasks.insert("due_date, due_date_marker, recurrence, time_zone", &values).await;
            tasks.complete(&id).await;
            let next = tasks.successor(&id).await;
            let days = format!("due_date::date - (now() at time zone '{zone}')::date, to_char(due_date, 'HH24:MI')");
            assert_eq!(tasks.get(&next, &days).await, format!("{expected} | 00:00"), "{} {zone}", tasks.layout);
        }
    }
}

#[tokio::test]
async fn completion_times_are_kept() {
    for tasks in all().await {
        let id = tasks.insert("description", "'Once'").await;
        let is_now = "completed_at between now() - interval '1 minute' and now()";
        assert_eq!(tasks.get(&id, "completed_at").await, "null", "{}", tasks.layout);
        tasks.complete(&id).await;
        let first = tasks.get(&id, "completed_at").await;
        assert_eq!(tasks.get(&id, is_now).await, "t", "{}", tasks.layout);
        tasks.complete(&id).await;
        tasks.update(&id, "title = 'Other'").await;
        assert_eq!(tasks.get(&id, "completed_at").await, first, "{}", tasks.layout);
        tasks.reopen(&id).await;
        assert_eq!(tasks.get(&id, "completed_at").await, "null", "{}", tasks.layout);
        tasks.update(&id, "completed = true, completed_at = '2020-01-01 00:00Z'").await;
        assert_eq!(tasks.get(&id, "completed_at = '2020-01-01 00:00Z'").await, "t", "{}", tasks.layout);

        let id = tasks.insert("completed", "true").await;
        assert_eq!(tasks.get(&id, is_now).await, "t", "{}", tasks.layout);
    }
}

/// Sixteen devices wait for the same rows, and get them one after another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_complete_at_once_make_one_successor() {
    const DEVICES: usize = 16;
    for tasks in all().await {
        let Tasks { database, layout, .. } = &tasks;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(tasks.insert("due_date, recurrence", "'2100-01-05 09:00', 'FREQ=DAILY'").await);
        }
        let list = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        let holder = connect(&database.url).await;
        holder
            .batch_execute(&format!("begin; select from tasks where id in ({list}) for update"))
            .await
            .expect("a lock");
        let mut devices = Vec::new();
        for number in 0..DEVICES {
            let device = connect(&database.url).await;
            let ids = ids.clone();
            // Half of them uncheck the tasks in between.
            let states: &[bool] = if number % 2 == 0 { &[true] } else { &[true, false, true] };
            devices.push(tokio::spawn(async move {
                for id in &ids {
                    for state in states {
                        let sql = format!("update tasks set completed = {state} where id = '{id}'");
                        device.batch_execute(&sql).await.expect("no conflict");
                    }
                }
            }));
        }
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        wait_until("every device waits", async || database.row(waiting).await == DEVICES.to_string()).await;
        holder.batch_execute("commit").await.expect("the end");
        for device in devices {
            device.await.expect("no statement fails");
        }
        for id in &ids {
            let next = tasks.successor(id).await;
            assert_eq!(tasks.due(&next).await, "2100-01-06 09:00", "{layout}");
            assert_eq!(tasks.get(id, "completed, next_occurrence is not null").await, "t | t", "{layout}");
        }
    }
}
