//! A statement that was given up is still on its way, while the user goes on: it must not undo what comes later.

use std::time::Duration;

use dev::testing::fault_proxy::End;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Case, Operation, Reply, Site, until};

/// The process of the server that serves a function. It goes on when this is dropped.
struct Backend(Pid);

impl Backend {
    /// Stops it, so that what it is sent lies unread.
    async fn stop(site: &Site, function: &str) -> Self {
        let of_the_function = format!(
            "select pid::bigint from pg_stat_activity where usename = '{}' and application_name = '{function}'",
            site.database.name
        );
        let pid = site.database.number(&of_the_function).await;
        let backend = Self(Pid::from_raw(i32::try_from(pid).unwrap()));
        kill(backend.0, Signal::SIGSTOP).unwrap();
        backend
    }

    /// Lets it read what it was sent, and waits for its end.
    async fn go_on(self) {
        let pid = self.0;
        drop(self);
        until("the process of the server has ended", async || !std::fs::exists(format!("/proc/{pid}")).unwrap()).await;
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Whether something lies unread in a connection to this port.
fn is_unread(port: u16) -> bool {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_here = fields[1].ends_with(&format!(":{port:04X}"));
        let unread = fields[4].split_once(':').is_some_and(|(_, unread)| unread != "00000000");
        is_here && fields[3] == "01" && unread
    })
}

/// The answer to a request, the first execution of which lies in the stopped process, and the second happened elsewhere.
async fn answered_by_another(site: &Site, case: &Case, method: Method, path: &str, body: Option<Value>) -> Reply {
    let (reply, ()) = tokio::join!(site.call(method, path, &case.user, body), async {
        until("the statement has arrived", async || is_unread(site.database.port)).await;
        site.end_all(End::Reset).await;
    });
    reply
}

#[tokio::test]
async fn a_change_that_was_overtaken_by_its_own_repeat_does_not_undo_a_later_one() {
    let site = Site::start().await;
    let set = |completed: bool| Some(json!({"completed": completed}));
    let title = |title: &str| Some(json!({"title": title}));
    for (operation, method, path, first, second) in [
        (Operation::Update, Method::PUT, "", title("A"), title("B")),
        (Operation::Complete, Method::PATCH, "/complete", set(true), set(false)),
        (Operation::Toggle, Method::PATCH, "/toggle", None, None),
    ] {
        site.works(&[operation]).await;
        let case = site.prepare(operation).await;
        let path = format!("/{}{path}", case.task.unwrap());
        let backend = Backend::stop(&site, operation.function()).await;
        let reply = answered_by_another(&site, &case, method.clone(), &path, first).await;
        assert_eq!(reply.status, 200, "{operation:?}: {reply:?}");
        let reply = site.call(method, &path, &case.user, second).await;
        assert_eq!(reply.status, 200, "{operation:?}: {reply:?}");
        let rows = site.database.rows_of(&case.user).await;
        backend.go_on().await;
        assert_eq!(site.database.rows_of(&case.user).await, rows, "{operation:?}: {}", site.stack.logs());
    }
}

#[tokio::test]
async fn a_task_that_was_deleted_does_not_come_back_by_a_create_that_was_overtaken() {
    let site = Site::start().await;
    let case = site.prepare(Operation::Create).await;
    let backend = Backend::stop(&site, "create-task").await;
    let reply = answered_by_another(&site, &case, Method::POST, "", Some(json!({"title": "Buy milk"}))).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let path = format!("/{}", reply.body["id"]);
    assert_eq!(site.call(Method::DELETE, &path, &case.user, None).await.status, 204);
    backend.go_on().await;
    assert_eq!(site.database.rows_of(&case.user).await, []);
}

#[tokio::test]
async fn what_was_fenced_off_is_forgotten_in_the_end() {
    let site = Site::start().await;
    site.database.run("insert into task_fences values ('old', now() - interval '61 minutes'), ('new', now())").await;
    let case = site.prepare(Operation::Toggle).await;
    site.proxy.cut_next_statement(dev::testing::fault_proxy::Cut {
        direction: dev::testing::fault_proxy::Direction::ToClient,
        after_bytes: 0,
        end: End::Reset,
    });
    case.is_done(&site, &case.send(&site).await).await;
    // The first attempt of the request before, and the one that is recent.
    until("the fence is there", async || site.database.number("select count(*) from task_fences").await == 2).await;
    assert_eq!(site.database.number("select count(*) from task_fences where attempt = 'old'").await, 0);
    tokio::time::timeout(Duration::from_secs(5), site.works(&[Operation::Toggle])).await.unwrap();
}
