//! The account of the user of a token.

use std::sync::Arc;

use super::address::ClientAddress;
use super::error::AccountError;
use super::find::{Attempt, Found};
use super::model::{Account, Done};
use super::password::Verification;
use super::reset_code::code_hash;
use super::start_statements::StartAccountStatements;
use super::store::AccountStore;
use super::throttle::Target;
use crate::auth::VerifiedUser;
use crate::db::{DbError, Query, Row, SqlParam};
use crate::scope::with_live_user;

/// Revokes the token `$1`, which expires at `$2` and has the version `$3`, of the user `$4`.
const SIGN_OUT: &str = "\
with expired as (
    delete from tasks_api.revoked_tokens
    where token_id in (
        select token_id
        from tasks_api.revoked_tokens
        where expires_at < now()
        limit 10
        for update skip locked
    )
)
insert into tasks_api.revoked_tokens (token_id, expires_at)
select $1, to_timestamp($2::double precision)
where $3::integer = coalesce((select version from tasks_api.token_versions where user_id = $4), 0)
on conflict do nothing
returning token_id
";

/// The account of one verified user.
pub struct OwnAccount {
    pub(super) user: VerifiedUser,
    pub(super) store: Arc<AccountStore>,
}

impl OwnAccount {
    /// The statement of [`OwnAccount::get`].
    pub const GET: StartAccountStatements =
        StartAccountStatements::new(|statements| vec![with_live_user(&statements.me)]);
    /// The statement of [`OwnAccount::sign_out`].
    pub const SIGN_OUT: StartAccountStatements = StartAccountStatements::new(|_| vec![SIGN_OUT.to_owned()]);
    /// The statement that finds the account before a change is confirmed. What changes it is sent once or twice in the life of
    /// a process.
    pub const CONFIRM: StartAccountStatements =
        StartAccountStatements::new(|statements| vec![with_live_user(&statements.find_by_id)]);

    pub(crate) fn new(user: VerifiedUser, store: Arc<AccountStore>) -> Self {
        Self { user, store }
    }

    /// Reads the account.
    ///
    /// # Errors
    /// [`AccountError::UnknownUser`], [`AccountError::Elsewhere`]; failures of the database.
    pub async fn get(&self) -> Result<Account, AccountError> {
        let statements = self.store.statements().await?;
        let rows = self.query("me", &statements.me, Vec::new()).await.map_err(AccountError::about_user)?;
        let row = rows.first().ok_or(AccountError::UnknownUser(None))?;
        Account::from_row(row, 0)?.ok_or(AccountError::UnknownUser(None))
    }

    /// Revokes the token of the request. One that this API did not sign stays valid until it expires.
    ///
    /// # Errors
    /// [`AccountError::UnknownUser`]; failures of the database.
    pub async fn sign_out(&self) -> Result<Done, AccountError> {
        // The clock of a function may be behind: by this many seconds a token can be accepted longer.
        const LEEWAY: f64 = 3600.0;
        let done = Done { message: "Signed out", token: None };
        let Some(token) = self.user.revocable_token() else { return Ok(done) };
        let params = vec![
            SqlParam::from_str(&token.id),
            SqlParam::from_display(token.expires_at + LEEWAY),
            SqlParam::from_display(token.version),
            SqlParam::from_str(self.user.id()),
        ];
        let result = self.store.database.query(Query::prepared("sign out", SIGN_OUT, params)).await?;
        let is_done = !result.rows.is_empty() || result.maybe_executed;
        if is_done { Ok(done) } else { Err(AccountError::UnknownUser(None)) }
    }

    /// Finds the account, and verifies the password that confirms a change. Attempts are counted as at sign-in.
    pub(super) async fn confirm(
        &self,
        password: &str,
        address: &ClientAddress,
        accepts_code: bool,
    ) -> Result<Confirmed, AccountError> {
        let statements = self.store.statements().await?;
        let keys = self.store.keys.of_sign_in(Target::User(self.user.id()), address);
        let code = if accepts_code { code_hash(password) } else { SqlParam::NULL };
        let params = keys.iter().cloned().chain([code]).collect();
        let rows = self.query("find own account", &statements.find_by_id, params).await;
        let found = match Attempt::from_rows(&rows.map_err(AccountError::about_user)?)? {
            Attempt::Refused { wait } => return Err(AccountError::TooManyAttempts(wait)),
            Attempt::Allowed(found) => found.ok_or(AccountError::UnknownUser(None))?,
        };
        let verification = self.store.hasher.verify(password, found.hash.as_deref(), true).await;
        let is_right = matches!(verification, Verification::Accepted { .. }) || found.has_code;
        if is_right { Ok(Confirmed { found, keys }) } else { Err(AccountError::WrongPassword) }
    }

    /// Sends a statement about the user, its `$1`. `params` are `$2` and following.
    async fn query<'a>(
        &'a self,
        name: &'static str,
        sql: &'a str,
        params: Vec<SqlParam<'a>>,
    ) -> Result<Vec<Row>, DbError> {
        let params = [SqlParam::from_str(self.user.parameter())].into_iter().chain(params).collect();
        let query = match self.user.revocable_token() {
            Some(_) => Query::prepared(name, with_live_user(sql), params),
            None => Query::prepared(name, sql, params),
        };
        Ok(self.store.database.query(query).await?.rows)
    }
}

/// An account whose password was verified.
pub(super) struct Confirmed {
    pub(super) found: Found,
    /// The buckets from which an attempt was taken.
    pub(super) keys: [SqlParam<'static>; 3],
}
