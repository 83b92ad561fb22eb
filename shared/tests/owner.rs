//! Statements that are not confined to the rows of their user do not compile.
//!
//! Each pair differs in one detail: the first statement compiles, the second fails the build with the message. They are
//! compiled by rustc, as constants beside the very source files of the crate.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// How a statement is made.
#[derive(Clone, Copy)]
enum Maker {
    Read,
    Write,
    KeyedWrite,
    SelectPrefix,
    Fragment,
}

/// A statement that compiles, its twin that does not, and the message. `<fence>` stands for the condition of writes,
/// `<unless stored>` for that of keyed writes, and `<prior>` and `<kept>` for the queries that find and store a key.
struct Pair {
    maker: Maker,
    compiles: &'static str,
    fails: &'static str,
    message: &'static str,
}

const fn read(compiles: &'static str, fails: &'static str, message: &'static str) -> Pair {
    Pair { maker: Maker::Read, compiles, fails, message }
}

const fn write(compiles: &'static str, fails: &'static str, message: &'static str) -> Pair {
    Pair { maker: Maker::Write, compiles, fails, message }
}

const fn keyed(compiles: &'static str, fails: &'static str, message: &'static str) -> Pair {
    Pair { maker: Maker::KeyedWrite, compiles, fails, message }
}

const fn prefix(compiles: &'static str, fails: &'static str, message: &'static str) -> Pair {
    Pair { maker: Maker::SelectPrefix, compiles, fails, message }
}

const fn fragment(compiles: &'static str, fails: &'static str, message: &'static str) -> Pair {
    Pair { maker: Maker::Fragment, compiles, fails, message }
}

const WHERE: &str = "the first condition must be `user_id = $1`";
const ALONE: &str = "`user_id = $1` must be a condition of its own";
const OR: &str = "`or` beside the owner's condition";
const NO_WHERE: &str = "a table is used without `where user_id = $1`";
const SECOND_TABLE: &str = "a second table";
const FENCE: &str =
    "a write must have the condition `not exists (select from tasks_api.task_fences where attempt = $2)`";
const WRITES: &str = "a read must not write";
const FIRST_VALUE: &str = "an insert must have $1 as its first value";
const CONFLICT: &str = "`on conflict` must name user_id first, or do nothing";
const NO_USER: &str = "the statement must name its user as $1";
const UNKNOWN_TABLE: &str =
    "not one of USER_TABLES, SHARED_TABLES, SOURCE_FUNCTIONS or the earlier queries of the `with`";
const FOLLOWS_TABLE: &str = "a table can be followed by `as`, a join or `where`";
const KEYWORD: &str = "a keyword must not be a name";
const LAST: &str = "the fence must be the last condition";
const AGGREGATE: &str = "an insert can call INSERT_FUNCTIONS only";
const CORRELATED: &str = "beside `from`, the values of an insert can have no dots and no subqueries";
const FUNCTION_OF_SQL: &str = "a function must not execute SQL or read a table by its name";
const NUMBER: &str = "a number must have digits only, and white space behind it";
const DOT: &str = "a dot must be followed by a name or `*`, without white space";
const LITERAL: &str = "only plain string literals are allowed";
const PARAMETER: &str = "a list numbers its parameters itself: write `?` in a fragment";
const FRAGMENT_PARAMETER: &str = "only a fragment can have `?`";
const LITERAL_PARAMETER: &str = "a literal of a fragment must not contain `?`";
const LEAVES_WHERE: &str = "a fragment must not end the `where` to which it is appended";

const KEYED_FENCE: &str = "a keyed write must have the condition `not exists (select from prior)`";
const KEY_FIRST: &str = "a keyed write must begin with the query `prior` of keyed_sql";
const KEY_LAST: &str = "a keyed write must end with the query `kept` of keyed_sql";
const KEYS: &str = "only a KeyedWrite stores a key, in its query `kept`";

