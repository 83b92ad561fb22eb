//! Statements that are prepared on the connection of a function.

use dev::services::database::connect;
use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings, can_track_statements};
use dev::testing::fault_proxy::{End, FaultProxy};
use dev::testing::report_skipped;

use crate::env::{ALL_OPERATIONS, DirectFunction, FaultDatabase, Operation, PASSWORD, TestEnv};

/// The operations whose statement is prepared when the function starts: that of a front end that follows changes, not the
/// first one.
const PREPARED_AT_START: [Operation; 7] = [
    Operation::List,
    Operation::Get,
    Operation::Stats,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
];
/// Those among them that are about one task.
const ON_ONE_TASK: [Operation; 5] =
    [Operation::Get, Operation::Update, Operation::Toggle, Operation::Complete, Operation::Delete];
/// What is logged once when no statement is prepared any more.
const TURNED_OFF: &str = "no statement is prepared any more";

/// A function with a proxy that counts.
struct CountedFunction<'a> {
    env: &'a TestEnv,
    proxy: FaultProxy,
    function: DirectFunction,
    operation: Operation,
}

impl<'a> CountedFunction<'a> {
    /// Starts a function whose database is at this port.
    async fn start(env: &'a TestEnv, port: u16, operation: Operation) -> Self {
        let proxy = FaultProxy::start(([127, 0, 0, 1], port).into()).await.unwrap();
        let url = env.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
        let function = DirectFunction::start(operation, &url, &[]).await;
        Self { env, proxy, function, operation }
    }

    /// Sends a request, asserts that it is done, and returns how many statements were parsed meanwhile.
    async fn parsed_by_request(&mut self) -> usize {
        let case = self.env.prepare(self.operation).await;
        let parsed = self.proxy.parsed_statements();
        let response = self.function.send(&case).await;
        self.env.assert_done(&case, &response).await;
        self.proxy.parsed_statements() - parsed
    }

    /// Sends requests until one of them parses nothing. A preparation does not delay the request after it.
    async fn wait_until_prepared(&mut self) {
        for _ in 0..20 {
            if self.parsed_by_request().await == 0 {
                return;
            }
        }
        unreachable!("{:?} is not prepared", self.operation);
    }

    fn times_turned_off(&self) -> usize {
        self.function.0.output().matches(TURNED_OFF).count()
    }
}

/// A pooler in front of the database. The stack does not use it.
async fn start_pooler(database: &FaultDatabase, tracks_statements: bool) -> PgBouncer {
    let settings = PgBouncerSettings::new(database.port, &database.name, PASSWORD);
    PgBouncer::start(PgBouncerSettings { tracks_statements, ..settings }).await.unwrap()
}

#[tokio::test]
async fn warm_request_parses_no_statement() {
    let env = TestEnv::start_cold(|settings| settings).await;
    for operation in ALL_OPERATIONS {
        let mut function = CountedFunction::start(&env, env.database.port, operation).await;
        if PREPARED_AT_START.contains(&operation) {
            assert_eq!(function.parsed_by_request().await, 0, "{operation:?}");
        }
        function.wait_until_prepared().await;
    }
}

#[tokio::test]
async fn new_connection_prepares_without_delay() {
    let env = TestEnv::start_cold(|settings| settings).await;
    for operation in ALL_OPERATIONS {
        let mut function = CountedFunction::start(&env, env.database.port, operation).await;
        let round_trips_of_start = function.proxy.round_trips();
        function.parsed_by_request().await;
        let round_trips_of_request = function.proxy.round_trips() - round_trips_of_start;
        function.proxy.close_all(End::Close).await.unwrap();
        let before = function.proxy.round_trips();
        assert!(function.parsed_by_request().await >= 1, "{operation:?}");
        // Not more than those of a start, whose last one is a check of the tables, and the preparation that follows the
        // response. Fewer if the server's messages arrive together.
        let round_trips = function.proxy.round_trips() - before;
        assert!(
            round_trips <= round_trips_of_start + 1,
            "{operation:?}: {round_trips}, at start {round_trips_of_start}, warm {round_trips_of_request}"
        );
        function.wait_until_prepared().await;
    }
}

#[tokio::test]
async fn pooler_without_tracking_gets_unnamed_statements() {
    let env = TestEnv::start_cold(|settings| settings).await;
    let pooler = start_pooler(&env.database, false).await;
    // Two connections to the server, and statements of the same name on both.
    let start = || CountedFunction::start(&env, pooler.port(), Operation::Get);
    let mut functions = [start().await, start().await];
    for _ in 0..5 {
        for function in &mut functions {
            function.parsed_by_request().await;
        }
    }
    for function in &mut functions[1..] {
        assert_eq!(function.parsed_by_request().await, 1);
        assert_eq!(function.times_turned_off(), 1, "{}", function.function.0.output());
    }
}

