//! The time that Lambda gives a request ends at any moment, also before it has begun.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::testing::fault_proxy::{Direction, End, FaultProxy, Flow};
use futures_util::future::join_all;

use crate::lone::Lone;
use crate::site::{Case, ONE_OF_EACH_FUNCTION, Operation, Reply, Site};

/// What a function keeps of its time to hand the answer over.
const KEPT: Duration = Duration::from_millis(700);

/// A function, with a proxy that only it uses.
struct Patient {
    site: Arc<Site>,
    proxy: FaultProxy,
    function: Lone,
    operation: Operation,
}

impl Patient {
    async fn new(site: Arc<Site>, operation: Operation) -> Self {
        let proxy = FaultProxy::start(([127, 0, 0, 1], site.database.port).into()).await.unwrap();
        let url = site.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
        let function = Lone::start(operation, &url, &[]).await;
        Self { site, proxy, function, operation }
    }

    async fn works(&mut self) {
        let case = self.site.prepare(self.operation).await;
        let reply = self.function.send(&case).await;
        case.is_done(&self.site, &reply).await;
    }

    /// A case with so much time, beyond what is kept.
    async fn within(&mut self, time: Duration) -> (Case, Reply) {
        let case = self.site.prepare(self.operation).await;
        let reply = self.function.send_by(SystemTime::now() + KEPT + time, &case).await;
        (case, reply)
    }
}

async fn is_put_off_at_once(site: Arc<Site>, operation: Operation) {
    let mut patient = Patient::new(site, operation).await;
    // Before there is a connection, and when there is one.
    for _ in 0..2 {
        let executed = patient.proxy.answered_statements();
        let now = SystemTime::now();
        for deadline in [now - Duration::from_secs(300), now, now + Duration::from_millis(50), now + KEPT] {
            let case = patient.site.prepare(operation).await;
            let reply = patient.function.send_by(deadline, &case).await;
            case.is_put_off(&patient.site, &reply).await;
            assert_eq!(reply.retry_after, Some(1));
        }
        patient.works().await;
        // Whatever had been sent would have been answered by now.
        assert_eq!(patient.proxy.answered_statements() - executed, 1, "{operation:?}");
    }
}

#[tokio::test]
async fn a_deadline_that_is_near_or_past_is_answered_and_no_statement_is_sent() {
    let site = Arc::new(Site::start_cold(|settings| settings).await);
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| is_put_off_at_once(Arc::clone(&site), operation))).await;
}

/// How the cases of a sweep ended.
#[derive(Debug, Default)]
struct Ends {
    done: u32,
    given_up_before: u32,
    given_up_after: u32,
}

/// Gives each of many requests a millisecond more than the one before, so that they end wherever something is waited
/// for: at each message of the sign-in, at the statement, and at its answer.
async fn happens_once_or_not_at_all(site: Arc<Site>, operation: Operation, is_cold: bool) {
    let mut patient = Patient::new(site, operation).await;
    patient.works().await;
    // Longer than a tick of the clock, so that no wait is passed over.
    for way in [Direction::ToServer, Direction::ToClient] {
        patient.proxy.set_flow(way, Flow::Delay(Duration::from_millis(3)));
    }
    let mut ends = Ends::default();
    let mut given_up = Vec::new();
    for milliseconds in (0..400).step_by(if is_cold { 2 } else { 1 }) {
        // Far enough for a machine that has other work, too.
        if ends.done == 3 {
            break;
        }
        if is_cold {
            patient.proxy.close_all(End::Close).await.unwrap();
        }
        let (case, reply) = patient.within(Duration::from_millis(milliseconds)).await;
        if reply.status == 503 {
            case.is_refused(&reply, &format!("{operation:?} answered {reply:?}"));
            given_up.push(case);
        } else {
            case.is_done(&patient.site, &reply).await;
            ends.done += 1;
        }
        patient.works().await;
    }
    // What was under way when its request was given up has arrived by now.
    patient.proxy.close_all(End::Close).await.unwrap();
    for case in given_up {
        if case.happened(&patient.site).await {
            ends.given_up_after += 1;
        } else {
            ends.given_up_before += 1;
        }
    }
    let is_write = !matches!(operation, Operation::List | Operation::Get);
    assert!(ends.done == 3 && ends.given_up_before > 0, "{operation:?}, {is_cold}: {ends:?}");
    assert!(is_write || ends.given_up_after == 0, "{operation:?}, {is_cold}: {ends:?}");
    // The time of a connect varies by more than a statement takes.
    assert!(is_cold || !is_write || ends.given_up_after > 0, "{operation:?}: {ends:?}");
}

#[tokio::test]
async fn a_request_that_is_given_up_at_any_moment_happens_once_or_not_at_all() {
    let site = Arc::new(Site::start_cold(|settings| settings).await);
    let sweep = |operation, is_cold| happens_once_or_not_at_all(Arc::clone(&site), operation, is_cold);
    // All functions connect alike.
    join_all([Operation::Create, Operation::Toggle, Operation::Delete].map(|operation| sweep(operation, true))).await;
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| sweep(operation, false))).await;
}
