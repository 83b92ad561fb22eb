//! `DELETE /api/tags/{id}`: deletes a tag. The tasks that have it lose it.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTags, Written, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::DELETE], delete_tag).await
}

async fn delete_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let transaction = user.tags().delete(&request.id()?).await?;
    Ok(response::no_content(Written::new(transaction)))
}
