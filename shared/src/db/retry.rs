//! When a statement is retried.
//!
//! A statement that was not executed can always be retried. One that may have been executed can be retried because every
//! statement is idempotent. What the server rejected for its content is final.

use std::time::Duration;

use super::error::{DbError, DbErrorKind, RetryClass};

/// How many attempts of a statement may reach the server.
const MAX_EXECUTIONS: u32 = 3;
/// The upper bounds of the delays, in milliseconds. Each delay is random from zero on, so that many instances that fail
/// at once do not retry at once.
const MAX_DELAYS: [u64; 5] = [0, 60, 150, 350, 700];

/// The attempts of one statement.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    failed_attempts: usize,
    executions: u32,
    single_retries: u32,
    /// Whether an attempt may have been executed although its response was lost.
    pub(super) maybe_executed: bool,
}

impl RetryState {
    /// How many attempts have failed.
    pub(super) fn failed_attempts(&self) -> usize {
        self.failed_attempts
    }

    /// How long to wait before the next attempt; `None` if this failure is the result.
    pub(super) fn next_delay(&mut self, error: &DbError) -> Option<Duration> {
        match error.retry_class() {
            RetryClass::Final => return None,
            RetryClass::MaybeExecuted => {
                self.maybe_executed = true;
                self.executions += 1;
            }
            RetryClass::RolledBack => self.executions += 1,
            RetryClass::NotExecuted => {}
            RetryClass::RetryOnce => {
                self.single_retries += 1;
                if self.single_retries > 1 {
                    return None;
                }
            }
        }
        if self.executions >= MAX_EXECUTIONS {
            return None;
        }
        // Out of connections: skip the immediate retry.
        let is_exhausted = matches!(error.kind(), DbErrorKind::Exhausted { .. });
        let skipped = usize::from(is_exhausted);
        let max = *MAX_DELAYS.get(self.failed_attempts + skipped)?;
        self.failed_attempts += 1;
        Some(Duration::from_millis(fastrand::u64(0..=max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(retry_class: RetryClass, retry_after: u32) -> DbError {
        DbError::for_test(DbErrorKind::Unavailable { retry_after }, retry_class)
    }

    fn delays_after(classes: &[(RetryClass, u32)]) -> Vec<Option<u64>> {
        let mut state = RetryState::default();
        let delay = |(class, retry_after): &(RetryClass, u32)| {
            let delay = state.next_delay(&error(*class, *retry_after));
            delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
        };
        classes.iter().map(delay).collect()
    }

    #[test]
    fn the_first_retry_is_immediate_and_the_third_execution_the_last() {
        let delays = delays_after(&[
            (RetryClass::MaybeExecuted, 1),
            (RetryClass::RolledBack, 1),
            (RetryClass::MaybeExecuted, 1),
        ]);
        assert_eq!((delays[0], delays[2]), (Some(0), None));
        assert!(delays[1].is_some_and(|delay| delay <= 60));
    }

    #[test]
    fn unexecuted_statements_are_retried_five_times() {
        let delays = delays_after(&[(RetryClass::NotExecuted, 1); 6]);
        assert!(delays[..5].iter().all(Option::is_some) && delays[5].is_none(), "{delays:?}");
    }

    #[test]
    fn single_retries_and_final_failures() {
        let delays = delays_after(&[(RetryClass::RetryOnce, 2), (RetryClass::RetryOnce, 2)]);
        assert!(delays[0].is_some() && delays[1].is_none(), "{delays:?}");
        assert_eq!(delays_after(&[(RetryClass::Final, 1)]), [None]);
    }

    #[test]
    fn only_a_lost_response_may_have_been_executed() {
        let maybe_executed = |class| {
            let mut state = RetryState::default();
            state.next_delay(&error(class, 1));
            state.maybe_executed
        };
        assert!(maybe_executed(RetryClass::MaybeExecuted));
        assert!(
            ![RetryClass::NotExecuted, RetryClass::RolledBack, RetryClass::RetryOnce, RetryClass::Final]
                .map(maybe_executed)
                .contains(&true)
        );
    }
}
