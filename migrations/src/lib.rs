//! The schema of the database: the SQL files beside this crate's manifest, and the program that applies them.
//!
//! - Each file is a migration, recorded with its checksum: it is applied once, and an edit of an applied file is an error.
//!   A migration runs in a transaction or is one statement that can be repeated, so it takes effect completely or not at
//!   all. The schema is changed by a new migration; every migration can be reverted.
//! - In a database where another back end created `tasks`, the table is adopted: what is missing is added, no row is
//!   changed, nothing is removed, and the migrations are recorded as applied.
//! - A database may be newer than the program: when a deployment is rolled back its migrations stay, and the older release
//!   works with them. So [`up`] ignores migrations that it does not know.
//!
//! # Modules
//!
//! Each imports only from those below it.
//!
//! | Module | |
//! |---|---|
//! | [`command_line`] | the program `migrate` at a terminal |
//! | [`settings`] | reads the settings from the environment |
//! | `commands` | [`up`], [`down`], [`plan`], [`status`], [`verify`], [`new_epoch`], [`clean_up`], [`reset_password`] |
//! | `proof` | tries what the functions do, and compares what they show with what the tables hold |
//! | `notes` | what `verify` tells besides differences |
//! | `adoption` | adopts a table of another back end, and undoes that |
//! | `runner` | applies and reverts single migrations |
//! | `connection` | opens sessions, and lets one program migrate at a time |
//! | `own_users` | the table of users where this API signs them up and in |
//! | `task_table` | refuses an empty table `tasks` beside a full one of another name |
//! | `user_table` | chooses the table that `tasks.user_id` references |
//! | `history` | which migrations a database has |
//! | `error`, `report`, `options` | what commands return and take |
//! | `schema` | the table `tasks`: what it is, what it has to be, and the difference |
//! | `bookkeeping` | the schema of our own, and where its tables are |
//! | `migration` | the SQL files |
//! | `lock_budget` | how long to wait for locks |
//! | `sql` | what generated statements share |

mod adoption;
mod bookkeeping;
pub mod command_line;
mod commands;
mod connection;
mod error;
mod history;
mod lock_budget;
mod migration;
mod notes;
mod options;
mod own_users;
mod proof;
mod report;
mod runner;
mod schema;
pub mod settings;
mod sql;
mod task_table;
mod user_table;

pub use commands::{
    CleanUp, MigrationStatus, NewEpoch, PasswordReset, Plan, PlannedChange, State, Verification, clean_up, down,
    down_discarding_data, new_epoch, plan, reset_password, status, up, up_with_lock_timeout, verify, verify_functions,
};
pub use error::MigrateError;
pub use migration::Migration;
pub use options::{Functions, Options};
pub use report::Report;
pub use schema::difference::{Choice, Difference};
