//! Delayed attempts: a statement that was retried must not undo later changes when it arrives.

use std::time::Duration;

use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::{Cut, Direction, End};
use dev::testing::wait::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::env::{Operation, TaskCase, TestEnv};

/// The server process of a function. It continues when this is dropped.
pub(crate) struct Backend(Pid);

impl Backend {
    /// Stops it, so that it does not read what it is sent.
    pub(crate) async fn stop(env: &TestEnv, function: &str) -> Self {
        let of_the_function = format!(
            "select pid::bigint from pg_stat_activity where usename = '{}' and application_name = '{function}'",
            env.database.name
        );
        let pid = env.database.number(&of_the_function).await;
        let backend = Self(Pid::from_raw(i32::try_from(pid).unwrap()));
        kill(backend.0, Signal::SIGSTOP).unwrap();
        backend
    }

    /// Lets it read what it was sent, and waits until it exits.
    pub(crate) async fn resume(self) {
        let pid = self.0;
        drop(self);
        wait_until("the server process has ended", async || !std::fs::exists(format!("/proc/{pid}")).unwrap()).await;
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Whether a connection to this port has unread bytes.
pub(crate) fn has_unread_bytes(port: u16) -> bool {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_here = fields[1].ends_with(&format!(":{port:04X}"));
        let unread = fields[4].split_once(':').is_some_and(|(_, unread)| unread != "00000000");
        is_here && fields[3] == "01" && unread
    })
}

/// The response to a request whose first attempt is in the stopped process, and whose second attempt was executed.
pub(crate) async fn send_with_delayed_attempt(
    env: &TestEnv,
    case: &TaskCase,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> TestResponse {
    let (response, ()) = tokio::join!(case.send_request(method, path, body), async {
        wait_until("the statement has arrived", async || has_unread_bytes(env.database.port)).await;
        env.close_connections(End::Reset).await;
    });
    response
}

#[tokio::test]
async fn delayed_attempt_does_not_undo_a_later_change() {
    let env = TestEnv::start().await;
    let set = |completed: bool| Some(json!({"completed": completed}));
    let title = |title: &str| Some(json!({"title": title}));
    for (operation, method, path, first, second) in [
        (Operation::Update, "PUT", "", title("A"), title("B")),
        (Operation::Complete, "PATCH", "/complete", set(true), set(false)),
        (Operation::Toggle, "PATCH", "/toggle", None, None),
    ] {
        env.assert_works(&[operation]).await;
        let case = env.prepare(operation).await;
        let path = case.task_path() + path;
        let backend = Backend::stop(&env, operation.function()).await;
        let response = send_with_delayed_attempt(&env, &case, method, &path, first.as_ref()).await;
        assert_eq!(response.status, 200, "{operation:?}: {response:?}");
        let response = case.send_request(method, &path, second.as_ref()).await;
        assert_eq!(response.status, 200, "{operation:?}: {response:?}");
        let rows = env.database.rows_of(&case.user).await;
        backend.resume().await;
        assert_eq!(env.database.rows_of(&case.user).await, rows, "{operation:?}: {}", env.stack.logs());
    }
}

#[tokio::test]
async fn delayed_create_does_not_restore_a_deleted_task() {
    let env = TestEnv::start().await;
    let case = env.prepare(Operation::Create).await;
    let backend = Backend::stop(&env, "create-task").await;
    let response =
        send_with_delayed_attempt(&env, &case, "POST", "/api/tasks", Some(&json!({"title": "Buy milk"}))).await;
    assert_eq!(response.status, 201, "{response:?}");
    let path = format!("/api/tasks/{}", response["id"]);
    assert_eq!(case.user.delete(&path).await.status, 204);
    backend.resume().await;
    assert_eq!(env.database.rows_of(&case.user).await, []);
}

#[tokio::test]
async fn old_fences_are_deleted() {
    let env = TestEnv::start().await;
    env.database
        .run("insert into tasks_api.task_fences values ('old', now() - interval '61 minutes'), ('new', now())")
        .await;
    let case = env.prepare(Operation::Toggle).await;
    env.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset });
    env.assert_done(&case, &case.send().await).await;
    // The fence of the retried request, and the recent one.
    wait_until("the fences are stored", async || {
        env.database.number("select count(*) from tasks_api.task_fences").await == 2
    })
    .await;
    assert_eq!(env.database.number("select count(*) from tasks_api.task_fences where attempt = 'old'").await, 0);
    tokio::time::timeout(Duration::from_secs(5), env.assert_works(&[Operation::Toggle])).await.unwrap();
}
