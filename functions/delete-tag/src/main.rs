//! `DELETE /api/tags/{id}`: deletes a tag. The tasks that have it lose it.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTags, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::DELETE], delete_tag).await
}

async fn delete_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let (name, key) = (request.id()?, request.idempotency_key()?);
    let deleted = user.tags().delete(&name, key.as_ref()).await?;
    Ok(response::no_content(deleted.map(Some)))
}
