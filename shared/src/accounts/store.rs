//! The accounts of a deployment, as far as all operations need them.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::error::AccountError;
use super::password::PasswordHasher;
use super::start_statements::StartAccountStatements;
use super::statements::Statements;
use super::throttle::BucketKeys;
use super::token::TokenSigner;
use super::user_table::Users;
use crate::config::{PasswordConfig, Secret, StartError, TokenRules};
use crate::db::Database;

/// The accounts of the database, for operations without a user: sign-up and sign-in.
#[derive(Clone)]
pub struct Accounts {
    pub(super) store: Arc<AccountStore>,
}

/// What lives as long as the process.
pub(crate) struct AccountStore {
    pub(super) database: Arc<Database>,
    pub(super) signer: TokenSigner,
    pub(super) keys: BucketKeys,
    pub(super) hasher: PasswordHasher,
    /// The table that the settings name.
    user_table: Option<String>,
    users: OnceCell<Users>,
    statements: OnceCell<Statements>,
}

impl Accounts {
    pub(crate) fn new(store: Arc<AccountStore>) -> Self {
        Self { store }
    }
}

impl AccountStore {
    pub(crate) fn new(
        database: Arc<Database>,
        (secret, rules): &(Secret, TokenRules),
        passwords: &PasswordConfig,
        user_table: Option<String>,
    ) -> Self {
        Self {
            database,
            signer: TokenSigner::new(secret, rules),
            keys: BucketKeys::new(secret),
            hasher: PasswordHasher::new(passwords),
            user_table,
            users: OnceCell::new(),
            statements: OnceCell::new(),
        }
    }

    /// Finds the table of users before the first request needs it, and returns the statements to prepare.
    ///
    /// # Errors
    /// The database has several, and the settings do not say which is meant.
    pub(crate) async fn warm_up(&self, chosen: StartAccountStatements) -> Result<Vec<String>, StartError> {
        match self.statements().await {
            Ok(statements) => Ok(chosen.of(statements)),
            Err(AccountError::Ambiguous(tables)) => {
                Err(StartError::invalid("AUTH_USER_TABLE", format!("must say who signs in here: {tables}")))
            }
            Err(AccountError::UnusableTable(problem)) => Err(StartError::invalid("AUTH_USER_TABLE", problem)),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The statements for the table of users, which is looked for once.
    pub(super) async fn statements(&self) -> Result<&Statements, AccountError> {
        let users = self.users.get_or_try_init(async || {
            let named = self.user_table.as_deref();
            let rows = self.database.query(Users::query(named)).await?.rows;
            Users::from_rows(&rows, named)
        });
        match users.await? {
            Users::Own(table) => Ok(self.statements.get_or_init(async || Statements::new(table)).await),
            Users::Elsewhere => Err(AccountError::Elsewhere),
            Users::Ambiguous(tables) => Err(AccountError::Ambiguous(tables.join(" or "))),
            Users::Unusable(problem) => Err(AccountError::UnusableTable(problem.clone())),
        }
    }
}
