//! What the documentation says, and its pages in a browser. How it is served is tested in `dev/tests/api/docs.rs`.
#![allow(clippy::panic, reason = "this is how a test fails")]

mod contract;
mod errors;
mod pages;
mod swagger_ui;
