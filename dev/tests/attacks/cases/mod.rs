//! The requests, by what they attack.

mod algorithms;
mod carriers;
mod encoding;
mod forms;
mod headers;
mod key_names;
mod key_sets;
mod origin;
mod own_tokens;
mod rsa_encodings;
mod sessions;
mod signatures;
mod times;
mod users;

use crate::case::Case;

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    [
        forms::cases(),
        algorithms::cases(),
        key_names::cases(),
        headers::cases(),
        times::cases(),
        origin::cases(),
        users::cases(),
        encoding::cases(),
        signatures::cases(),
        rsa_encodings::cases(),
        key_sets::cases(),
        carriers::cases(),
        sessions::cases(),
        own_tokens::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
