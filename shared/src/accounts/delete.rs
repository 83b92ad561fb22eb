//! Deleting an account.

use super::address::ClientAddress;
use super::error::AccountError;
use super::input::PasswordConfirmation;
use super::own_account::OwnAccount;
use crate::db::SqlParam;
use crate::scope::delete_user;

impl OwnAccount {
    /// Deletes the user with all tasks and tags, and revokes all tokens. Two round trips.
    ///
    /// # Errors
    /// As [`OwnAccount::change_password`].
    pub async fn delete(
        &self,
        confirmation: &PasswordConfirmation,
        address: &ClientAddress,
    ) -> Result<(), AccountError> {
        let confirmed = self.confirm(&confirmation.password, address, false).await?;
        let statements = self.store.statements().await?;
        let version = SqlParam::from_display(confirmed.found.version.saturating_add(1));
        delete_user(&self.store.database, &self.user, &statements.delete, version).await?;
        Ok(())
    }
}
