//! `POST /api/tags`: makes a tag, unless there is one of this name.

use shared::{ApiError, NewTag, Request, Response, SavedTag, StartError, UserScope, UserTags, Written, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTags::CREATE], create_tag).await
}

async fn create_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let new_tag: NewTag = request.json()?;
    let key = request.idempotency_key()?;
    let Written { value, is_replay } = user.tags().create(&new_tag, key.as_ref()).await?;
    Ok(match value {
        SavedTag::New(value) => response::created(Written { value, is_replay }),
        SavedTag::Existing(value) => response::ok(Written { value, is_replay }),
    })
}
