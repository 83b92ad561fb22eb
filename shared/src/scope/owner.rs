//! Checks at compile time that a statement is confined to the rows of one user.
//!
//! [`check`] is a `const fn` that reads SQL as PostgreSQL's tokens. It accepts a subset in which ownership can be decided
//! from the text, and refuses the rest:
//!
//! - Each query that reads, updates or deletes rows of a table has a `where` whose first condition is `user_id = $1`,
//!   and no `or` at the same level. This includes subqueries, the queries of a `with`, and each side of a `union`.
//! - A query names one table, one of [`USER_TABLES`]. Joins with further tables are written as subqueries.
//!   [`SHARED_TABLES`] can be read beside it.
//! - Each `insert` is a `select` with `user_id` as its first column and `$1` as its first value; `on conflict` names
//!   `user_id` first or does nothing.
//! - No row changes its owner: `set user_id = …` is refused, and columns are assigned one at a time.
//! - The `where` of each part that writes ends with the [`FENCE`], in a keyed write with the [`KEYED_FENCE`].
//! - Only a keyed write stores a key, and it has the form of [`keyed_sql`](super::key_row::keyed_sql).
//!
//! [`SOURCE_FUNCTIONS`] and earlier queries of the statement's own `with` need no owner. Functions in expressions are
//! trusted not to read rows of other users, except [`FUNCTIONS_OF_SQL`].
//!
//! `tests/owner.rs` compiles this file, `allowed`, `key_row`, `statement`, `tokens` and `values` without the rest of the
//! crate.

use super::allowed::{
    FENCE, FUNCTIONS_OF_SQL, KEYED_FENCE, KEYS, SHARED_TABLES, SOURCE_FUNCTIONS, USER_TABLES, is_clause,
};
use super::key_row::check_key_row;
use super::tokens::{
    Token, check_tokens, contains, count_bytes, equal, equal_str, is_one_of, next_token, skip_parentheses, skip_tokens,
};
use super::values::check_values;

const NO_FENCE: &str = "a write must have the condition `not exists (select from tasks_api.task_fences where attempt = $2)`, the last of its `where`";
const NO_KEYED_FENCE: &str =
    "a keyed write must have the condition `not exists (select from prior)`, directly before the fence";
const UNKNOWN_TABLE: &str =
    "not one of USER_TABLES, SHARED_TABLES, SOURCE_FUNCTIONS or the earlier queries of the `with`";

/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;

/// The most queries of a `with`.
const MAX_QUERIES: usize = 16;

const NO_TOKEN: Token = Token { start: 0, end: 0 };

/// What kind of SQL is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlKind {
    /// A statement that changes nothing.
    Read,
    /// A statement that writes.
    Write,
    /// A statement that writes and stores what it did under a key of the client.
    KeyedWrite,
    /// A `select` that ends with its owner's condition, so that conditions can be appended.
    SelectPrefix,
    /// A part of a query. It is appended to a [`SqlKind::SelectPrefix`] and cannot end its `where`.
    Fragment,
}

/// Fails the build unless `sql` is confined to the rows of the user `$1`; see the module. Returns how many of its parts
/// write.
pub(crate) const fn check(sql: &str, kind: SqlKind) -> usize {
    check_tokens(sql.as_bytes());
    if matches!(kind, SqlKind::KeyedWrite) {
        check_key_row(sql);
    }
    let mut checker = Checker::new(sql, kind);
    checker.check_kind();
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
    /// The current token is in the list of tables, where a comma adds a table.
    in_from: bool,
    /// It writes, and its fence has not come yet.
    needs_fence: bool,
    /// It writes what a key stands for, so its fence is the [`KEYED_FENCE`].
    is_keyed: bool,
    /// The `where` of the owner or of the fence has begun.
    in_where: bool,
    is_insert: bool,
}

impl Query {
    const NONE: Self = Self {
        tables: 0,
        needs_owner: false,
        in_from: false,
        needs_fence: false,
        is_keyed: false,
        in_where: false,
        is_insert: false,
    };
}

