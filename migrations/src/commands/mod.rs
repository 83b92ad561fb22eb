//! What the program can do with a database. Each command opens a session of its own.

mod clean_up;
mod down;
mod new_epoch;
mod plan;
mod reset_password;
mod status;
mod up;
mod verify;

pub use clean_up::{CleanUp, clean_up};
pub use down::{down, down_discarding_data};
pub use new_epoch::{NewEpoch, new_epoch};
pub use plan::{Plan, PlannedChange, plan};
pub use reset_password::{PasswordReset, reset_password};
pub use status::{MigrationStatus, State, status};
pub use up::{up, up_with_lock_timeout};
pub use verify::{Verification, verify, verify_functions};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    /// So that a caller can run them in a task of a multi-threaded runtime. `verify` runs code of the functions, whose
    /// futures stay on one thread.
    #[test]
    fn the_futures_are_send() {
        fn assert_send<F: Send>(_: F) {}
        assert_send(up("", &Options::default()));
        assert_send(down(""));
        assert_send(new_epoch(""));
        assert_send(clean_up(""));
        assert_send(reset_password("", &Options::default(), ""));
        assert_send(plan("", &Options::default()));
        assert_send(status(""));
    }
}
