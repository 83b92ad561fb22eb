//! The API from outside: HTTP requests to the functions as they are deployed, with a real PostgreSQL behind them.
//!
//! A module tests one operation, or something that concerns all operations. [`kit`] starts the stack that the tests
//! share and checks every response against `openapi.yaml`. Each test creates its own users.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod kit;

mod accounts;
mod authentication;
mod bulk;
mod changes;
mod changes_model;
mod changes_tokens;
mod client_ids;
mod complete;
mod conditional;
mod cors;
mod create;
mod cursors;
mod default_route;
mod delete;
mod docs;
mod due_dates;
mod extra_columns;
mod extra_fields;
mod filters;
mod front_ends;
mod get;
mod health;
mod idempotency;
mod input;
mod invalid_cursors;
mod isolation;
mod layouts;
mod list;
mod logs;
mod own_rules;
mod priorities;
mod random;
mod recurrence_fields;
mod resilience;
mod revocation;
mod round_trips;
mod routes;
mod series;
mod settings;
mod start;
mod stats;
mod tag_keys;
mod tags;
mod task_fields;
mod tls;
mod update;
mod watch;
