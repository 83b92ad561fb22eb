//! The results as tables for the documentation.

use std::fmt::Write as _;

use super::report::{Report, Row, Section};

/// Neighbouring sections whose titles differ after a colon: `Warm requests: latency ÷ floor`.
struct Table<'a> {
    title: &'a str,
    sections: Vec<&'a Section>,
}

impl Report {
    /// A table for each section. Sections with titles such as `table: column` share one.
    pub(super) fn to_markdown(&self) -> String {
        let mut tables: Vec<Table<'_>> = Vec::new();
        for section in &self.sections {
            let title = split(&section.title).0;
            match tables.last_mut() {
                Some(last) if last.title == title => last.sections.push(section),
                _ => tables.push(Table { title, sections: vec![section] }),
            }
        }
        let conditions = self.about.iter().map(|(name, value)| format!("- {name}: {value}\n"));
        conditions.chain(tables.iter().map(Table::to_markdown)).collect()
    }
}

impl Table<'_> {
    fn to_markdown(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for row in self.sections.iter().flat_map(|section| &section.rows) {
            if !names.contains(&row.name.as_str()) {
                names.push(&row.name);
            }
        }
        let mut text = format!("\n### {}\n\n|", self.title);
        // With one section there is space for the details.
        let details = self.sections.len() == 1;
        let columns = self.sections.iter().map(|section| split(&section.title).1).chain(details.then_some("details"));
        for column in columns.clone() {
            let _ = write!(text, " | {column}");
        }
        let _ = writeln!(text, " |\n|{}", "---|".repeat(1 + columns.count()));
        for name in names {
            let _ = write!(text, "| {name}");
            for section in &self.sections {
                let row = section.rows.iter().find(|row| row.name == name);
                let _ = write!(text, " | {}", row.map_or_else(String::new, cell));
                if let Some(row) = row.filter(|_| details) {
                    let _ = write!(text, " | {}", row.detail);
                }
            }
            text.push_str(" |\n");
        }
        text
    }
}

/// The value, bold if it misses its goal, and the goal.
fn cell(row: &Row) -> String {
    let value = row.value_text();
    match (row.verdict(), row.goal_text()) {
        (Some(true), Some(goal)) => format!("{value} ({goal})"),
        (Some(false), Some(goal)) => format!("**{value}** ({goal})"),
        _ => value,
    }
}

/// The title of a table and that of a column.
fn split(title: &str) -> (&str, &str) {
    title.split_once(": ").unwrap_or((title, "result"))
}

#[cfg(test)]
mod tests {
    use super::super::report::{Goal, Unit};
    use super::*;

    #[test]
    fn sections_with_one_title_share_a_table() {
        let mut latency = Section::new("Warm: latency", "How.");
        latency.row("get", 1.1, Unit::Ratio, Some(Goal::AtMost(1.2)), "11 / 10");
        latency.row("update", 2.0, Unit::Ratio, Some(Goal::AtMost(1.6)), "20 / 10");
        let mut wal = Section::new("Warm: WAL", "How.");
        wal.row("update", 900.0, Unit::Bytes, None, "");
        let mut size = Section::new("Size", "How.");
        size.row("get", 2.5, Unit::Megabytes, None, "unzipped 7 MB");
        let report = Report { about: vec![("Starts", "25".to_owned())], sections: vec![latency, wal, size] };
        let text = [
            "- Starts: 25",
            "",
            "### Warm",
            "",
            "| | latency | WAL |",
            "|---|---|---|",
            "| get | 1.10 (≤ 1.20) |  |",
            "| update | **2.00** (≤ 1.60) | 900 B |",
            "",
            "### Size",
            "",
            "| | result | details |",
            "|---|---|---|",
            "| get | 2.50 MB | unzipped 7 MB |",
            "",
        ];
        assert_eq!(report.to_markdown(), text.join("\n"));
    }
}
