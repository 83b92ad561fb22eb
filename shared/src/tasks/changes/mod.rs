//! What has changed since a client last asked, by snapshots of the database.
//!
//! A row names the transaction that made it what it is, and a tombstone the transaction that deleted its task. Numbers of
//! transactions are given when they begin to write, so a transaction with a lower number can end later: neither numbers nor
//! times tell what a reader has seen. A snapshot does. It says of every transaction whether it had ended.
//!
//! - A client that has seen the snapshot *S* gets, from a statement with the snapshot *T*, every row and every tombstone whose
//!   transaction *S* does not see. What a transaction wrote is visible in *T* or it is not: if not, *T* does not see it,
//!   and the client gets it with the next token.
//! - A row that changes twice names the later transaction. That one waited for the first to end, so if *S* does not see the
//!   first, it does not see the second either.
//! - A subtransaction has the number of its transaction. What a savepoint rolled back is not visible.
//! - The pages after the first leave out what *T* does not see, *T* being the snapshot of the first page, and their
//!   last token is *T*. A row that changes between two pages may be left out: it comes with the next token.
//! - All deletes come before all puts. So a row that exists wins over a tombstone of the same id, whichever of the two
//!   transactions has the higher number: an id that is used again is never lost.
//! - All tasks are read in the order of the index, those of which no transaction is known last. A row gets a transaction with its
//!   next change, and never loses it.
//!
//! `docs/decisions/0017-changes-by-snapshots.md` has the reasons and what it costs.

mod page;
mod query;
mod snapshot;
mod statements;
mod token;

pub use page::ChangePage;
pub use query::ChangesQuery;
