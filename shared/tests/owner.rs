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
    SelectPrefix,
    Fragment,
}

/// A statement that compiles, its twin that does not, and the message.
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
const FENCE: &str = "a write must have the condition `not exists (select from task_fences where attempt = $2)`";
const WRITES: &str = "a read must not write";
const FIRST_VALUE: &str = "an insert must have $1 as its first value";
const CONFLICT: &str = "`on conflict` must name user_id first, or do nothing";
const NO_USER: &str = "the statement must name its user as $1";
const LEAVES_WHERE: &str = "a fragment must not end the `where` to which it is appended";

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
        "select id from tasks where user_id = $1 and exists (select from tags where user_id = $1 and task_id = id)",
        "select id from tasks where user_id = $1 and exists (select from tags where task_id = id)",
        WHERE,
    ),
    read(
        "select id, (select count(*) from tags where user_id = $1) from tasks where user_id = $1",
        "select id, (select count(*) from tags) from tasks where user_id = $1",
        NO_WHERE,
    ),
    read(
        "select id from tasks where user_id = $1 union all select id from tags where user_id = $1",
        "select id from tasks where user_id = $1 union all select id from tags",
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
        "with tags as (select 1 from tasks where user_id = $1) select 1 from tags",
        "select (with tags as (select 1 from tasks where user_id = $1) select 1 from tags) from tags",
        NO_WHERE,
    ),
    read(
        "select 1 from generate_series(1, 2) where exists (select from tasks where user_id = $1)",
        "select 1 from generate_series(1, 2), tags where exists (select from tasks where user_id = $1)",
        SECOND_TABLE,
    ),
    read("select 1 from tasks where user_id = $1", "select 1 from tasks, tags where user_id = $1", SECOND_TABLE),
    read("select 1 from tasks where user_id = $1", "select 1 from tasks as t, tags where user_id = $1", SECOND_TABLE),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks join tags on true where user_id = $1",
        SECOND_TABLE,
    ),
    read(
        "select 1 from tasks join unnest($2::int[]) as ids on true where user_id = $1",
        "select 1 from tasks join unnest($2::int[]) as ids on true, tags where user_id = $1",
        SECOND_TABLE,
    ),
    read(
        "select 1 from (select id from tasks where user_id = $1) as mine",
        "select 1 from (tags join tasks on true) where user_id = $1",
        "only a subquery can be in parentheses after `from`",
    ),
    read(
        "select 1 from tasks where user_id = $1",
        "select 1 from tasks where user_id = $1 and true window tags as (order by id) union select 1 from tags",
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
        "delete from tasks where user_id = $1 and id = $3 and not exists (select from task_fences where attempt = $2)",
        "delete from tasks where user_id = $1 and id = $3",
        FENCE,
    ),
    write(
        "delete from tasks where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "delete from tasks where id = $3 and not exists (select from task_fences where attempt = $2)",
        WHERE,
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "update tasks set title = $3 where user_id = $1 and not exists (select from task_fences where attempt = $3)",
        FENCE,
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "update tasks set user_id = $3 where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "a row must not change its owner",
    ),
    write(
        "update tasks set title = $3 where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "update tasks set title = tags.name from tags where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        SECOND_TABLE,
    ),
    write(
        "delete from tasks where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        "delete from tasks using tags where user_id = $1 and not exists (select from task_fences where attempt = $2)",
        SECOND_TABLE,
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from task_fences where attempt = $2)",
        "insert into tasks (user_id, title) select $3, $1 where not exists (select from task_fences where attempt = $2)",
        FIRST_VALUE,
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from task_fences where attempt = $2)",
        "insert into tasks (title, user_id) select $1, $3 where not exists (select from task_fences where attempt = $2)",
        "an insert must name user_id as its first column",
    ),
    write(
        "insert into tasks (user_id, title) select $1, $3 where not exists (select from task_fences where attempt = $2)",
        "insert into tasks (user_id, title) values ($1, $3), ($4, $3)",
        FIRST_VALUE,
    ),
    write(
        "insert into tasks (user_id) select $1 where not exists (select from task_fences where attempt = $2) \
         on conflict (user_id, id) do update set title = $3",
        "insert into tasks (user_id) select $1 where not exists (select from task_fences where attempt = $2) \
         on conflict (id) do update set title = $3",
        CONFLICT,
    ),
    write(
        "insert into tasks (user_id) select $1 where not exists (select from task_fences where attempt = $2)",
        "select 1 from tasks where user_id = $1",
        "a write must write",
    ),
    write(
        "with t as (delete from tasks where user_id = $1 and not exists (select from task_fences where attempt = $2) \
         returning id) select id from t",
        "with t as (delete from tasks where user_id = $1 returning id), u as (delete from tags where user_id = $1 and \
         not exists (select from task_fences where attempt = $2) returning id) select id from t",
        FENCE,
    ),
    // What tokens do not show.
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
    // Lists.
    prefix(
        "select id from tasks where user_id = $1",
        "select id from tasks where user_id = $1 and true",
        "the statement must end with",
    ),
    prefix("select id from tasks where user_id = $1", "select id from tasks", NO_WHERE),
    fragment("due_date < ?", "due_date < ? or true", OR),
    fragment("(due_date < ? or true)", "true) or (true", "a parenthesis is closed that was not opened"),
    fragment("exists (select from tags where user_id = $1)", "exists (select from tags)", NO_WHERE),
    fragment("completed is true", "true union select * from tasks", LEAVES_WHERE),
    fragment("completed is true", "true order by id", LEAVES_WHERE),
    fragment("created_at desc, id desc", "created_at desc limit 1", LEAVES_WHERE),
    fragment("due_date is distinct from ?", "true; drop", "one statement only"),
];

/// A source file with a constant in each line, from the fifth on.
fn source<'a>(statements: impl Iterator<Item = (Maker, &'a str)>) -> String {
    let scope = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scope");
    let module =
        |name: &str| format!("#[allow(dead_code)] #[path = {:?}] mod {name};\n", scope.join(format!("{name}.rs")));
    let mut source =
        "#![allow(unused_imports)]\n".to_owned() + &module("owner") + &module("statement") + &module("tokens");
    for (maker, sql) in statements {
        source += &match maker {
            Maker::Read => format!("const _: statement::Read = statement::Read::new(\"case\", \"{sql}\");\n"),
            Maker::Write => format!("const _: statement::Write = statement::Write::new(\"case\", \"{sql}\");\n"),
            Maker::SelectPrefix => format!("const _: usize = owner::check(\"{sql}\", owner::SqlKind::SelectPrefix);\n"),
            Maker::Fragment => format!("const _: usize = owner::check(\"{sql}\", owner::SqlKind::Fragment);\n"),
        };
    }
    source
}

const FIRST_STATEMENT_LINE: usize = 5;

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
