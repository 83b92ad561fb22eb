//! The API from outside: HTTP requests to the functions as they are deployed, with a real PostgreSQL behind them.
//!
//! A module is an operation, or something that concerns all of them. [`kit`] starts the stack that all tests share, and
//! holds every answer against `openapi.yaml`, whatever else a test looks at. Each test has users of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "../layouts/mod.rs"]
mod adopted_layouts;
mod kit;

mod authentication;
mod complete;
mod conditional;
mod cors;
mod create;
mod default_route;
mod delete;
mod get;
mod health;
mod input;
mod isolation;
mod layouts;
mod list;
mod logs;
mod random;
mod resilience;
mod round_trips;
mod routes;
mod settings;
mod start;
mod tls;
mod update;
mod watch;