const PAIRS: &[Pair] = &[
    // The owner's condition.
    read("select id from tasks where user_id = $1", "select id from tasks", NO_WHERE),
    read("select id from tasks where user_id = $1 and id = $2", "select id from tasks where id = $2", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where user_id = $2", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where user_id = $10", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where user_id <> $1", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where not user_id = $1", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where (user_id = $1 or true)", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where 'user_id = $1' = $1", WHERE),
    read("select id from tasks where user_id = $1", "select id from tasks where user_id = $1 is not null", ALONE),
    read("select id from tasks where user_id = $1", "select id from tasks where user_id = $1 || ''", ALONE),
    read(
        "select id from tasks where user_id = $1 and (id = $2 or id = $3)",
        "select id from tasks where user_id = $1 and id = $2 or id = $3",
        OR,
    ),
    read(
        "select id from tasks where user_id = $1 and id = $2",
        "select id from tasks where user_id = $1 or id = $2",
        OR,
    ),
    read("select 1 from tasks where user_id = $1", "select $1", NO_USER),
    // Further queries of a statement.
    read(
        "select id from tasks where user_id = $1 and exists (select from tasks as t where user_id = $1 and t.id = tasks.id)",
        "select id from tasks where user_id = $1 and exists (select from tasks as t where t.id = tasks.id)",
        WHERE,
    ),
    read(
        "select id, (select count(*) from tasks where user_id = $1) from tasks where user_id = $1",
        "select id, (select count(*) from tasks) from tasks where user_id = $1",
        NO_WHERE,
    ),
    read(
        "select id from tasks where user_id = $1 union all select id from tasks where user_id = $1",
        "select id from tasks where user_id = $1 union all select id from tasks",
        NO_WHERE,
    ),
    read(
        "with mine as (select id from tasks where user_id = $1) select id from mine",
        "with mine as (select id from tasks where user_id = $1) select id from tasks",
        NO_WHERE,
    ),
    read(
        "with mine as (select id from tasks where user_id = $1) select id from mine",
        "with mine as (select id from tasks) select id from mine where user_id = $1",
        NO_WHERE,
    ),
    read(
        "with mine as (select 1 from tasks where user_id = $1) select 1 from mine",
        "select (with mine as (select 1 from tasks where user_id = $1) select 1 from mine) from mine",
        UNKNOWN_TABLE,
    ),
    read(
        "select 1 from generate_series(1, 2) where exists (select from tasks where user_id = $1)",
        "select 1 from generate_series(1, 2), tasks where exists (select from tasks where user_id = $1)",
        SECOND_TABLE,
    ),
    read("select 1 from tasks where user_id = $1", "select 1 from tasks, tasks where user_id = $1", SECOND_TABLE),
    read("select 1 from tasks where user_id = $1", "select 1 from tasks as t, tasks where user_id = $1", SECOND_TABLE),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks join tasks on true where user_id = $1",
        SECOND_TABLE,
    ),
    read(
        "select 1 from tasks join unnest($2::int[]) as ids on true where user_id = $1",
        "select 1 from tasks join unnest($2::int[]) as ids on true, tasks where user_id = $1",
        SECOND_TABLE,
    ),
    read(
        "select 1 from (select id from tasks where user_id = $1) as mine",
        "select 1 from (tasks join tasks on true) where user_id = $1",
        "only a subquery can be in parentheses after `from`",
    ),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks where user_id = $1 and true window mine as (order by id) union select 1 from mine",
        "without named windows",
    ),
    read("select 1 from tasks where user_id = $1", "table tasks", "only select, insert, update and delete are allowed"),
    // Reads do not write.
    read("select 1 from tasks where user_id = $1", "delete from tasks where user_id = $1", WRITES),
    read("select 1 from tasks where user_id = $1", "update tasks set title = $2 where user_id = $1", WRITES),
    read("select 1 from tasks where user_id = $1", "insert into tasks (user_id) values ($1)", WRITES),
    read("select 1 from tasks where user_id = $1 for update", "with t as (delete from tasks) select 1 from t", WRITES),
    // Writes.
    write(
        "delete from tasks where user_id = $1 and id = $3 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "delete from tasks where user_id = $1 and id = $3",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "delete from tasks where id = $3 and not exists (select from tasks_api.task_fences where attempt = $2)",
        WHERE,
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "update tasks set title = $3 where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $3)",
        FENCE,
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "update tasks set user_id = $3 where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "a row must not change its owner",
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "update tasks set title = t.title from tasks as t where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        SECOND_TABLE,
    ),
    write(
        "delete from tasks where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        "delete from tasks using tasks as t where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2)",
        SECOND_TABLE,
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from tasks_api.task_fences where attempt = $2)",
        "insert into tasks (user_id, title) select $3, $1 where not exists (select from tasks_api.task_fences where attempt = $2)",
        FIRST_VALUE,
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from tasks_api.task_fences where attempt = $2)",
        "insert into tasks (title, user_id) select $1, $3 where not exists (select from tasks_api.task_fences where attempt = $2)",
        "an insert must name user_id as its first column",
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from tasks_api.task_fences where attempt = $2)",
        "insert into tasks (user_id, title) values ($1, $3), ($4, $3)",
        "an insert must have a `select`",
    ),
    write(
        "insert into tasks (user_id) select $1 where not exists (select from tasks_api.task_fences where attempt = $2) \
         on conflict (user_id, id) do update set title = $3",
        "insert into tasks (user_id) select $1 where not exists (select from tasks_api.task_fences where attempt = $2) \
         on conflict (id) do update set title = $3",
        CONFLICT,
    ),
    write(
        "insert into tasks (user_id) select $1 where not exists (select from tasks_api.task_fences where attempt = $2)",
        "select 1 from tasks where user_id = $1",
        "a write must write",
    ),
    write(
        "with t as (delete from tasks where user_id = $1 and not exists (select from tasks_api.task_fences where attempt = $2) \
         returning id) select id from t",
        "with t as (delete from tasks where user_id = $1 returning id), u as (delete from tasks where user_id = $1 and \
         not exists (select from tasks_api.task_fences where attempt = $2) returning id) select id from t",
        FENCE,
    ),
    // Text that could be read as other tokens.
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks where user_id = $1 and true; select 1",
        "one statement only",
    ),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks -- where user_id = $1",
        "comments are not allowed",
    ),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks /* where user_id = $1 */",
        "comments are not allowed",
    ),
    read("select 1 from tasks where user_id = $1", "select 1 from tasks WHERE true", "SQL is written in lower case"),
    read("select 1 from tasks where user_id = $1", "select 1 from \\\"tasks\\\"", "quoted names are not allowed"),
    read("select 1 from tasks where user_id = $1", "select $$a$$ from tasks", "dollar quotes are not allowed"),
    read(
        "select '''' from tasks where user_id = $1",
        "select e'\\\\'' from tasks",
        "only plain string literals are allowed",
    ),
    read(
        "select 'or' from tasks where user_id = $1",
        "select 'or from tasks where user_id = $1",
        "a string literal is not closed",
    ),
    read(
        "select (1) from tasks where user_id = $1",
        "select (1 from tasks where user_id = $1",
        "a parenthesis is not closed",
    ),
    // The tables of a query.
    read("select id from tasks where user_id = $1", "select id from only (tasks) where user_id = $1", UNKNOWN_TABLE),
    read("select id from tasks where user_id = $1", "select id from public.tasks where user_id = $1", UNKNOWN_TABLE),
    read("select id from tasks where user_id = $1", "select id from all_tasks() where user_id = $1", UNKNOWN_TABLE),
    read(
        "select task_id from tasks_api.task_tombstones where user_id = $1",
        "select task_id from tasks_api.task_tombstones where deleted_in > $2",
        WHERE,
    ),
    read(
        "select id, (select epoch from tasks_api.sync_epoch) from tasks where user_id = $1",
        "select epoch from tasks_api.sync_epoch",
        NO_USER,
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and <fence>",
        "update tasks_api.sync_epoch set epoch = $3 where user_id = $1 and <fence>",
        UNKNOWN_TABLE,
    ),
    // A table without the column would compare that of the surrounding query.
    read(
        "select (select max(token) from unnest($2::text[]) as token) from tasks where user_id = $1",
        "select (select max(token) from session where user_id = $1) from tasks where user_id = $1",
        UNKNOWN_TABLE,
    ),
    read(
        "select t.title from tasks as t where user_id = $1",
        "select t.title from tasks as t (id, owner, user_id) where user_id = $1",
        "the alias of a table must not rename its columns",
    ),
    read(
        "select t.title from tasks as t where user_id = $1",
        "select t.title from tasks t (id, owner, user_id) where user_id = $1",
        FOLLOWS_TABLE,
    ),
    read(
        "select id from tasks where user_id = $1",
        "select id from tasks tablesample system (1) where user_id = $1",
        FOLLOWS_TABLE,
    ),
    read(
        "select id from tasks join unnest($2::int[]) as ids on id = ids where user_id = $1",
        "select id from tasks join unnest($2::int[]) as ids (id) using (id) where user_id = $1",
        SECOND_TABLE,
    ),
    write(
        "delete from tasks where user_id = $1 and <fence>",
        "delete from tasks using (tasks as t join unnest($3::int[]) as x on true) where user_id = $1 and <fence>",
        SECOND_TABLE,
    ),
    write(
        "with mine as (select id from tasks where user_id = $1) delete from tasks where user_id = $1 and <fence>",
        "with tasks as (select id from tasks where user_id = $1) delete from tasks where <fence>",
        WHERE,
    ),
    write(
        "with mine as (select id from tasks where user_id = $1) update tasks set id = $3 where user_id = $1 and <fence>",
        "with session as (select id from tasks where user_id = $1) update session set id = $3 where <fence>",
        UNKNOWN_TABLE,
    ),
    // Keywords that are names.
    read(
        "select title as a from tasks where user_id = $1 and title is not distinct from $2",
        "select title as distinct from tasks",
        KEYWORD,
    ),
    read(
        "select distinct title from tasks where user_id = $1",
        "select title distinct from tasks",
        "`distinct` must not be a name",
    ),
    write(
        "insert into tasks (user_id, title, done) select $1, $3 as title, true where <fence>",
        "insert into tasks (user_id, title, done) select $1, $3 as where, true and <fence>",
        KEYWORD,
    ),
    // The ends of words.
    read(
        "select 0.5 from tasks where user_id = $1 and (false or 0.5 < 1)",
        "select 0.5 from tasks where user_id = $1 and false or.5 < 1",
        DOT,
    ),
    read("select 1 from tasks where user_id = $1", "select 1.from tasks", NUMBER),
    read(
        "select id from tasks where user_id = $1 and (id = 1 or true)",
        "select id from tasks where user_id = $1 and id = 1or true",
        NUMBER,
    ),
    read(
        "select id from tasks where user_id = $1 and (id = $2 or true)",
        "select id from tasks where user_id = $1 and id = $2or true",
        NUMBER,
    ),
    read(
        "select tasks.* from tasks where user_id = $1 and (tasks).id = 1",
        "select tasks.* from tasks where user_id = $1 and (tasks). order = 1 or true",
        DOT,
    ),
    read("select 'a' from tasks where user_id = $1", "select u&'a' from tasks where user_id = $1", LITERAL),
    read(
        "select 'a' from tasks where user_id = $1",
        "select '\\\\' from tasks where user_id = $1",
        "a string literal must not contain a backslash",
    ),
    read(
        "select id from tasks where user_id = $1",
        "select id from tasks where user_id = $1 and true\\u{b}or\\u{b}true",
        "no control characters",
    ),
    // Only rows of the user, whatever follows the conditions.
    read(
        "select mode() within group (order by id) from tasks where user_id = $1",
        "select id from tasks where user_id = $1 and mode() within group (order by $2::int) = 1 or true",
        OR,
    ),
    read(
        "select title from tasks where user_id = $1",
        "select query_to_xml('select * from tasks', true, false, '') from tasks where user_id = $1",
        FUNCTION_OF_SQL,
    ),
    read(
        "select title from tasks where user_id = $1",
        "select pg_catalog.table_to_xml('tasks', true, false, '') from tasks where user_id = $1",
        FUNCTION_OF_SQL,
    ),
    read(
        "select id from tasks where user_id = $1",
        "select id into copies from tasks where user_id = $1",
        "`select into` makes a table",
    ),
    read(
        "select id from tasks where user_id = $1",
        "explain analyze select id from tasks where user_id = $1",
        "only select, insert, update and delete are allowed",
    ),
    write(
        "insert into tasks (user_id, title) select $1, title from tasks where user_id = $1 and <fence> \
         on conflict (user_id, id) do nothing",
        "insert into tasks (user_id, title) select $1, title from tasks \
         on conflict (user_id, id) where user_id = $1 and <fence> do nothing",
        NO_WHERE,
    ),
    write(
        "update tasks set title = $3, id = ($4) where user_id = $1 and <fence>",
        "update tasks set title = $3, (user_id, id) = ($4, $5) where user_id = $1 and <fence>",
        "assign one column at a time",
    ),
    write(
        "update tasks set title = $3, done = title is distinct from $4 where user_id = $1 and <fence>",
        "update tasks set done = title is distinct from $4, user_id = $3 where user_id = $1 and <fence>",
        "a row must not change its owner",
    ),
    // The fence.
    write(
        "delete from tasks where user_id = $1 and (id = $3 or id = $4) and <fence>",
        "delete from tasks where user_id = $1 and (id = $3 or <fence>)",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and <fence>",
        "delete from tasks where user_id = $1 and not <fence>",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and <fence> returning id",
        "delete from tasks where user_id = $1 returning <fence>",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and <fence> returning id",
        "delete from tasks where user_id = $1 returning true and <fence>",
        FENCE,
    ),
    write(
        "update tasks set done = true where user_id = $1 and <fence>",
        "update tasks set done = true and <fence> where user_id = $1",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and <fence>",
        "with fence as (select <fence>) delete from tasks where user_id = $1",
        FENCE,
    ),
    write(
        "with a as (delete from tasks where user_id = $1 and <fence>) \
         update tasks set done = true where user_id = $1 and <fence>",
        "with a as (delete from tasks where user_id = $1 and <fence> and <fence>) \
         update tasks set done = true where user_id = $1",
        LAST,
    ),
    write(
        "delete from tasks where user_id = $1 and case when done then true else true end and <fence>",
        "delete from tasks where user_id = $1 and case when done and <fence> then true else true end",
        LAST,
    ),
    write(
        "delete from tasks where user_id = $1 and id >= $3 and id <= $4 and <fence>",
        "delete from tasks where user_id = $1 and id between $3 and $4 and <fence>",
        "`between` beside a fence",
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where <fence> \
         on conflict (user_id, id) do update set title = $3",
        "insert into tasks (user_id, title) select $1, $3 \
         on conflict (user_id, id) do update set title = $3 where <fence>",
        FENCE,
    ),
    write(
        "with fences as (select 1 as attempt) delete from tasks where user_id = $1 and <fence>",
        "with tasks_api.task_fences as (select 1 as attempt) delete from tasks where user_id = $1 and <fence>",
        FENCE,
    ),
    write(
        "with a as (delete from tasks where user_id = $1 and <fence>) select 1",
        "with a as (delete from tasks_api.task_fences) delete from tasks where user_id = $1 and <fence>",
        UNKNOWN_TABLE,
    ),
    // An aggregate returns a row even if no rows match.
    write(
        "insert into tasks (user_id, title) select $1, coalesce($3, (select max(title) from tasks where user_id = $1)) \
         where <fence>",
        "insert into tasks (user_id, title) select $1, max($3) where <fence>",
        AGGREGATE,
    ),
    write(
        "insert into tasks (user_id, done) select $1, $3 is distinct from lower($4) where <fence>",
        "insert into tasks (user_id, done) select $1, $3 is distinct from max($4) where <fence>",
        AGGREGATE,
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where <fence>",
        "insert into tasks (user_id, title) select $1, $3 where <fence> having true",
        LAST,
    ),
    write(
        "insert into tasks (user_id, title) select $1, t from unnest($3::text[]) as t where <fence>",
        "insert into tasks (user_id, title) select $1, t.count from unnest($3::text[]) as t where <fence>",
        CORRELATED,
    ),
    write(
        "insert into tasks (user_id, title) select $1, t from unnest($3::text[]) as t where <fence>",
        "insert into tasks (user_id, title) select $1, (select max(t)) from unnest($3::text[]) as t where <fence>",
        CORRELATED,
    ),
    // Keys.
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and id = $6 and <unless stored>)<kept>",
        "<prior>, changed as (delete from tasks where user_id = $1 and id = $6 and <fence>)<kept>",
        KEYED_FENCE,
    ),
    keyed(
        "<prior>, changed as (insert into tasks (user_id, title) select $1, $6 where <unless stored> returning id)<kept>",
        "<prior>, changed as (insert into tasks (user_id, title) select $1, $6 where <fence> returning id)<kept>",
        KEYED_FENCE,
    ),
    keyed(
        "<prior>, other as (delete from tasks where user_id = $1 and <unless stored>), \
         changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, other as (delete from tasks where user_id = $1 and <fence>), \
         changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        KEYED_FENCE,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (delete from tasks where user_id = $1 and not <unless stored>)<kept>",
        KEYED_FENCE,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (delete from tasks where <unless stored>)<kept>",
        WHERE,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "with changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        KEY_FIRST,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "with prior as (select fingerprint, request, task_id, answer from tasks_api.idempotency_keys \
         where user_id = $1 and operation = 'create' and key = $4), \
         changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        KEY_FIRST,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored> returning id) \
         select id from changed",
        KEY_LAST,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept of another operation>",
        "a keyed write must store its key for the operation that it looks for",
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (select id from tasks where user_id = $1)<kept>",
        "a keyed write must write more than its key",
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, other as (delete from tasks_api.idempotency_keys where user_id = $1 and <unless stored>), \
         changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        KEYS,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept> \
         union all select null, null, null, null from tasks where user_id = $1 and not exists (select from kept)",
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept> \
         union all select null, null, null, null from tasks where not exists (select from kept)",
        WHERE,
    ),
    keyed(
        "<prior>, changed as (delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (with prior as (select 1 where false) \
         delete from tasks where user_id = $1 and <unless stored>)<kept>",
        "a query within a keyed write must not hide its `prior`",
    ),
    keyed(
        "<prior>, changed as (update tasks set tags = array(select tag \
         from unnest(tags) with ordinality as prior (tag, place)) where user_id = $1 and <unless stored>)<kept>",
        "<prior>, changed as (with ordinality as (select 1), prior as (select 1 where false) \
         update tasks set title = $6 where user_id = $1 and <unless stored>)<kept>",
        "a query within a keyed write must not hide its `prior`",
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where <fence>",
        "insert into tasks_api.idempotency_keys (user_id, operation) select $1, $3 where <fence>",
        KEYS,
    ),
    write(
        "delete from tasks_api.idempotency_keys where user_id = $1 and <fence>",
        "update tasks_api.idempotency_keys set answer = $3 where user_id = $1 and <fence>",
        KEYS,
    ),
    // Lists.
    prefix(
        "select id from tasks where user_id = $1",
        "select id from tasks where user_id = $1 and true",
        "the statement must end with",
    ),
    prefix("select id from tasks where user_id = $1", "select id from tasks", NO_WHERE),
    fragment("due_date < ?", "due_date < ? or true", OR),
    fragment("(due_date < ? or true)", "true) or (true", "a parenthesis is closed that was not opened"),
    fragment("exists (select from tasks where user_id = $1)", "exists (select from tasks)", NO_WHERE),
    fragment("completed is true", "true union select * from tasks", LEAVES_WHERE),
    fragment("completed is true", "true order by id", LEAVES_WHERE),
    fragment("created_at desc, id desc", "created_at desc limit 1", LEAVES_WHERE),
    fragment("due_date is distinct from ?", "true; drop", "one statement only"),
    fragment("title = ? and due_date > ?", "title = '?' and due_date > ?", LITERAL_PARAMETER),
    fragment("priority = ?", "priority = $2", PARAMETER),
    prefix("select id from tasks where user_id = $1", "select id, $2 from tasks where user_id = $1", PARAMETER),
    prefix(
        "select id from tasks where user_id = $1",
        "select tasks ? 'a' from tasks where user_id = $1",
        FRAGMENT_PARAMETER,
    ),
];

