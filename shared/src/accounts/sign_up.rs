//! Signing up.

use super::address::ClientAddress;
use super::error::AccountError;
use super::find::wait;
use super::input::NewAccount;
use super::model::{Account, SignedIn};
use super::start_statements::StartAccountStatements;
use super::store::Accounts;
use super::token::TokenClaims;
use crate::db::{Query, SqlParam};
use crate::scope::FENCE;

impl Accounts {
    /// The statements of [`Accounts::sign_up`].
    pub const SIGN_UP: StartAccountStatements =
        StartAccountStatements::new(|statements| vec![statements.check_sign_up.clone(), statements.sign_up.clone()]);

    /// Makes an account and signs its user in: two round trips.
    ///
    /// # Errors
    /// [`AccountError::EmailInUse`], [`AccountError::TooManyAttempts`], [`AccountError::SignUpOff`],
    /// [`AccountError::Elsewhere`]; failures of the database.
    pub async fn sign_up(&self, new: &NewAccount, address: &ClientAddress) -> Result<SignedIn, AccountError> {
        let store = &self.store;
        let statements = store.statements().await?;
        if let Some(problem) = &statements.sign_up_problem {
            return Err(AccountError::SignUpOff(problem.clone()));
        }
        let mut params = store.keys.of_sign_up(address).to_vec();
        params.push(SqlParam::from_str(&new.email));
        let query = Query::prepared("check sign-up", statements.check_sign_up.as_str(), params);
        let rows = store.database.query(query).await?.rows;
        let row = rows.first().ok_or(AccountError::EmailInUse)?;
        if !row.get::<bool>(0)? {
            return Err(AccountError::TooManyAttempts(wait(row, 1)?));
        }
        if row.get(2)? {
            return Err(AccountError::EmailInUse);
        }
        let hash = store.hasher.hash(&new.password).await;
        let mut params = vec![SqlParam::from_str(&new.email), SqlParam::from_str(&hash)];
        let sent = new.names.iter().zip(statements.sent_names).filter(|(_, is_sent)| *is_sent);
        params.extend(sent.map(|(name, _)| name.as_deref().map_or(SqlParam::NULL, SqlParam::from_str)));
        let insert = |attempt| {
            let params = params.iter().cloned().chain([attempt]).collect();
            Query::prepared("sign up", statements.sign_up.as_str(), params)
        };
        let rows = store.database.write(&FENCE, insert).await?.rows;
        // Another request was first, or another account has the same username.
        let row = rows.first().ok_or(AccountError::Conflict(None))?;
        let account = Account::from_row(row, 1)?.ok_or(AccountError::EmailInUse)?;
        let id = account.id.to_string();
        let claims = TokenClaims { user_id: &id, email: &account.email, version: row.get(0)? };
        Ok(SignedIn { token: store.signer.sign(claims), account })
    }
}
