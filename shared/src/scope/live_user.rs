//! The form of a statement for a user whose token can be revoked.
//!
//! The statement itself finds out whether the token was revoked, so that this takes no further round trip and nothing is
//! read or written in between.

/// The user, or the error TA401. Executed once for a statement.
const LIVE_USER: &str = "with live_user as materialized (select tasks_api.live_user($1) as id)";

/// The condition on the owner, as every part of a statement has it.
const OWNER: &str = "user_id = $1";

/// Where no row is examined, as in an empty table, PostgreSQL does not need to know the user. It evaluates a condition
/// without columns first.
const LIVE_OWNER: &str = "user_id = (select id from live_user) and exists (select from live_user)";

/// The same statement, whose `$1` is not the id of the user but [`VerifiedUser::parameter`](crate::VerifiedUser).
///
/// The text was checked before, and names no other user afterwards.
pub(crate) fn with_live_user(sql: &str) -> String {
    let statement = replace_parameter(&replace_parameter(sql, OWNER, LIVE_OWNER), "$1", "(select id from live_user)");
    match statement.strip_prefix("with ") {
        Some(queries) => format!("{LIVE_USER}, {queries}"),
        None => format!("{LIVE_USER} {statement}"),
    }
}

/// Replaces what ends with `$1`, and not with `$12`.
fn replace_parameter(sql: &str, from: &str, to: &str) -> String {
    let mut replaced = String::with_capacity(sql.len() * 2);
    let mut pieces = sql.split(from);
    replaced.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_longer_number = piece.starts_with(|next: char| next.is_ascii_digit());
        replaced.push_str(if is_longer_number { from } else { to });
        replaced.push_str(piece);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_names_the_live_user() {
        assert_eq!(
            with_live_user("select title from tasks where user_id = $1 and id = $2 limit $10"),
            "with live_user as materialized (select tasks_api.live_user($1) as id) \
             select title from tasks where user_id = (select id from live_user) and exists (select from live_user) \
             and id = $2 limit $10"
        );
        assert_eq!(
            with_live_user("with prior as (select from keys where user_id = $1) insert into tasks (user_id) select $1"),
            "with live_user as materialized (select tasks_api.live_user($1) as id), \
             prior as (select from keys where user_id = (select id from live_user) and exists (select from live_user)) \
             insert into tasks (user_id) select (select id from live_user)"
        );
    }
}
