//! `GET /api/auth/me`: the account of the caller.

use shared::{ApiError, OwnAccount, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_own_account(OwnAccount::GET, me).await
}

async fn me(account: OwnAccount, _: Request) -> Result<Response, ApiError> {
    Ok(response::ok(account.get().await?))
}
