//! The parts of a keyed write that find and store its key, and their check at compile time.
//!
//! Two requests with the same key, at once: the second waits on the primary key for the first, and then fails. So the
//! insert has no `on conflict`, with which it would change its rows before it notices.

use super::tokens::{Token, equal, equal_str, next_token, skip_tokens};

/// A keyed write: `queries`, of which the last is called `changed` and has the columns `task_id` and `answer`, and which
/// write only where there is no `prior`.
///
/// `$3` is the key, `$4` the fingerprint, `$5` the request. The statement returns the stored row. A further part can follow,
/// which returns null as the fingerprint if nothing was done.
macro_rules! keyed_sql {
    ($operation:literal, $($queries:tt)+) => {
        concat!(keyed_sql!(before $operation), $($queries)+, keyed_sql!(after $operation))
    };
    (before $operation:literal) => {
        concat!(
            "\
with prior as (
    select fingerprint, request, task_id, answer
    from tasks_api.idempotency_keys
    where user_id = $1
      and operation = '",
            $operation,
            "'
      and key = $3
), "
        )
    };
    (after $operation:literal) => {
        concat!(
            "\
, kept as (
    insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, task_id, answer)
    select $1, '",
            $operation,
            "', $3, $4, $5, task_id, answer
    from changed
    where not exists (select from tasks_api.task_fences where attempt = $2)
    returning fingerprint, request, task_id, answer
)
select fingerprint, request, task_id, answer::text
from kept
union all
select fingerprint, request, task_id, answer::text
from prior
"
        )
    };
}

pub(crate) use keyed_sql;

const PRIOR: [&str; 2] = [
    "with prior as (select fingerprint, request, task_id, answer from tasks_api.idempotency_keys where user_id = $1 and operation =",
    "and key = $3),",
];
const KEPT: [&str; 2] = [
    ", kept as (insert into tasks_api.idempotency_keys (user_id, operation, key, fingerprint, request, task_id, answer) select $1,",
    ", $3, $4, $5, task_id, answer from changed \
     where not exists (select from tasks_api.task_fences where attempt = $2) \
     returning fingerprint, request, task_id, answer) \
     select fingerprint, request, task_id, answer::text from kept \
     union all select fingerprint, request, task_id, answer::text from prior",
];

/// Fails the build unless `sql` looks for its key first, and stores it last.
pub(super) const fn check_key_row(sql: &str) {
    let sql = sql.as_bytes();
    let operation = operation_between(sql, next_token(sql, 0), PRIOR)
        .expect("a keyed write must begin with the query `prior` of keyed_sql");
    let (mut kept, mut previous, mut token) = (0, operation, next_token(sql, operation.end));
    while !token.is_empty() {
        // That of `unnest(…) with ordinality` begins no query.
        let is_ordinality = equal_str(sql, previous, ")") && equal_str(sql, next_token(sql, token.end), "ordinality");
        let is_query = equal_str(sql, token, "with") && !is_ordinality;
        assert!(!is_query, "a query within a keyed write must not hide its `prior`");
        if let Some(stored) = operation_between(sql, token, KEPT) {
            assert!(
                equal(sql, operation, sql, stored),
                "a keyed write must store its key for the operation that it looks for"
            );
            kept += 1;
        }
        (previous, token) = (token, next_token(sql, token.end));
    }
    assert!(kept == 1, "a keyed write must end with the query `kept` of keyed_sql");
}

/// The literal between two texts, the first of which starts at `token`.
const fn operation_between(sql: &[u8], token: Token, [before, after]: [&str; 2]) -> Option<Token> {
    let Some(last) = skip_tokens(sql, token, before) else { return None };
    let operation = next_token(sql, last.end);
    let is_literal = !operation.is_empty() && sql[operation.start] == b'\'';
    if is_literal && skip_tokens(sql, next_token(sql, operation.end), after).is_some() { Some(operation) } else { None }
}
