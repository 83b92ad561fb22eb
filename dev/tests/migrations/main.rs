//! The migrations, on a real PostgreSQL, each test in a database of its own.

mod adoption;
mod drift;
mod fresh;
mod interruptions;
mod kit;
#[expect(dead_code, reason = "the tests of the API use the rest")]
#[path = "../layouts/mod.rs"]
mod layouts;
mod previous_release;
mod program;
mod refusals;
mod restores;
mod time_zones;
mod writers;
