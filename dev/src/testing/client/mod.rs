//! An HTTP client that sends requests exactly as they are written.
//!
//! ```no_run
//! # async fn example(stack: dev::testing::stack::Stack) {
//! use dev::testing::client::ApiClient;
//! use serde_json::json;
//!
//! let client = ApiClient::new(stack.base_url());
//! let ada = client.user("ada", &stack.token("ada"));
//! let path = ada.create_path(json!({"title": "Buy milk"})).await;
//! ada.get(&path).await.expect_status(200);
//! # }
//! ```

mod api_client;
mod follower;
mod request;
mod response;
mod task_id;
mod user;

pub use api_client::{ApiClient, ResponseCheck};
pub use follower::Follower;
pub use request::TestRequest;
pub use response::TestResponse;
pub use task_id::TaskId;
pub use user::TestUser;
