//! Connections that end between two requests.

use dev::testing::fault_proxy::End;

use crate::env::{ALL_OPERATIONS, Operation, TestEnv};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// The server sends an error and closes the connection.
    Terminated,
    Closed,
    Reset,
}

pub(crate) const ALL_ENDINGS: [Ending; 3] = [Ending::Terminated, Ending::Closed, Ending::Reset];

impl Ending {
    pub(crate) async fn apply(self, env: &TestEnv) {
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

/// Asserts that the operation is done on a new connection, with one statement.
async fn assert_done_on_new_connection(env: &TestEnv, operation: Operation) {
    let case = env.prepare(operation).await;
    let before = env.counts();
    let response = case.send().await;
    env.assert_done(&case, &response).await;
    assert_eq!(env.counts_since(before), (1, 1), "{operation:?}");
}

#[tokio::test]
async fn connection_closed_while_idle_is_replaced() {
    let env = TestEnv::start().await;
    for ending in ALL_ENDINGS {
        for operation in ALL_OPERATIONS {
            env.assert_works(&[operation]).await;
            ending.apply(&env).await;
            assert_done_on_new_connection(&env, operation).await;
        }
    }
}

#[tokio::test]
async fn connection_closed_while_frozen_is_replaced() {
    let env = TestEnv::start().await;
    for ending in ALL_ENDINGS {
        for operation in ALL_OPERATIONS {
            env.assert_works(&[operation]).await;
            let frozen = env.freeze(operation).await;
            ending.apply(&env).await;
            drop(frozen);
            assert_done_on_new_connection(&env, operation).await;
        }
    }
}

#[tokio::test]
async fn unsent_statement_is_not_treated_as_executed() {
    let env = TestEnv::start().await;
    for ending in ALL_ENDINGS {
        let case = env.prepare(Operation::Delete).await;
        env.assert_done(&case, &case.send().await).await;
        let frozen = env.freeze(Operation::Delete).await;
        ending.apply(&env).await;
        drop(frozen);
        // Otherwise the missing task would count as deleted by this request.
        let response = case.send().await;
        assert_eq!(response.status, 404, "{ending:?}: {response:?}");
    }
}

#[tokio::test]
async fn healthy_connection_is_reused_after_a_freeze() {
    let env = TestEnv::start().await;
    let connections = env.proxy.accepted_connections();
    for operation in ALL_OPERATIONS {
        drop(env.freeze(operation).await);
        env.assert_works(&[operation]).await;
    }
    assert_eq!(env.proxy.accepted_connections(), connections);
}
