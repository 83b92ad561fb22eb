//! Checks at compile time that a statement is confined to the rows of one user.
//!
//! [`check`] is a `const fn` that reads SQL as PostgreSQL's tokens. It accepts a subset in which ownership can be decided
//! without knowing the schema, and refuses the rest:
//!
//! - Each query that reads, updates or deletes rows of a table has a `where` whose first condition is `user_id = $1`,
//!   and no `or` at the same level. This includes subqueries, the queries of a `with`, and each side of a `union`.
//! - Each `insert` has `user_id` as its first column and `$1` as its first value; `on conflict` names `user_id` first or
//!   does nothing.
//! - No row changes its owner: `set user_id = …` is refused.
//! - A query names one table. Joins with further tables are written as subqueries.
//!
//! Functions in `from`, earlier queries of the statement's own `with`, and [`OWNERLESS_TABLES`] need no owner.
//!
//! The compile-fail tests include this file, `tokens` and `statement` alone, without the rest of the crate.

use super::tokens::{Token, equal, equal_str, is_word, next_token};

/// Tables without rows of users.
const OWNERLESS_TABLES: [&str; 1] = ["task_fences"];

/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;

/// What kind of SQL is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlKind {
    /// A statement that changes nothing.
    Read,
    /// A statement that writes.
    Write,
    /// A `select` that ends with its owner's condition, so that conditions can be appended.
    SelectPrefix,
    /// A part of a query that is appended to a [`SqlKind::SelectPrefix`] and cannot end its `where`.
    Fragment,
}

/// Fails the build unless `sql` is confined to the rows of the user `$1`; see the module. Returns how many of its parts
/// write.
pub(crate) const fn check(sql: &str, kind: SqlKind) -> usize {
    let mut checker = Checker::new(sql, kind);
    while !checker.token.is_empty() {
        checker.step();
    }
    checker.finish();
    checker.writes
}

/// What is known about the query at one level of parentheses.
#[derive(Clone, Copy)]
struct Query {
    /// Tables named so far.
    tables: usize,
    /// A table was named, and its owner's condition has not come yet.
    needs_owner: bool,
    /// In the list of tables, where a comma adds one.
    in_from: bool,
    /// The owner's condition has come, and its `where` has not ended.
    in_where: bool,
    /// Between `set` and the end of the assignments.
    in_set: bool,
    is_insert: bool,
}

impl Query {
    const NONE: Self =
        Self { tables: 0, needs_owner: false, in_from: false, in_where: false, in_set: false, is_insert: false };
}

struct Checker<'a> {
    sql: &'a [u8],
    kind: SqlKind,
    previous: Token,
    token: Token,
    depth: usize,
    queries: [Query; MAX_DEPTH],
    /// Queries and inserts that name their owner.
    owned: usize,
    /// Parts that insert, update or delete rows of users.
    writes: usize,
}

impl<'a> Checker<'a> {
    const fn new(sql: &'a str, kind: SqlKind) -> Self {
        let sql = sql.as_bytes();
        let mut queries = [Query::NONE; MAX_DEPTH];
        // A fragment continues the `where` of its prefix.
        queries[0].in_where = matches!(kind, SqlKind::Fragment);
        let (previous, token) = (Token { start: 0, end: 0 }, next_token(sql, 0));
        Self { sql, kind, previous, token, depth: 0, queries, owned: 0, writes: 0 }
    }

    const fn step(&mut self) {
        self.check_character();
        if self.is("(") {
            assert!(self.depth + 1 < MAX_DEPTH, "parentheses are nested too deeply");
            self.depth += 1;
            self.queries[self.depth] = Query::NONE;
        } else if self.is(")") {
            self.end_query();
            assert!(self.depth > 0, "a parenthesis is closed that was not opened");
            self.depth -= 1;
        } else if self.is(",") {
            assert!(!self.queries[self.depth].in_from, "a second table in `from`: write a subquery");
        } else if self.is("from") {
            if !self.after("distinct") {
                self.query().in_from = true;
                self.query().in_set = false;
                self.read_table();
            }
        } else if self.is("join") {
            self.read_table();
        } else if self.is("using") {
            assert!(equal_str(self.sql, self.peek(1), "("), "a second table in a query: write a subquery");
        } else if self.is("update") {
            if !self.after("do") && !self.after("for") {
                assert!(!self.kind_is_read(), "a read must not write: make it a Write");
                self.writes += 1;
                self.read_table();
            }
        } else if self.is("insert") {
            assert!(!self.kind_is_read(), "a read must not write: make it a Write");
            self.read_insert();
        } else if self.is("delete") {
            assert!(!self.kind_is_read(), "a read must not write: make it a Write");
            assert!(equal_str(self.sql, self.peek(1), "from"), "`delete` must be followed by `from`");
            if !self.is_ownerless(self.peek(2)) {
                self.writes += 1;
            }
        } else if self.is("conflict") {
            let by_owner = equal_str(self.sql, self.peek(1), "(") && equal_str(self.sql, self.peek(2), "user_id");
            let nothing = equal_str(self.sql, self.peek(1), "do") && equal_str(self.sql, self.peek(2), "nothing");
            assert!(by_owner || nothing, "`on conflict` must name user_id first, or do nothing");
        } else if self.is("set") {
            assert!(!equal_str(self.sql, self.peek(1), "("), "assign one column at a time");
            self.query().in_set = true;
        } else if self.is("user_id") {
            let is_assigned = self.queries[self.depth].in_set && equal_str(self.sql, self.peek(1), "=");
            assert!(!is_assigned, "a row must not change its owner");
        } else if self.is("where") {
            self.read_where();
        } else if self.is("or") {
            assert!(!self.queries[self.depth].in_where, "`or` beside the owner's condition: put it into parentheses");
        } else if is_clause(self.sql, self.token) {
            let is_fragment = matches!(self.kind, SqlKind::Fragment) && self.depth == 0;
            assert!(!is_fragment, "a fragment must not end the `where` to which it is appended");
            self.query().in_where = false;
            self.query().in_set = false;
            // The `on` of a join does not end the tables.
            if !self.is("on") {
                self.query().in_from = false;
            }
            if self.is("union") || self.is("except") || self.is("intersect") {
                assert!(!self.queries[self.depth].is_insert, "an insert must have one source of rows");
                self.end_query();
            }
        } else {
            let is_refused =
                self.is("table") || self.is("truncate") || self.is("merge") || self.is("copy") || self.is("window");
            assert!(!is_refused, "only select, insert, update and delete are allowed, without named windows");
        }
        self.advance();
    }

