//! When a statement is sent again.
//!
//! A statement that certainly did not happen may always be repeated. One that may have happened may be repeated
//! because every statement is written so that a second time changes nothing (see `store`). What the server refused for
//! its content is final.

use std::time::Duration;

use super::error::{DbError, DbErrorKind, Fate};

/// How often a statement may reach the server.
const EXECUTIONS: u32 = 3;
/// The upper ends of the pauses, in milliseconds; each is drawn from zero on, so that a herd spreads.
const PAUSES: [u64; 5] = [0, 60, 150, 350, 700];

/// The tries of one request.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: usize,
    executions: u32,
    once_more: u32,
    /// Whether some try may have happened although its answer was lost.
    pub(super) uncertain: bool,
}

impl Tries {
    /// How many tries there were.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// How long to wait before the next try; none when this failure is the answer.
    pub(super) fn after(&mut self, error: &DbError) -> Option<Duration> {
        match error.fate {
            Fate::Final => return None,
            Fate::Unknown => {
                self.uncertain = true;
                self.executions += 1;
            }
            Fate::RolledBack => self.executions += 1,
            Fate::NotExecuted => {}
            Fate::OnceMore => {
                self.once_more += 1;
                if self.once_more > 1 {
                    return None;
                }
            }
        }
        if self.executions >= EXECUTIONS {
            return None;
        }
        // Whoever is told that the house is full must not come back at once.
        let is_busy = matches!(error.kind, DbErrorKind::Exhausted { .. });
        let least = usize::from(is_busy);
        let pause = *PAUSES.get(self.failed + least)?;
        self.failed += 1;
        Some(Duration::from_millis(fastrand::u64(0..=pause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(fate: Fate, retry_after: u32) -> DbError {
        DbError::for_test(DbErrorKind::Unavailable { retry_after }, fate)
    }

    fn pauses_after(fates: &[(Fate, u32)]) -> Vec<Option<u64>> {
        let mut tries = Tries::default();
        let pause = |(fate, retry_after): &(Fate, u32)| {
            let pause = tries.after(&error(*fate, *retry_after));
            pause.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
        };
        fates.iter().map(pause).collect()
    }

    #[test]
    fn the_first_repeat_is_at_once_and_there_are_three_executions() {
        let pauses = pauses_after(&[(Fate::Unknown, 1), (Fate::RolledBack, 1), (Fate::Unknown, 1)]);
        assert_eq!((pauses[0], pauses[2]), (Some(0), None));
        assert!(pauses[1].is_some_and(|pause| pause <= 60));
    }

    #[test]
    fn what_was_not_executed_may_be_tried_longer() {
        let pauses = pauses_after(&[(Fate::NotExecuted, 1); 6]);
        assert!(pauses[..5].iter().all(Option::is_some) && pauses[5].is_none(), "{pauses:?}");
    }

    #[test]
    fn some_are_worth_one_more_try_and_a_refusal_none() {
        let pauses = pauses_after(&[(Fate::OnceMore, 2), (Fate::OnceMore, 2)]);
        assert!(pauses[0].is_some() && pauses[1].is_none(), "{pauses:?}");
        assert_eq!(pauses_after(&[(Fate::Final, 1)]), [None]);
    }

    #[test]
    fn only_a_lost_answer_is_uncertain() {
        let uncertain = |fate| {
            let mut tries = Tries::default();
            tries.after(&error(fate, 1));
            tries.uncertain
        };
        assert!(uncertain(Fate::Unknown));
        assert!(![Fate::NotExecuted, Fate::RolledBack, Fate::OnceMore, Fate::Final].map(uncertain).contains(&true));
    }
}
