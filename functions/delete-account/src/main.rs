//! `DELETE /api/auth/me`: deletes the account of the caller, with all tasks.

use shared::{ApiError, OwnAccount, PasswordConfirmation, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_own_account(OwnAccount::CONFIRM, delete_account).await
}

async fn delete_account(account: OwnAccount, request: Request) -> Result<Response, ApiError> {
    let confirmation: PasswordConfirmation = request.json_or_form()?;
    account.delete(&confirmation, &request.client_address()).await?;
    Ok(response::account_deleted())
}
