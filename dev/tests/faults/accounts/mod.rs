//! The faults of the suite, met by users who sign up and sign in at the API.

mod assertions;
mod case;
mod connections;
mod deadlines;
mod direct_function;
mod env;
mod lost_responses;
mod operation;
mod overtaken;
mod pooler;
mod round_trips;
mod statements;
