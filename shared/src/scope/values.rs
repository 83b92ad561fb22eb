//! The values of an insert, without aggregates.
//!
//! `select $1, count(*) where false` returns a row: an aggregate would insert a row although the fence allows none.

use super::allowed::{INSERT_FUNCTIONS, is_clause};
use super::tokens::{Token, contains, equal_str, is_one_of, is_word, next_token, skip_parentheses};

/// Fails the build if there can be an aggregate among the values that start at `token`.
pub(super) const fn check_values(sql: &[u8], mut token: Token) {
    let mut previous = token;
    let mut depth = 0;
    // `t.count` and `(select count(t))` aggregate the rows of `t`, if that is in the `from` of the insert.
    let mut can_aggregate_from = false;
    while !token.is_empty() && (depth > 0 || !ends_values(sql, previous, token)) {
        let byte = sql[token.start];
        let mut next = next_token(sql, token.end);
        if byte == b'(' && equal_str(sql, next, "select") {
            can_aggregate_from = true;
            next = skip_parentheses(sql, next);
        } else if byte == b'(' {
            let is_known = !is_word(sql[previous.start]) || is_one_of(sql, previous, &INSERT_FUNCTIONS);
            assert!(is_known, "an insert can call INSERT_FUNCTIONS only: write a subquery, or a query of the `with`");
            depth += 1;
        } else if byte == b')' {
            depth -= 1;
        } else if byte != b'\'' && !byte.is_ascii_digit() {
            can_aggregate_from = can_aggregate_from || contains(sql, token, ".");
        }
        previous = token;
        token = next;
    }
    let has_from = equal_str(sql, token, "from");
    assert!(
        !(has_from && can_aggregate_from),
        "beside `from`, the values of an insert can have no dots and no subqueries: write a query of the `with`"
    );
}

const fn ends_values(sql: &[u8], previous: Token, token: Token) -> bool {
    let is_from = equal_str(sql, token, "from") && !equal_str(sql, previous, "distinct");
    is_from || is_one_of(sql, token, &["where", ")"]) || is_clause(sql, token)
}
