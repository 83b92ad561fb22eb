//! `POST /api/tags`: makes a tag, unless there is one of this name.

use shared::{ApiError, NewTag, Request, Response, SavedTag, StartError, UserScope, UserTags, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::CREATE], create_tag).await
}

async fn create_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let new_tag: NewTag = request.json()?;
    Ok(match user.tags().create(&new_tag).await? {
        SavedTag::New(tag) => response::created(tag),
        SavedTag::Existing(tag) => response::ok(tag),
    })
}
