//! The migrations, on a real PostgreSQL, each test in a database of its own.

mod adoption;
mod drift;
mod fresh;
mod interruptions;
mod kit;
#[path = "../layouts/mod.rs"]
mod layouts;
mod orders;
mod program;
mod refusals;
mod writers;
