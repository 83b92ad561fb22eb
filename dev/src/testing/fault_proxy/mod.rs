//! A proxy in front of PostgreSQL that injects the faults of networks, connection poolers and servers.
//!
//! It reads the protocol to find the right moment for a fault: whether the client is signed in, and where the response
//! to a statement ends. A connection with TLS it can only forward, delay or close. It cannot leave bytes
//! unacknowledged, because the kernel of this machine acknowledges them.

mod connection;
mod fault;
mod protocol;
mod proxy;
mod script;
mod state;

pub use fault::{AuthRequest, Cut, Direction, End, Flow, Script};
pub use proxy::FaultProxy;
