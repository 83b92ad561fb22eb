//! `POST /api/auth/register`: makes an account and signs its user in.

use shared::{Accounts, ApiError, NewAccount, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_accounts(Accounts::SIGN_UP, register).await
}

async fn register(accounts: Accounts, request: Request) -> Result<Response, ApiError> {
    let new: NewAccount = request.json_or_form()?;
    Ok(response::signed_up(accounts.sign_up(&new, &request.client_address()).await?))
}
