//! The connection ends between two requests.

use dev::testing::fault_proxy::End;

use crate::site::{ALL, Operation, Site};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// The server says why, and closes.
    Terminated,
    Closed,
    Reset,
}

pub(crate) const ENDINGS: [Ending; 3] = [Ending::Terminated, Ending::Closed, Ending::Reset];

impl Ending {
    pub(crate) async fn happens(self, site: &Site) {
        match self {
            Self::Terminated => {
                site.database.terminate().await;
                site.proxy.wait_until_all_closed().await.unwrap();
            }
            Self::Closed => site.proxy.close_all(End::Close).await.unwrap(),
            Self::Reset => site.proxy.close_all(End::Reset).await.unwrap(),
        }
    }
}

/// The operation on a new connection, and executed once: what has certainly not happened is not in doubt.
async fn is_done_on_a_new_connection(site: &Site, operation: Operation) {
    let case = site.prepare(operation).await;
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    let reply = case.send(site).await;
    case.is_done(site, &reply).await;
    assert_eq!(
        (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed),
        (1, 1),
        "{operation:?}"
    );
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_is_replaced_without_a_word() {
    let site = Site::start().await;
    for ending in ENDINGS {
        for operation in ALL {
            site.works(&[operation]).await;
            ending.happens(&site).await;
            is_done_on_a_new_connection(&site, operation).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ended_while_the_function_was_frozen_is_replaced_without_a_word() {
    let site = Site::start().await;
    for ending in ENDINGS {
        for operation in ALL {
            site.works(&[operation]).await;
            let frozen = site.freeze(operation).await;
            ending.happens(&site).await;
            drop(frozen);
            is_done_on_a_new_connection(&site, operation).await;
        }
    }
}

#[tokio::test]
async fn a_statement_that_was_never_sent_is_not_in_doubt() {
    let site = Site::start().await;
    for ending in ENDINGS {
        let case = site.prepare(Operation::Delete).await;
        case.is_done(&site, &case.send(&site).await).await;
        let frozen = site.freeze(Operation::Delete).await;
        ending.happens(&site).await;
        drop(frozen);
        // Were it in doubt, the task that is not there would be taken for deleted just now.
        let reply = case.send(&site).await;
        assert_eq!(reply.status, 404, "{ending:?}: {reply:?}");
    }
}

#[tokio::test]
async fn a_healthy_connection_is_used_again_also_after_a_freeze() {
    let site = Site::start().await;
    let connections = site.proxy.accepted_connections();
    for operation in ALL {
        drop(site.freeze(operation).await);
        site.works(&[operation]).await;
    }
    assert_eq!(site.proxy.accepted_connections(), connections);
}