#[tokio::test]
async fn pooler_with_tracking_gets_prepared_statements() {
    if !can_track_statements().await.unwrap() {
        return report_skipped("this PgBouncer does not track prepared statements, 1.21 and newer do");
    }
    let env = TestEnv::start_cold(|settings| settings).await;
    let pooler = start_pooler(&env.database, true).await;
    for operation in PREPARED_AT_START {
        let mut function = CountedFunction::start(&env, pooler.port(), operation).await;
        for _ in 0..3 {
            assert_eq!(function.parsed_by_request().await, 0, "{operation:?}");
        }
        assert_eq!(function.times_turned_off(), 0);
    }
}

#[tokio::test]
async fn statement_of_another_client_is_never_executed() {
    let env = TestEnv::start_cold(|settings| settings).await;
    let pooler = start_pooler(&env.database, false).await;
    let url = env.database.url(pooler.port(), "127.0.0.1", "sslmode=disable");
    let (first, second) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    // Each has one of the two connections to the server. The names are those that the driver gives.
    first.batch_execute("begin").await.unwrap();
    second.batch_execute("begin").await.unwrap();
    for number in 0..3 {
        let other = format!("prepare s{number} (text, integer) as delete from tasks where user_id = $1 and id = $2");
        second.batch_execute(&other).await.unwrap();
    }
    // The function prepares on the connection of the first, and executes on that of the second.
    first.batch_execute("commit").await.unwrap();
    let mut function = CountedFunction::start(&env, pooler.port(), Operation::Get).await;
    first.batch_execute("begin").await.unwrap();
    second.batch_execute("commit").await.unwrap();
    let case = env.prepare(Operation::Get).await;
    let response = function.function.send(&case).await;
    env.assert_done(&case, &response).await;
    assert_eq!(function.times_turned_off(), 1, "{}", function.function.0.output());
    assert_eq!(function.parsed_by_request().await, 1);
}

#[tokio::test]
async fn changed_columns_do_not_fail_prepared_statements() {
    let env = TestEnv::start_cold(|settings| settings).await;
    for operation in ALL_OPERATIONS {
        let mut function = CountedFunction::start(&env, env.database.port, operation).await;
        function.wait_until_prepared().await;
        // The parameters and the result have other types then.
        for (title, due_date) in [("text", "timestamp"), ("varchar(255)", "timestamptz")] {
            let changed = format!(
                "set time zone 'UTC'; alter table tasks alter title type {title}, alter due_date type {due_date}"
            );
            env.database.run(&changed).await;
            function.parsed_by_request().await;
            function.parsed_by_request().await;
        }
        assert_eq!(function.times_turned_off(), 0);
    }
}

#[tokio::test]
async fn prepared_statements_take_ids_of_a_wider_type() {
    let env = TestEnv::start_cold(|settings| settings).await;
    for operation in ON_ONE_TASK {
        let mut case = env.prepare(operation).await;
        env.database.run("alter table tasks alter id type smallint").await;
        let mut function = CountedFunction::start(&env, env.database.port, operation).await;
        // The first request sends what the start prepares.
        let absent = env.database.number("select max(id)::bigint + 1 from tasks").await;
        let id = case.task.replace(i32::try_from(absent).unwrap()).unwrap();
        assert_eq!(function.function.send(&case).await.status, 404, "{operation:?}");
        env.database
            .run(&format!(
                "alter table tasks alter id type integer, disable trigger user;
                update tasks set id = 100000 where id = {id};
                alter table tasks enable trigger user"
            ))
            .await;
        case.task = Some(100_000);
        let response = function.function.send(&case).await;
        env.assert_done(&case, &response).await;
        env.database.run("delete from tasks").await;
    }
}

#[tokio::test]
async fn pooler_with_tracking_shows_columns_in_their_new_type() {
    if !can_track_statements().await.unwrap() {
        return report_skipped("this PgBouncer does not track prepared statements, 1.21 and newer do");
    }
    let env = TestEnv::start_cold(|settings| settings).await;
    let pooler = start_pooler(&env.database, true).await;
    for change in ["alter due_date type timestamp", "alter id type bigint"] {
        let mut function = CountedFunction::start(&env, pooler.port(), Operation::Get).await;
        function.wait_until_prepared().await;
        let case = env.prepare(Operation::Get).await;
        env.database
            .run(&format!(
                "set time zone 'UTC'; update tasks set due_date = '2026-11-21 10:00'; alter table tasks {change}"
            ))
            .await;
        // The pooler prepares the statement on a new connection, without an error.
        env.database.terminate().await;
        let response = function.function.send(&case).await;
        let mut fresh = CountedFunction::start(&env, pooler.port(), Operation::Get).await;
        let expected = fresh.function.send(&case).await;
        assert_eq!((response.status, &response.json), (expected.status, &expected.json), "{change}");
        assert_eq!(response.status, 200);
    }
}
