//! What happens to the user's tasks when the database, or the path to it, fails: real functions, a real PostgreSQL,
//! and between them a proxy that strikes at a chosen moment. Each test ends by looking into the table.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod clocks;
mod connecting;
mod deadlines;
mod env;
mod half_open;
mod idle;
mod life_cycle;
mod lost_answers;
mod metrics;
mod overtaken;
mod pooler;
mod roots;
mod secrets;
mod soak;
mod stalls;
mod statements;
mod tls;
mod warm_up;
