//! `PUT` and `PATCH /api/tags/{id}`: renames a tag and changes its color.

use shared::{ApiError, Request, Response, StartError, TagChange, UserScope, UserTags, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::CHANGE], update_tag).await
}

async fn update_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let name = request.id()?;
    let change: TagChange = request.json()?;
    let key = request.idempotency_key()?;
    Ok(response::ok(user.tags().change(&name, &change, key.as_ref()).await?))
}
