//! Next dates, compared with those of python-dateutil for random rules, time zones and dates.

use std::process::Stdio;

use dev::install::python::DATEUTIL;
use dev::testing::random::SeededRandom;
use dev::workspace::root;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::kit::Database;

/// How many cases are tried unless `NEXT_DATES` says otherwise.
const CASES: usize = 500;

/// Zones with a change of clocks in either half of the year, by half an hour or at midnight, and some without.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "America/St_Johns",
    "Pacific/Auckland",
    "America/Havana",
];

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const INTERVALS: [usize; 12] = [2, 3, 4, 5, 6, 7, 12, 13, 24, 48, 100, 999];
/// Month and day of weeks in which clocks change somewhere.
const CHANGES_OF_CLOCKS: [(usize, usize); 6] = [(3, 7), (3, 25), (4, 1), (9, 24), (10, 25), (11, 1)];

fn rule(random: &mut SeededRandom) -> String {
    let frequency = random.pick(&["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let mut rule = format!("FREQ={frequency}");
    if random.percent(60) {
        rule += &format!(";INTERVAL={}", INTERVALS[random.below(INTERVALS.len())]);
    }
    if frequency == "WEEKLY" && random.percent(70) {
        let first = random.below(7);
        let days: Vec<&str> =
            (0..7).filter(|day| *day == first || random.percent(30)).map(|day| WEEKDAYS[day]).collect();
        rule += &format!(";BYDAY={}", days.join(","));
    }
    if frequency == "MONTHLY" && random.percent(60) {
        let days = (0..=random.below(3)).map(|_| match random.below(40) {
            0..9 => "-1".to_owned(),
            day => (day - 8).to_string(),
        });
        rule += &format!(";BYMONTHDAY={}", days.collect::<Vec<_>>().join(","));
    }
    if random.percent(10) {
        rule += &format!(";COUNT={}", 1 + random.below(3));
    }
    if random.percent(15) {
        rule += &format!(";UNTIL={}", random.pick(&["20270101", "20261231T170000Z", "20280301T020000"]));
    }
    rule
}

/// Often in a night of a change of clocks, or at the end of a month.
fn time(random: &mut SeededRandom, first_year: usize) -> String {
    let year = first_year + random.below(2028 - first_year);
    let (month, day, hour) = match random.below(3) {
        0 => {
            let (month, day) = CHANGES_OF_CLOCKS[random.below(CHANGES_OF_CLOCKS.len())];
            (month, day + random.below(7), random.below(4))
        }
        1 => (1 + random.below(12), 28, random.below(24)),
        _ => (1 + random.below(12), 1 + random.below(28), random.below(24)),
    };
    format!("{year}-{month:02}-{:02}T{hour:02}:{:02}:00", day.min(30), random.below(4) * 15)
}

/// Half of the due dates are the start, and some moments are close to the due date.
fn case(random: &mut SeededRandom) -> Value {
    let rule = rule(random);
    // The reference goes through all occurrences.
    let first_year = if rule.contains("DAILY") { 2024 } else { 1970 };
    let is_floating = random.percent(50);
    let mut start = time(random, first_year);
    if random.percent(25) {
        // The last days of months that have them.
        start.replace_range(5..10, random.pick(&["01-31", "02-29", "03-30", "05-31", "12-31", "08-29"]));
        if start.contains("-02-29") {
            start.replace_range(..4, random.pick(&["1972", "2000", "2024"]));
        }
    }
    if is_floating && random.percent(50) {
        start.replace_range(11..16, "00:00");
    }
    let later = time(random, 2024).max(start.clone());
    let due = if random.percent(50) { start.clone() } else { later };
    let moment = if random.percent(30) { due.clone() } else { time(random, 2024) };
    let is_date = match random.below(3) {
        0 => None,
        number => Some(number == 1),
    };
    json!({
        "rule": rule, "start": start, "zone": random.pick(&ZONES), "due": due, "is_floating": is_floating,
        "is_date": is_date, "moment": moment,
    })
}

/// The next dates by python-dateutil.
async fn reference(cases: &[Value]) -> Vec<Value> {
    let python = DATEUTIL.folder().await.expect("python-dateutil").join("bin/python");
    let mut process = Command::new(python)
        .arg(root().join("dev/tests/migrations/recurrence/reference.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python");
    let mut input = process.stdin.take().expect("a pipe");
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    // At the same time: both pipes are shorter than what passes through them.
    let writing = tokio::spawn(async move { input.write_all(lines.as_bytes()).await });
    let output = process.wait_with_output().await.expect("its output");
    writing.await.expect("no panic").expect("its input");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn next_dates_equal_those_of_dateutil() {
    let count = std::env::var("NEXT_DATES").map_or(CASES, |count| count.parse().expect("a number of cases"));
    let mut random = SeededRandom::new(15);
    let cases: Vec<Value> = (0..count).map(|_| case(&mut random)).collect();
    let expected = reference(&cases).await;
    assert_eq!(expected.len(), cases.len());

    let database = Database::with_a_task().await;
    let sql = "select coalesce(to_json(tasks_api.next_utc_clock(
                rule, start, zone, due, is_floating, is_date, moment at time zone 'UTC'
            )), 'null')::text
        from rows from (jsonb_to_recordset($1::text::jsonb) as (
            rule text, start timestamp, zone text, due timestamp, is_floating boolean, is_date boolean, moment timestamp
        )) with ordinality as cases (rule, start, zone, due, is_floating, is_date, moment, number)
        order by number";
    let rows = database.client.query(sql, &[&Value::from(cases.clone()).to_string()]).await.expect("next dates");
    let mut compared = 0;
    for ((case, expected), row) in cases.iter().zip(&expected).zip(&rows) {
        let found: Value = serde_json::from_str(row.get(0)).expect("JSON");
        assert_eq!(found, *expected, "{case}");
        compared += usize::from(!found.is_null());
    }
    assert!(rows.len() == count && compared > count / 2, "{compared} of {count} have a next date");
}