const MODULES: [&str; 6] = ["allowed", "key_row", "owner", "statement", "tokens", "values"];

const UNLESS_STORED: &str =
    "not exists (select from prior) and not exists (select from tasks_api.task_fences where attempt = $2)";
const PRIOR: &str = "with prior as (select fingerprint, request, task_id, answer from tasks_api.idempotency_keys \
     where user_id = $1 and operation = 'create' and key = $3)";
const KEPT: &str = ", kept as (insert into tasks_api.idempotency_keys \
     (user_id, operation, key, fingerprint, request, task_id, answer) \
     select $1, 'create', $3, $4, $5, task_id, answer from changed where <fence> \
     returning fingerprint, request, task_id, answer) \
     select fingerprint, request, task_id, answer::text from kept \
     union all select fingerprint, request, task_id, answer::text from prior";

/// A source file with a constant in each line, from [`FIRST_STATEMENT_LINE`] on.
fn source<'a>(statements: impl Iterator<Item = (Maker, &'a str)>) -> String {
    let scope = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scope");
    let module =
        |name: &str| format!("#[allow(dead_code)] #[path = {:?}] mod {name};\n", scope.join(format!("{name}.rs")));
    let mut source = "#![allow(unused_imports)]\n".to_owned();
    source.extend(MODULES.map(module));
    for (maker, sql) in statements {
        let sql = sql.replace("<kept of another operation>", &KEPT.replace("create", "change"));
        let sql = sql.replace("<unless stored>", UNLESS_STORED).replace("<prior>", PRIOR).replace("<kept>", KEPT);
        let sql = sql.replace("<fence>", "not exists (select from tasks_api.task_fences where attempt = $2)");
        source += &match maker {
            Maker::Read => format!("const _: statement::Read = statement::Read::new(\"case\", \"{sql}\");\n"),
            Maker::Write => format!("const _: statement::Write = statement::Write::new(\"case\", \"{sql}\");\n"),
            Maker::KeyedWrite => {
                format!("const _: statement::KeyedWrite = statement::KeyedWrite::new(\"case\", \"{sql}\");\n")
            }
            Maker::SelectPrefix => format!("const _: usize = owner::check(\"{sql}\", owner::SqlKind::SelectPrefix);\n"),
            Maker::Fragment => format!("const _: usize = owner::check(\"{sql}\", owner::SqlKind::Fragment);\n"),
        };
    }
    source
}