    /// At a keyword that a table, a function or a subquery follows.
    const fn read_table(&mut self) {
        let name = self.peek(1);
        let after = self.peek(2);
        if equal_str(self.sql, name, "(") {
            // A subquery is checked at its own level; a parenthesized join would hide its tables.
            assert!(equal_str(self.sql, after, "select"), "only a subquery can be in parentheses after `from`");
            return;
        }
        let is_function = equal_str(self.sql, after, "(") || equal_str(self.sql, name, "lateral");
        if is_function || self.is_ownerless(name) || self.is_earlier_query(name) {
            return;
        }
        assert!(self.queries[self.depth].tables == 0, "a second table in a query: write a subquery");
        self.query().tables += 1;
        self.query().needs_owner = true;
    }

    /// At `insert`: `insert into t (user_id, …) select $1, …`, or `values ($1, …)`.
    const fn read_insert(&mut self) {
        assert!(equal_str(self.sql, self.peek(1), "into"), "`insert` must be followed by `into`");
        self.query().is_insert = true;
        if self.is_ownerless(self.peek(2)) {
            return;
        }
        let names_owner = equal_str(self.sql, self.peek(3), "(") && equal_str(self.sql, self.peek(4), "user_id");
        assert!(names_owner, "an insert must name user_id as its first column");
        // Skip the columns.
        let mut token = self.peek(4);
        while !equal_str(self.sql, token, ")") {
            assert!(!token.is_empty(), "the columns of an insert must end");
            token = next_token(self.sql, token.end);
        }
        token = next_token(self.sql, token.end);
        if equal_str(self.sql, token, "select") {
            token = next_token(self.sql, token.end);
            self.check_first_value(token);
        } else {
            assert!(equal_str(self.sql, token, "values"), "an insert must have `select` or `values`");
            loop {
                token = next_token(self.sql, token.end);
                assert!(equal_str(self.sql, token, "("), "`values` must be followed by rows");
                token = next_token(self.sql, token.end);
                self.check_first_value(token);
                token = self.skip_parentheses(token);
                if !equal_str(self.sql, token, ",") {
                    break;
                }
            }
        }
        self.owned += 1;
        self.writes += 1;
    }

    /// The value of user_id in an insert.
    const fn check_first_value(&self, token: Token) {
        let after = next_token(self.sql, token.end);
        let ends = after.is_empty()
            || equal_str(self.sql, after, ",")
            || equal_str(self.sql, after, ")")
            || equal_str(self.sql, after, "where");
        assert!(equal_str(self.sql, token, "$1") && ends, "an insert must have $1 as its first value");
    }

    /// From a token within parentheses to the token behind them.
    const fn skip_parentheses(&self, mut token: Token) -> Token {
        let mut depth = 1;
        while depth > 0 {
            assert!(!token.is_empty(), "a parenthesis is not closed");
            if equal_str(self.sql, token, "(") {
                depth += 1;
            } else if equal_str(self.sql, token, ")") {
                depth -= 1;
            }
            token = next_token(self.sql, token.end);
        }
        token
    }

    /// At `where`.
    const fn read_where(&mut self) {
        self.query().in_set = false;
        self.query().in_from = false;
        if !self.queries[self.depth].needs_owner {
            return;
        }
        let names_owner = equal_str(self.sql, self.peek(1), "user_id")
            && equal_str(self.sql, self.peek(2), "=")
            && equal_str(self.sql, self.peek(3), "$1");
        assert!(names_owner, "the first condition must be `user_id = $1`");
        let after = self.peek(4);
        assert!(!equal_str(self.sql, after, "or"), "`or` beside the owner's condition: put it into parentheses");
        let is_alone = after.is_empty()
            || equal_str(self.sql, after, "and")
            || equal_str(self.sql, after, ")")
            || is_clause(self.sql, after);
        assert!(is_alone, "`user_id = $1` must be a condition of its own, followed by `and` or the end of the `where`");
        self.query().needs_owner = false;
        self.query().in_where = true;
        self.owned += 1;
    }

