//! The accounts of a database without Better Auth: sign-up, sign-in and passwords, with `AUTH_MODE=password`.
//!
//! The table of users belongs to another back end, so it is found in the catalog (`user_table`), and its statements are made
//! for the columns that it has (`statements`). Attempts are counted in the same statement that finds a user (`throttle`).

mod address;
mod change_password;
mod delete;
mod error;
mod find;
mod input;
mod json;
mod model;
mod own_account;
mod password;
mod reset_code;
mod sign_in;
mod sign_up;
mod start_statements;
mod statements;
mod store;
mod throttle;
mod token;
mod user_table;

pub use address::ClientAddress;
pub use error::AccountError;
pub use input::{Credentials, NewAccount, PasswordChange, PasswordConfirmation};
pub use model::{Account, Done, SignedIn};
pub use own_account::OwnAccount;
pub use start_statements::StartAccountStatements;
pub(crate) use store::AccountStore;
pub use store::Accounts;
