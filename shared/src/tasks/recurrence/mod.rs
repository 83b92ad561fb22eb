//! Rules by which tasks recur: a subset of RFC 5545, its spellings in requests, and what responses derive from it.
//!
//! - [`Recurrence`] is a rule. Its `Display` is the canonical text, which is stored.
//! - [`Recurrence::read_new`] reads it from the body of a create, [`RecurrenceChange::read`] from that of a change.
//! - [`Aliases`] are the members that some front ends read instead of the rule.

mod alias;
mod body;
mod part;
mod rule;
mod until;
mod word;

pub(crate) use alias::Aliases;
pub(crate) use body::RecurrenceChange;
pub(crate) use rule::Recurrence;
