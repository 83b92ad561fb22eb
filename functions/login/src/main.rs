//! `POST /api/auth/login`: signs a user in.

use shared::{Accounts, ApiError, Credentials, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_accounts(Accounts::SIGN_IN, login).await
}

async fn login(accounts: Accounts, request: Request) -> Result<Response, ApiError> {
    let credentials: Credentials = request.json_or_form()?;
    Ok(response::signed_in(accounts.sign_in(&credentials, &request.client_address()).await?))
}
