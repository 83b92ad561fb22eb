//! Which steps a database has taken.

use sqlx::PgConnection;
use sqlx::migrate::MigrationType;

use crate::adoption::Adoption;
use crate::steps::{self, Step};
use crate::{MigrateError, steps::Applied};

/// A step, and whether the database has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    /// The step.
    pub step: Step,
    /// Whether it was taken.
    pub state: State,
}

/// Where a database stands with a step. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It will be taken by the next [`crate::up`].
    Pending,
    /// It was taken.
    Applied {
        /// When.
        at: String,
    },
    /// What it makes was there, or was added, when the table of another back end was adopted.
    Adopted {
        /// When.
        at: String,
    },
    /// It was taken by a newer release than this one.
    Newer {
        /// When.
        at: String,
    },
}

pub(crate) async fn status(database: &mut PgConnection) -> Result<Vec<StepStatus>, MigrateError> {
    let mut applied = steps::applied(database).await?;
    let through = Adoption::read(database).await?.and_then(|adoption| adoption.through);
    let mut known: Vec<_> = steps::files(MigrationType::ReversibleUp)
        .map(|migration| {
            let state = match applied.remove(&migration.version) {
                None => State::Pending,
                Some(Applied { version, at, .. }) if through.is_some_and(|through| version <= through) => {
                    State::Adopted { at }
                }
                Some(Applied { at, .. }) => State::Applied { at },
            };
            StepStatus { step: migration.into(), state }
        })
        .collect();
    known.extend(applied.into_values().map(|Applied { version, name, at, .. }| StepStatus {
        step: Step { version, name },
        state: State::Newer { at },
    }));
    known.sort_by_key(|status| status.step.version);
    Ok(known)
}
