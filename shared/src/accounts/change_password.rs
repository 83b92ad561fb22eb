//! Changing the password.

use super::address::ClientAddress;
use super::error::AccountError;
use super::input::PasswordChange;
use super::model::Done;
use super::own_account::{Confirmed, OwnAccount};
use super::token::TokenClaims;
use crate::db::{Query, SqlParam};

impl OwnAccount {
    /// Changes the password and revokes all tokens of the user. The answer has a new one. Two round trips.
    ///
    /// # Errors
    /// [`AccountError::WrongPassword`], [`AccountError::TooManyAttempts`], [`AccountError::UnknownUser`]; failures of the
    /// database.
    pub async fn change_password(
        &self,
        change: &PasswordChange,
        address: &ClientAddress,
    ) -> Result<Done, AccountError> {
        let Confirmed { found, keys } = self.confirm(&change.current_password, address, true).await?;
        let statements = self.store.statements().await?;
        let new_hash = self.store.hasher.hash(&change.new_password).await;
        let id = found.account.id.to_string();
        let version = found.version.saturating_add(1);
        let mut params = keys.to_vec();
        params.extend([
            SqlParam::from_str(&id),
            found.hash.as_deref().map_or(SqlParam::NULL, SqlParam::from_str),
            SqlParam::from_str(&new_hash),
            SqlParam::from_display(version),
        ]);
        let query = Query::new("change password", statements.change_password.as_str(), params);
        let rows = self.store.database.query(query).await?.rows;
        // Another request has changed it meanwhile, or deleted the account.
        let version = rows.first().ok_or(AccountError::WrongPassword)?.get(0)?;
        let claims = TokenClaims { user_id: &id, email: &found.account.email, version };
        Ok(Done { message: "Password changed", token: Some(self.store.signer.sign(claims)) })
    }
}
