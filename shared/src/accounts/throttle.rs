//! How many attempts are allowed. They are counted in the database, because a process sees only its own requests.
//!
//! A bucket holds attempts, gets new ones at a steady rate, and is full at first. Its row is locked while an attempt is taken,
//! so concurrent ones are counted one after the other.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::address::ClientAddress;
use crate::config::Secret;
use crate::db::SqlParam;

/// A kind of bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// The name of its part of a statement.
    name: &'static str,
    /// How many attempts it holds.
    capacity: u32,
    /// In how many seconds it gets a new one. Every kind is full after an hour.
    seconds: u32,
}

/// The buckets of an attempt to sign in. In this order, in every statement, so that no two wait for each other; an attempt that
/// one refuses is not taken from the next.
pub(super) const SIGN_IN: [Bucket; 3] = [
    Bucket { name: "account_and_address", capacity: 5, seconds: 30 },
    Bucket { name: "address", capacity: 30, seconds: 2 },
    Bucket { name: "account", capacity: 20, seconds: 180 },
];
/// The bucket of an attempt to sign up.
pub(super) const SIGN_UP: [Bucket; 1] = [Bucket { name: "sign_up", capacity: 10, seconds: 60 }];

/// Names buckets, so that no address and no e-mail address is stored.
pub(super) struct BucketKeys {
    /// Has hashed the key already.
    keyed: Hmac<Sha256>,
}

/// What an attempt is made at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// The account with this e-mail address, in lower case, whether there is one or not.
    Email(&'a str),
    /// The account with this id: its owner is signed in, and confirms a change with the password.
    User(&'a str),
}

impl BucketKeys {
    pub(super) fn new(secret: &Secret) -> Self {
        Self { keyed: Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length") }
    }

    /// The keys of [`SIGN_IN`], as parameters.
    pub(super) fn of_sign_in(&self, target: Target<'_>, address: &ClientAddress) -> [SqlParam<'static>; 3] {
        let (kind, account) = match target {
            Target::Email(email) => ("email", email),
            Target::User(id) => ("user", id),
        };
        [
            self.key(&["account and address", kind, account, address.as_str()]),
            self.key(&["address", address.as_str()]),
            self.key(&["account", kind, account]),
        ]
    }

    /// The keys of [`SIGN_UP`], as parameters.
    pub(super) fn of_sign_up(&self, address: &ClientAddress) -> [SqlParam<'static>; 1] {
        [self.key(&["sign-up", address.as_str()])]
    }

    /// A parameter of type bytea. The parts have no U+0000.
    fn key(&self, parts: &[&str]) -> SqlParam<'static> {
        let digest = self.keyed.clone().chain_update(parts.join("\0")).finalize().into_bytes();
        bytes(&digest)
    }
}

/// A parameter of type bytea.
pub(super) fn bytes(bytes: &[u8]) -> SqlParam<'static> {
    let hex = bytes.iter().fold(String::from("\\x"), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text can be written to");
        hex
    });
    SqlParam::from_display(hex)
}

/// The parts of a statement that take an attempt from each bucket, whose keys are the parameters from `first` on. The last bucket
/// has a row only if the attempt is allowed; `waiting` has the seconds until one is.
///
/// Buckets that are full again are deleted here: a new one is full as well.
pub(super) fn take(buckets: &[Bucket], first: usize) -> String {
    let keys: Vec<String> = (first..).take(buckets.len()).map(|number| format!("${number}::bytea")).collect();
    let mut sql = format!(
        "\
expired as (
    delete from tasks_api.sign_in_buckets
    where key in (
        select key
        from tasks_api.sign_in_buckets
        where taken_at < now() - interval '1 hour'
            and key <> all (array[{}])
        order by taken_at
        limit 10
        for update skip locked
    )
),
",
        keys.join(", ")
    );
    let mut before: Option<&Bucket> = None;
    for (bucket, key) in buckets.iter().zip(&keys) {
        let Bucket { name, capacity, .. } = bucket;
        let condition = before.map(|before| format!("\n    where exists (select from {})", before.name));
        let (condition, available) = (condition.unwrap_or_default(), bucket.available());
        let _ = write!(
            sql,
            "\
{name} as (
    insert into tasks_api.sign_in_buckets as bucket (key, tokens, taken_at)
    select {key}, {capacity} - 1, now(){condition}
    on conflict (key) do update
    set tokens = {available} - 1,
        taken_at = greatest(bucket.taken_at, now())
    where {available} >= 1
    returning key
),
"
        );
        before = Some(bucket);
    }
    let waits = buckets.iter().zip(&keys).map(|(bucket, key)| {
        let (available, seconds) = (bucket.available(), bucket.seconds);
        format!(
            "    select (1 - {available}) * {seconds} as seconds from tasks_api.sign_in_buckets as bucket where key = {key}"
        )
    });
    let waits: Vec<String> = waits.collect();
    let _ = write!(
        sql,
        "\
waiting as (
    select greatest(1, ceil(max(seconds)))::integer as seconds
    from (
{}
    ) as buckets
)",
        waits.join("\n    union all\n")
    );
    sql
}

/// The condition that the attempt of [`take`] is allowed.
pub(super) fn is_allowed(buckets: &[Bucket]) -> String {
    buckets.last().map_or("true".to_owned(), |last| format!("exists (select from {})", last.name))
}

/// The part of a statement that gives back what [`take`] took, after a success.
pub(super) fn give_back(buckets: &[Bucket]) -> String {
    let rows =
        buckets.iter().zip(1..).map(|(bucket, number)| format!("(${number}::bytea, {number}, {})", bucket.capacity));
    let rows: Vec<String> = rows.collect();
    format!(
        "\
given_back as (
    update tasks_api.sign_in_buckets as bucket
    set tokens = least(taken.capacity, bucket.tokens + 1)
    from (
        select key, capacity
        from tasks_api.sign_in_buckets
        join (values {}) as kind (key, place, capacity) using (key)
        order by place
        for update of sign_in_buckets
    ) as taken
    where bucket.key = taken.key
)",
        rows.join(", ")
    )
}

impl Bucket {
    /// The attempts that the row `bucket` has now.
    fn available(&self) -> String {
        let Self { capacity, seconds, .. } = self;
        format!(
            "least({capacity}, bucket.tokens + greatest(0, extract(epoch from now() - bucket.taken_at)) / {seconds})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_is_full_after_an_hour() {
        for bucket in SIGN_IN.iter().chain(&SIGN_UP) {
            assert!(bucket.capacity * bucket.seconds <= 3600, "{}", bucket.name);
        }
    }
}
