//! Sign-up and sign-in at this API, on databases whose users are not Better Auth's.

mod confirm;
mod elsewhere;
mod hashes;
mod input;
mod kit;
mod sign_in;
mod sign_up;
mod tables;
mod throttle;
