//! What is measured, and the goals for it: a module for each kind of measurement, which returns sections of the report.

mod bulk;
mod calibration;
mod cold;
mod million;
mod peer;
mod round_trips;
mod sign_in;
mod sizes;
mod starts;
mod warm;

pub(super) use bulk::bulk;
pub(super) use calibration::calibration;
pub(super) use cold::cold;
pub(super) use million::{BackEndCost, RequestCost, million_requests};
pub(super) use peer::{PeerResults, peer};
pub(super) use round_trips::round_trips;
pub(super) use sign_in::sign_in;
pub(super) use sizes::sizes;
pub(super) use starts::starts;
pub(super) use warm::{authentication, distant, warm, warm_tls};