const FIRST_STATEMENT_LINE: usize = MODULES.len() + 2;

fn compile(name: &str, source: &str) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{name}.rs"));
    std::fs::write(&file, source).expect("a writable folder");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args([
        "--edition",
        "2024",
        "--crate-type",
        "lib",
        "--emit",
        "metadata",
        "--error-format",
        "json",
        "--out-dir",
    ]);
    command.arg(folder).arg(file).output().expect("rustc")
}

/// The errors as rustc prints them.
fn errors(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let diagnostics = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = diagnostics.filter(|diagnostic| diagnostic["level"] == "error");
    errors.filter_map(|error| error["rendered"].as_str().map(str::to_owned)).collect()
}

#[test]
fn statements_with_an_owner_compile() {
    let output = compile("compiles", &source(PAIRS.iter().map(|pair| (pair.maker, pair.compiles))));
    assert!(output.status.success(), "{:#?}", errors(&output));
}

#[test]
fn statements_without_an_owner_fail_the_build() {
    let output = compile("fails", &source(PAIRS.iter().map(|pair| (pair.maker, pair.fails))));
    assert!(!output.status.success());
    let errors = errors(&output);
    let mut faults = Vec::new();
    for (index, pair) in PAIRS.iter().enumerate() {
        let line = format!("fails.rs:{}:", FIRST_STATEMENT_LINE + index);
        let reported: Vec<_> = errors.iter().filter(|error| error.contains(&line)).collect();
        if !reported.iter().any(|error| error.contains(pair.message)) {
            faults.push(format!("`{}` must fail with `{}`, but has {reported:#?}", pair.fails, pair.message));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
