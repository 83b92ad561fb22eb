//! Signing in.

use super::address::ClientAddress;
use super::error::AccountError;
use super::find::{Attempt, Found};
use super::input::Credentials;
use super::model::SignedIn;
use super::password::Verification;
use super::reset_code::code_hash;
use super::start_statements::StartAccountStatements;
use super::store::Accounts;
use super::throttle::Target;
use super::token::TokenClaims;
use crate::db::{DbErrorKind, Query, SqlParam};

impl Accounts {
    /// The statements of [`Accounts::sign_in`].
    pub const SIGN_IN: StartAccountStatements =
        StartAccountStatements::new(|statements| vec![statements.find_by_email.clone(), statements.sign_in.clone()]);

    /// Signs a user in. A refusal takes one round trip and the time of one verification, whatever the reason; a success takes
    /// a second round trip.
    ///
    /// # Errors
    /// [`AccountError::InvalidCredentials`], [`AccountError::TooManyAttempts`], [`AccountError::Elsewhere`]; failures of the
    /// database.
    pub async fn sign_in(&self, credentials: &Credentials, address: &ClientAddress) -> Result<SignedIn, AccountError> {
        let store = &self.store;
        let statements = store.statements().await?;
        let Credentials { email, password } = credentials;
        let lower_case = email.to_lowercase();
        let keys = store.keys.of_sign_in(Target::Email(&lower_case), address);
        let mut params = keys.to_vec();
        params.extend([SqlParam::from_str(email), SqlParam::from_str(&lower_case), code_hash(password)]);
        let query = Query::prepared("find account", statements.find_by_email.as_str(), params);
        let found = match Attempt::from_rows(&store.database.query(query).await?.rows)? {
            Attempt::Refused { wait } => return Err(AccountError::TooManyAttempts(wait)),
            Attempt::Allowed(found) => found,
        };
        let may_sign_in = found.as_ref().is_some_and(|found| found.account.is_active);
        let has_code = may_sign_in && found.as_ref().is_some_and(|found| found.has_code);
        let stored = found.as_ref().and_then(|found| found.hash.as_deref());
        let verification = store.hasher.verify(password, stored, may_sign_in).await;
        let is_weak = match verification {
            Verification::Accepted { is_weak } => is_weak,
            Verification::Refused if has_code => false,
            Verification::Refused => return Err(AccountError::InvalidCredentials),
        };
        let found = found.ok_or(AccountError::InvalidCredentials)?;
        let used_code = has_code && verification == Verification::Refused;
        let new_hash = if is_weak { Some(store.hasher.hash(password).await) } else { None };
        self.finish_sign_in(&found, keys, new_hash.as_deref(), if used_code { Some(password) } else { None }).await?;
        let id = found.account.id.to_string();
        let claims = TokenClaims { user_id: &id, email: &found.account.email, version: found.version };
        Ok(SignedIn { token: store.signer.sign(claims), account: found.account })
    }

    /// Gives back what the attempt took, replaces a weak hash, and uses a reset code up.
    async fn finish_sign_in(
        &self,
        found: &Found,
        keys: [SqlParam<'static>; 3],
        new_hash: Option<&str>,
        code: Option<&str>,
    ) -> Result<(), AccountError> {
        let statements = self.store.statements().await?;
        let text = |text: Option<&str>| text.map_or(SqlParam::NULL, SqlParam::from_display);
        let params = |new_hash| {
            let mut params = keys.to_vec();
            let id = SqlParam::from_display(&found.account.id);
            params.extend([id, text(found.hash.as_deref()), text(new_hash), code.map_or(SqlParam::NULL, code_hash)]);
            params
        };
        let send = |new_hash| {
            self.store.database.query(Query::prepared("finish sign-in", statements.sign_in.as_str(), params(new_hash)))
        };
        let result = match send(new_hash).await {
            // The new hash is too long for the column, or a rule of the table is against it: the old one stays.
            Err(error) if new_hash.is_some() && matches!(error.kind(), DbErrorKind::Rejected(_)) => {
                tracing::warn!(cause = crate::db::cause_chain(&error), "a weak hash could not be replaced");
                send(None).await?
            }
            result => result?,
        };
        // A code is good for one sign-in. After a lost response it may have been this one.
        let is_done = result.rows.first().map_or(Ok(true), |row| row.get(0))?;
        if is_done || result.maybe_executed { Ok(()) } else { Err(AccountError::InvalidCredentials) }
    }
}
