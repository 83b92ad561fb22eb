//! Failures of the database and of the network: real functions, a real PostgreSQL, and a proxy between them that
//! injects faults at a chosen moment. Each test checks the table at the end.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod accounts;
mod clocks;
mod connecting;
mod deadlines;
mod env;
mod half_open;
mod idempotency;
mod idle;
mod life_cycle;
mod lost_responses;
mod metrics;
mod overtaken;
mod pooler;
mod prepared;
mod roots;
mod secrets;
mod soak;
mod stalls;
mod statements;
mod tls;
mod warm_up;
