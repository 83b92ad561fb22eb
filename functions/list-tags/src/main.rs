//! `GET /api/tags`: lists the caller's tags.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTags, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::LIST], list_tags).await
}

async fn list_tags(user: UserScope, _: Request) -> Result<Response, ApiError> {
    Ok(response::ok(user.tags().list().await?))
}
