//! Building the functions for Lambda, and deploying them to AWS.

pub mod artifacts;
mod sam;
mod scan;

pub use sam::{DeployError, deploy};
pub use scan::scan;
