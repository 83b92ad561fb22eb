//! The connection ends between two requests.

use dev::testing::fault_proxy::End;

use crate::env::{ALL_OPERATIONS, Operation, TestEnv};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// The server says why, and closes.
    Terminated,
    Closed,
    Reset,
}

pub(crate) const ENDINGS: [Ending; 3] = [Ending::Terminated, Ending::Closed, Ending::Reset];

impl Ending {
    pub(crate) async fn happens(self, env: &TestEnv) {
        match self {
            Self::Terminated => {
                env.database.terminate().await;
                env.proxy.wait_until_all_closed().await.unwrap();
            }
            Self::Closed => env.proxy.close_all(End::Close).await.unwrap(),
            Self::Reset => env.proxy.close_all(End::Reset).await.unwrap(),
        }
    }
}

/// The operation on a new connection, and executed once: what has certainly not happened is not in doubt.
async fn is_done_on_a_new_connection(env: &TestEnv, operation: Operation) {
    let case = env.prepare(operation).await;
    let before = env.counts();
    let response = case.send().await;
    env.assert_done(&case, &response).await;
    assert_eq!(env.counts_since(before), (1, 1), "{operation:?}");
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_is_replaced_without_a_word() {
    let env = TestEnv::start().await;
    for ending in ENDINGS {
        for operation in ALL_OPERATIONS {
            env.assert_works(&[operation]).await;
            ending.happens(&env).await;
            is_done_on_a_new_connection(&env, operation).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ended_while_the_function_was_frozen_is_replaced_without_a_word() {
    let env = TestEnv::start().await;
    for ending in ENDINGS {
        for operation in ALL_OPERATIONS {
            env.assert_works(&[operation]).await;
            let frozen = env.freeze(operation).await;
            ending.happens(&env).await;
            drop(frozen);
            is_done_on_a_new_connection(&env, operation).await;
        }
    }
}

#[tokio::test]
async fn a_statement_that_was_never_sent_is_not_in_doubt() {
    let env = TestEnv::start().await;
    for ending in ENDINGS {
        let case = env.prepare(Operation::Delete).await;
        env.assert_done(&case, &case.send().await).await;
        let frozen = env.freeze(Operation::Delete).await;
        ending.happens(&env).await;
        drop(frozen);
        // Were it in doubt, the task that is not there would be taken for deleted just now.
        let response = case.send().await;
        assert_eq!(response.status, 404, "{ending:?}: {response:?}");
    }
}

#[tokio::test]
async fn a_healthy_connection_is_used_again_also_after_a_freeze() {
    let env = TestEnv::start().await;
    let connections = env.proxy.accepted_connections();
    for operation in ALL_OPERATIONS {
        drop(env.freeze(operation).await);
        env.assert_works(&[operation]).await;
    }
    assert_eq!(env.proxy.accepted_connections(), connections);
}
