//! `POST /api/auth/change-password`: changes the password, and revokes all tokens of the user.

use shared::{ApiError, OwnAccount, PasswordChange, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_own_account(OwnAccount::CONFIRM, change_password).await
}

async fn change_password(account: OwnAccount, request: Request) -> Result<Response, ApiError> {
    let change: PasswordChange = request.json_or_form()?;
    Ok(response::signed_in(account.change_password(&change, &request.client_address()).await?))
}