    const fn end_query(&mut self) {
        assert!(!self.queries[self.depth].needs_owner, "a table is used without `where user_id = $1`");
        let is_insert = self.queries[self.depth].is_insert;
        self.queries[self.depth] = Query::NONE;
        self.queries[self.depth].is_insert = is_insert;
    }

    const fn finish(&mut self) {
        assert!(self.depth == 0, "a parenthesis is not closed");
        self.end_query();
        match self.kind {
            SqlKind::Fragment => {}
            SqlKind::Read | SqlKind::Write => assert!(self.owned > 0, "the statement must name its user as $1"),
            SqlKind::SelectPrefix => {
                let mut end = self.sql.len();
                while end > 0 && self.sql[end - 1].is_ascii_whitespace() {
                    end -= 1;
                }
                let suffix = b"where user_id = $1";
                assert!(self.owned > 0 && end >= suffix.len(), "the statement must end with `where user_id = $1`");
                let mut index = 0;
                while index < suffix.len() {
                    let byte = self.sql[end - suffix.len() + index];
                    assert!(byte == suffix[index], "the statement must end with `where user_id = $1`");
                    index += 1;
                }
            }
        }
    }

    /// Refuses what the tokens do not show: comments, further statements, quoted and upper-case names.
    const fn check_character(&self) {
        let byte = self.sql[self.token.start];
        assert!(byte != b';', "one statement only");
        assert!(byte != b'"', "quoted names are not allowed");
        assert!(byte < 128, "only ASCII outside of literals");
        let next = if self.token.start + 1 < self.sql.len() { self.sql[self.token.start + 1] } else { b' ' };
        assert!(byte != b'$' || next.is_ascii_digit(), "dollar quotes are not allowed");
        let is_comment = (byte == b'-' && next == b'-') || (byte == b'/' && next == b'*');
        assert!(!is_comment, "comments are not allowed");
        if byte == b'\'' {
            let before = self.previous;
            let is_prefixed =
                before.end == self.token.start && before.start < before.end && is_word(self.sql[before.start]);
            assert!(!is_prefixed, "only plain string literals are allowed");
            return;
        }
        let mut index = self.token.start;
        while index < self.token.end {
            assert!(!self.sql[index].is_ascii_uppercase(), "SQL is written in lower case");
            index += 1;
        }
    }

    const fn kind_is_read(&self) -> bool {
        !matches!(self.kind, SqlKind::Write)
    }

    /// Whether a query of the statement's own `with` has this name and has ended before the current token.
    const fn is_earlier_query(&self, name: Token) -> bool {
        let mut token = next_token(self.sql, 0);
        let mut depth = 0;
        while token.start < self.token.start {
            let keyword = next_token(self.sql, token.end);
            let opening = next_token(self.sql, keyword.end);
            if equal_str(self.sql, token, "(") {
                depth += 1;
            } else if equal_str(self.sql, token, ")") {
                depth -= 1;
            }
            if depth == 0
                && equal(self.sql, token, self.sql, name)
                && equal_str(self.sql, keyword, "as")
                && equal_str(self.sql, opening, "(")
            {
                let behind = self.skip_parentheses(next_token(self.sql, opening.end));
                return behind.start <= self.token.start;
            }
            token = keyword;
        }
        false
    }

    const fn is_ownerless(&self, name: Token) -> bool {
        let mut index = 0;
        while index < OWNERLESS_TABLES.len() {
            if equal_str(self.sql, name, OWNERLESS_TABLES[index]) {
                return true;
            }
            index += 1;
        }
        false
    }

    const fn query(&mut self) -> &mut Query {
        &mut self.queries[self.depth]
    }

    const fn is(&self, text: &str) -> bool {
        equal_str(self.sql, self.token, text)
    }

    const fn after(&self, text: &str) -> bool {
        equal_str(self.sql, self.previous, text)
    }

    /// The token `distance` tokens ahead.
    const fn peek(&self, distance: usize) -> Token {
        let mut token = self.token;
        let mut index = 0;
        while index < distance {
            token = next_token(self.sql, token.end);
            index += 1;
        }
        token
    }

    const fn advance(&mut self) {
        self.previous = self.token;
        self.token = next_token(self.sql, self.token.end);
    }
}

/// Keywords that can follow the conditions of a `where`.
const fn is_clause(sql: &[u8], token: Token) -> bool {
    const CLAUSES: [&str; 12] = [
        "order",
        "group",
        "having",
        "limit",
        "offset",
        "fetch",
        "for",
        "returning",
        "on",
        "union",
        "except",
        "intersect",
    ];
    let mut index = 0;
    while index < CLAUSES.len() {
        if equal_str(sql, token, CLAUSES[index]) {
            return true;
        }
        index += 1;
    }
    false
}
