//! The benchmark with one request of each kind, and with debug binaries. Its counts must be right. Its times are only
//! checked for their presence.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

fn results() -> Value {
    let dev = Path::new(env!("CARGO_BIN_EXE_dev"));
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("bench.json");
    let run = Command::new(dev)
        .args(["bench", "--requests", "1", "--without-sizes", "--binaries"])
        .arg(dev.parent().expect("a folder"))
        .arg("--output")
        .arg(&output)
        .output()
        .expect("the bench");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let json = std::fs::read(output).expect("results");
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn operations_are_measured_and_meet_round_trip_goals() {
    let results = results();
    let sections = results["sections"].as_array().expect("sections");
    for section in sections {
        let rows = section["rows"].as_array().expect("rows");
        assert!(!rows.is_empty(), "{section:#}");
        for row in rows {
            assert!(row["value"].as_f64().is_some_and(f64::is_finite), "{row:#}");
        }
    }
    let rows = |title: &str| {
        let section = sections.iter().find(|section| section["title"] == title);
        section.and_then(|section| section["rows"].as_array()).expect("a section of this title")
    };
    let (counted, memory) = (rows("Round trips to the database"), rows("Memory"));
    let compared_with_floor = rows("Warm requests: latency ÷ floor");
    for row in counted {
        assert_eq!(row["met"], true, "{row:#}");
    }
    for function in ["list-tasks", "get-task", "create-task", "update-task", "complete-task", "delete-task"] {
        assert!(counted.iter().any(|row| row["name"] == function), "{function}");
        assert!(compared_with_floor.iter().any(|row| row["name"] == function && !row["goal"].is_null()), "{function}");
        let peak = memory.iter().find(|row| row["name"] == function).expect("its memory");
        assert!(peak["unit"] == "MB" && peak["goal"] == json!({ "at_most": 8.0 }), "{peak:#}");
        assert!(peak["value"].as_f64().is_some_and(|megabytes| (1.0..100.0).contains(&megabytes)), "{peak:#}");
    }
}
