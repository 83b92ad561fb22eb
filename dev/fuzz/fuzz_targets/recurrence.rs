//! Any text as a recurrence rule: it does not panic, and the canonical form of a rule is stable, short and in ASCII.
//!
//! In the folder above: `cargo +nightly fuzz run recurrence -- -dict=fuzz/words.dict -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::fuzzing::canonical_recurrence;

fuzz_target!(|text: &str| {
    if let Some(canonical) = canonical_recurrence(text) {
        assert!(canonical.len() <= 100 && canonical.is_ascii(), "{canonical:?}");
        assert_eq!(canonical_recurrence(&canonical).as_deref(), Some(canonical.as_str()));
    }
});
