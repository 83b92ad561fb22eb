//! The migrations against a real PostgreSQL, each test in a database of its own.

mod adoption;
mod change_trigger;
mod drift;
mod fresh;
mod interruptions;
mod kit;
#[expect(dead_code, reason = "the API tests use the other fields")]
#[path = "../layouts/mod.rs"]
mod layouts;
mod previous_release;
mod program;
mod refusals;
mod restores;
mod time_zones;
mod user_table;
mod writers;
