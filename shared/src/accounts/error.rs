//! Why an operation on an account failed, before it is mapped to HTTP.

use crate::db::{DbError, DbErrorKind, Rejection};

/// Why an operation on an account failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such user, a wrong password, an inactive user, or no usable hash. Clients are not told which.
    #[error("invalid email or password")]
    InvalidCredentials,
    /// The password that confirms a change is not that of the account.
    #[error("the password is not that of the account")]
    WrongPassword,
    /// There is an account with this e-mail address.
    #[error("the e-mail address is in use")]
    EmailInUse,
    /// Another account has a value of this one, such as the username. The database's error, if it has reported one.
    #[error("another account has the same values")]
    Conflict(#[source] Option<DbError>),
    /// Too many attempts, for this many seconds.
    #[error("too many attempts")]
    TooManyAttempts(u32),
    /// The users belong to Better Auth.
    #[error("users sign in at Better Auth")]
    Elsewhere,
    /// Nobody can sign up, for this reason.
    #[error("sign-up is off: {0}")]
    SignUpOff(String),
    /// The settings must say which of these tables has the users.
    #[error("AUTH_USER_TABLE must say who signs in here: {0}")]
    Ambiguous(String),
    /// The table of users cannot be used, for this reason.
    #[error("AUTH_USER_TABLE: {0}")]
    UnusableTable(String),
    /// The user of the token does not exist any more, or the token was revoked.
    #[error("the user does not exist, or the token was revoked")]
    UnknownUser(#[source] Option<DbError>),
    /// A value breaks a rule of the table of users.
    #[error("a value breaks a rule of the table of users")]
    BrokenRule(#[source] DbError),
    /// The database failed, or rejected the statement.
    #[error("the database failed")]
    Database(#[source] DbError),
}

impl AccountError {
    /// The failure of a statement about the user of a token.
    pub(super) fn about_user(error: DbError) -> Self {
        match error.kind() {
            // The column's type cannot represent the user's id.
            DbErrorKind::RevokedToken | DbErrorKind::Rejected(Rejection::Literal) => Self::UnknownUser(Some(error)),
            _ => Self::from(error),
        }
    }
}

impl From<DbError> for AccountError {
    fn from(error: DbError) -> Self {
        match error.kind() {
            DbErrorKind::Rejected(Rejection::Rule | Rejection::Encoding) => Self::BrokenRule(error),
            DbErrorKind::Rejected(Rejection::Unique) => Self::Conflict(Some(error)),
            _ => Self::Database(error),
        }
    }
}
