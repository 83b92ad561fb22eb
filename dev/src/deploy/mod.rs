//! From the source to a stack in AWS: what is built, and how it is deployed.

pub mod artifacts;
mod sam;
mod scan;

pub use sam::{DeployError, deploy};
pub use scan::scan;