struct Checker<'a> {
    sql: &'a [u8],
    kind: SqlKind,
    before_previous: Token,
    previous: Token,
    token: Token,
    depth: usize,
    queries: [Query; MAX_DEPTH],
    /// The names of the queries of the `with` that have ended.
    earlier_queries: [Token; MAX_QUERIES],
    earlier_count: usize,
    /// The name of the one that has begun.
    open_query: Token,
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
        Self {
            sql,
            kind,
            before_previous: NO_TOKEN,
            previous: NO_TOKEN,
            token: next_token(sql, 0),
            depth: 0,
            queries,
            earlier_queries: [NO_TOKEN; MAX_QUERIES],
            earlier_count: 0,
            open_query: NO_TOKEN,
            owned: 0,
            writes: 0,
        }
    }

    const fn step(&mut self) {
        let is_keyword =
            is_clause(self.sql, self.token) || is_one_of(self.sql, self.token, &["distinct", "from", "where"]);
        assert!(!(is_keyword && self.after("as")), "a keyword must not be a name");
        if self.is("(") {
            self.check_assignment(skip_parentheses(self.sql, self.peek(1)), "assign one column at a time");
            assert!(self.depth + 1 < MAX_DEPTH, "parentheses are nested too deeply");
            self.begin_query();
            self.depth += 1;
            self.queries[self.depth] = Query::NONE;
        } else if self.is(")") {
            self.end_query();
            assert!(self.depth > 0, "a parenthesis is closed that was not opened");
            self.depth -= 1;
            if self.depth == 0 {
                self.end_earlier_query();
            }
        } else if self.is(",") {
            assert!(!self.queries[self.depth].in_from, "a second table in `from`: write a subquery");
        } else if self.is("distinct") {
            let is_comparison = self.after("is") || self.after("not");
            assert!(is_comparison || !self.is_at(1, "from"), "`distinct` must not be a name");
        } else if self.is("from") {
            if !self.after("distinct") {
                self.query().in_from = true;
                if !self.after("delete") {
                    self.read_source();
                }
            }
        } else if self.is("join") {
            self.read_source();
        } else if self.is("update") {
            if !self.after("do") && !self.after("for") {
                self.read_target(1);
                self.read_table(1);
            }
        } else if self.is("delete") {
            self.read_target(2);
            assert!(self.is_at(1, "from"), "`delete` must be followed by `from`");
            self.read_table(2);
        } else if self.is("insert") {
            self.read_target(2);
            self.read_insert();
        } else if self.is("into") {
            assert!(self.after("insert"), "`select into` makes a table: write `insert into`");
        } else if self.is("conflict") {
            let by_owner = self.is_at(1, "(") && self.is_at(2, "user_id");
            let nothing = self.is_at(1, "do") && self.is_at(2, "nothing");
            assert!(by_owner || nothing, "`on conflict` must name user_id first, or do nothing");
            // A `where` after it does not restrict the rows that are read and inserted.
            self.check_conditions();
        } else if self.is("user_id") {
            self.check_assignment(self.peek(1), "a row must not change its owner");
        } else if self.is("where") {
            self.read_where();
        } else if self.is("or") {
            assert!(!self.queries[self.depth].in_where, "`or` beside the owner's condition: put it into parentheses");
        } else if self.is("not") {
            self.read_fence();
        } else if self.is("between") {
            // Its `and` would make the fence an operand.
            assert!(!self.queries[self.depth].needs_fence, "`between` beside a fence: write `>=` and `<=`");
        } else if is_clause(self.sql, self.token) {
            let is_fragment = matches!(self.kind, SqlKind::Fragment) && self.depth == 0;
            assert!(!is_fragment, "a fragment must not end the `where` to which it is appended");
            // The `on` of a join does not end the tables.
            if !self.is("on") {
                self.query().in_from = false;
                self.check_conditions();
            }
            if self.is("union") || self.is("except") || self.is("intersect") {
                assert!(!self.queries[self.depth].is_insert, "an insert must have one source of rows");
                self.end_query();
            }
        } else {
            let is_refused = is_one_of(self.sql, self.token, &["table", "truncate", "merge", "copy", "window"]);
            assert!(!is_refused, "only select, insert, update and delete are allowed, without named windows");
            assert!(!self.is("using"), "a second table in a query: write a subquery, or `on` for a join");
            assert!(!self.is("tasks_api.task_fences"), "{}", self.no_fence());
            self.check_function();
        }
        self.advance();
    }

    /// At a keyword that is followed by a table, a function or a subquery.
    const fn read_source(&mut self) {
        let distance = if self.is_at(1, "lateral") { 2 } else { 1 };
        let name = self.peek(distance);
        assert!(!equal_str(self.sql, name, "tasks_api.task_fences"), "{}", self.no_fence());
        if equal_str(self.sql, name, "(") {
            // A subquery is checked at its own level; a parenthesized join would hide its tables.
            assert!(self.is_at(distance + 1, "select"), "only a subquery can be in parentheses after `from`");
        } else if is_one_of(self.sql, name, &USER_TABLES) {
            self.read_table(distance);
        } else {
            let is_known = is_one_of(self.sql, name, &SOURCE_FUNCTIONS)
                || is_one_of(self.sql, name, &SHARED_TABLES)
                || self.is_earlier_query(name);
            assert!(is_known, "{}", UNKNOWN_TABLE);
        }
    }

    /// One of [`USER_TABLES`], `distance` tokens ahead.
    const fn read_table(&mut self, distance: usize) {
        const FOLLOWING: [&str; 10] = ["as", "where", "set", "join", "left", "inner", "cross", "using", ")", ","];
        assert!(self.queries[self.depth].tables == 0, "a second table in a query: write a subquery");
        self.query().tables += 1;
        self.query().needs_owner = true;
        let after = self.peek(distance + 1);
        assert!(
            after.is_empty() || is_clause(self.sql, after) || is_one_of(self.sql, after, &FOLLOWING),
            "a table can be followed by `as`, a join or `where`"
        );
        let renames_columns = equal_str(self.sql, after, "as") && self.is_at(distance + 3, "(");
        assert!(!renames_columns, "the alias of a table must not rename its columns");
    }

    /// At a part that writes to the table `distance` tokens ahead.
    const fn read_target(&mut self, distance: usize) {
        let is_keyed = matches!(self.kind, SqlKind::KeyedWrite);
        assert!(is_keyed || matches!(self.kind, SqlKind::Write), "a read must not write: make it a Write");
        // Even if a query of the `with` has its name, the target is a table.
        assert!(is_one_of(self.sql, self.peek(distance), &USER_TABLES), "{}", UNKNOWN_TABLE);
        let stores_key = equal_str(self.sql, self.peek(distance), KEYS);
        // The form of a keyed write has one, which is fenced after the others. Who deletes an account deletes its keys.
        let is_allowed = if is_keyed { self.is("insert") } else { self.is("delete") };
        assert!(!stores_key || is_allowed, "only a KeyedWrite stores a key, in its query `kept`");
        self.writes += 1;
        self.query().needs_fence = true;
        self.query().is_keyed = is_keyed && !stores_key;
    }

    /// At `insert`: `insert into t (user_id, …) select $1, …`.
    const fn read_insert(&mut self) {
        assert!(self.is_at(1, "into"), "`insert` must be followed by `into`");
        self.query().is_insert = true;
        assert!(self.is_at(3, "(") && self.is_at(4, "user_id"), "an insert must name user_id as its first column");
        let select = skip_parentheses(self.sql, self.peek(4));
        assert!(equal_str(self.sql, select, "select"), "an insert must have a `select`: `values` have no fence");
        let value = next_token(self.sql, select.end);
        let after = next_token(self.sql, value.end);
        let ends = after.is_empty() || is_one_of(self.sql, after, &[",", ")", "where"]);
        assert!(equal_str(self.sql, value, "$1") && ends, "an insert must have $1 as its first value");
        check_values(self.sql, after);
        self.owned += 1;
    }

    /// At `where`.
    const fn read_where(&mut self) {
        let query = self.query();
        query.in_from = false;
        query.in_where = query.in_where || query.needs_owner || query.needs_fence;
        if !query.needs_owner {
            return;
        }
        let names_owner = self.is_at(1, "user_id") && self.is_at(2, "=") && self.is_at(3, "$1");
        assert!(names_owner, "the first condition must be `user_id = $1`");
        let after = self.peek(4);
        assert!(!equal_str(self.sql, after, "or"), "`or` beside the owner's condition: put it into parentheses");
        let is_alone = after.is_empty() || is_one_of(self.sql, after, &["and", ")"]) || is_clause(self.sql, after);
        assert!(is_alone, "`user_id = $1` must be a condition of its own, followed by `and` or the end of the `where`");
        self.query().needs_owner = false;
        self.owned += 1;
    }

    /// At `not`, which may begin the fence.
    const fn read_fence(&mut self) {
        let query = self.queries[self.depth];
        if !(query.needs_fence && query.in_where && (self.after("and") || self.after("where"))) {
            return;
        }
        let fence = if query.is_keyed { KEYED_FENCE } else { FENCE };
        if let Some(last) = skip_tokens(self.sql, self.token, fence) {
            let after = next_token(self.sql, last.end);
            // Anything else could make it an operand, or produce a row where it allows none, as `having` does.
            let is_last = after.is_empty() || is_one_of(self.sql, after, &[")", "on", "returning"]);
            assert!(is_last, "the fence must be the last condition, without clauses for groups or order behind it");
            self.query().needs_fence = false;
            self.token = last;
        }
    }

    /// At a column or a list of columns; `next` is the token after it.
    const fn check_assignment(&self, next: Token, message: &str) {
        let is_assigned = (self.after("set") || self.after(",")) && equal_str(self.sql, next, "=");
        assert!(!is_assigned, "{}", message);
    }

    const fn check_function(&self) {
        let mut index = 0;
        while index < FUNCTIONS_OF_SQL.len() {
            let is_refused = contains(self.sql, self.token, FUNCTIONS_OF_SQL[index]);
            assert!(!is_refused, "a function must not execute SQL or read a table by its name");
            index += 1;
        }
    }

    /// At a token after which the query can no longer have a `where`.
    const fn check_conditions(&self) {
        assert!(!self.queries[self.depth].needs_owner, "a table is used without `where user_id = $1`");
        assert!(!self.queries[self.depth].needs_fence, "{}", self.no_fence());
    }

    const fn no_fence(&self) -> &'static str {
        if matches!(self.kind, SqlKind::KeyedWrite) { NO_KEYED_FENCE } else { NO_FENCE }
    }

    const fn end_query(&mut self) {
        self.check_conditions();
        let is_insert = self.queries[self.depth].is_insert;
        self.queries[self.depth] = Query::NONE;
        self.queries[self.depth].is_insert = is_insert;
    }

    /// What the kind of SQL requires of its first token and of its parameters.
    const fn check_kind(&self) {
        if !matches!(self.kind, SqlKind::Fragment) {
            let is_known = is_one_of(self.sql, self.token, &["select", "with", "insert", "update", "delete"]);
            assert!(is_known, "only select, insert, update and delete are allowed");
        }
        if matches!(self.kind, SqlKind::Read | SqlKind::Write | SqlKind::KeyedWrite) {
            return;
        }
        let is_fragment = matches!(self.kind, SqlKind::Fragment);
        assert!(is_fragment || count_bytes(self.sql, b'?') == 0, "only a fragment can have `?`");
        let mut token = self.token;
        while !token.is_empty() {
            let is_numbered = self.sql[token.start] == b'$' && !equal_str(self.sql, token, "$1");
            assert!(!is_numbered, "a list numbers its parameters itself: write `?` in a fragment");
            let is_literal = self.sql[token.start] == b'\'';
            assert!(!(is_literal && contains(self.sql, token, "?")), "a literal of a fragment must not contain `?`");
            token = next_token(self.sql, token.end);
        }
    }

    const fn finish(&mut self) {
        assert!(self.depth == 0, "a parenthesis is not closed");
        self.end_query();
        match self.kind {
            SqlKind::Fragment => {}
            SqlKind::Read | SqlKind::Write | SqlKind::KeyedWrite => {
                assert!(self.owned > 0, "the statement must name its user as $1")
            }
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

    /// At an opening parenthesis: whether it opens a query of the statement's own `with`.
    const fn begin_query(&mut self) {
        if self.depth == 0 && self.after("as") {
            self.open_query = self.before_previous;
        }
    }

    /// At a closing parenthesis, outside of all others.
    const fn end_earlier_query(&mut self) {
        if !self.open_query.is_empty() {
            assert!(self.earlier_count < MAX_QUERIES, "too many queries in a `with`");
            self.earlier_queries[self.earlier_count] = self.open_query;
            self.earlier_count += 1;
            self.open_query = NO_TOKEN;
        }
    }

    /// Whether a query of the statement's own `with` has this name and has ended before the current token.
    const fn is_earlier_query(&self, name: Token) -> bool {
        let mut index = 0;
        while index < self.earlier_count {
            if equal(self.sql, self.earlier_queries[index], self.sql, name) {
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

    /// Whether the token `distance` tokens ahead is `text`.
    const fn is_at(&self, distance: usize, text: &str) -> bool {
        equal_str(self.sql, self.peek(distance), text)
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
        self.before_previous = self.previous;
        self.previous = self.token;
        self.token = next_token(self.sql, self.token.end);
    }
}
