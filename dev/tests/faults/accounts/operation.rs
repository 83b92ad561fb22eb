//! The operations on accounts.

/// What a user can do with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    SignUp,
    SignIn,
    /// Signs in with a hash that is replaced then.
    SignInWithWeakHash,
    /// Signs in with a reset code.
    SignInWithCode,
    SignOut,
    Me,
    ChangePassword,
    DeleteAccount,
}

pub(super) const ALL_OPERATIONS: [Operation; 8] = [
    Operation::SignUp,
    Operation::SignIn,
    Operation::SignInWithWeakHash,
    Operation::SignInWithCode,
    Operation::SignOut,
    Operation::Me,
    Operation::ChangePassword,
    Operation::DeleteAccount,
];

/// One operation of each function, for requests at the same time.
pub(super) const ONE_OF_EACH_FUNCTION: [Operation; 6] = [
    Operation::SignUp,
    Operation::SignIn,
    Operation::SignOut,
    Operation::Me,
    Operation::ChangePassword,
    Operation::DeleteAccount,
];

impl Operation {
    /// The binary that does it.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::SignUp => "register",
            Self::SignIn | Self::SignInWithWeakHash | Self::SignInWithCode => "login",
            Self::SignOut => "logout",
            Self::Me => "me",
            Self::ChangePassword => "change-password",
            Self::DeleteAccount => "delete-account",
        }
    }

    /// How many statements it sends, one after the other.
    pub(super) fn statements(self) -> usize {
        match self {
            Self::SignOut | Self::Me => 1,
            _ => 2,
        }
    }

    /// Whether its last statement is sent again behind a fence.
    pub(super) fn is_fenced(self) -> bool {
        matches!(self, Self::SignUp | Self::DeleteAccount)
    }

    /// The status of its response when it is done.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::SignUp => 201,
            Self::DeleteAccount => 204,
            _ => 200,
        }
    }
}
