//! `POST /api/auth/logout`: revokes the token of the request.

use shared::{ApiError, OwnAccount, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_own_account(OwnAccount::SIGN_OUT, logout).await
}

async fn logout(account: OwnAccount, _: Request) -> Result<Response, ApiError> {
    Ok(response::ok(account.sign_out().await?))
}
