//! The results as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

/// All results.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The conditions of the run: names and values.
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) sections: Vec<Section>,
}

/// Results of one method.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    /// A description of the method.
    pub(super) method: String,
    pub(super) rows: Vec<Row>,
}

/// One result.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) goal: Option<Goal>,
    /// What the value was calculated from.
    pub(super) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Ratio,
    Count,
    Milliseconds,
    Megabytes,
    Bytes,
    Dollars,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtMost(f64),
    Exactly(f64),
    /// At most this far from 1.
    NearOne(f64),
}

impl Section {
    /// A title of the form `table: column` belongs to a table with several columns, see [`super::markdown`].
    pub(super) fn new(title: impl Into<String>, method: impl Into<String>) -> Self {
        Self { title: title.into(), method: method.into(), rows: Vec::new() }
    }

    pub(super) fn row(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: Unit,
        goal: Option<Goal>,
        detail: impl Into<String>,
    ) {
        self.rows.push(Row { name: name.into(), value, unit, goal, detail: detail.into() });
    }
}

impl Row {
    pub(super) fn verdict(&self) -> Option<bool> {
        // Compares the rounded value, as it is printed: 1.304 meets the goal 1.30.
        let value = (self.value * 100.0).round() / 100.0;
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => value <= most,
            Goal::Exactly(exact) => (value - exact).abs() < f64::EPSILON,
            Goal::NearOne(distance) => (value - 1.0).abs() <= distance + f64::EPSILON,
        })
    }

    fn columns(&self) -> [String; 5] {
        let verdict = self.verdict().map_or("", |met| if met { "ok" } else { "MISSED" });
        let goal = self.goal_text().unwrap_or_default();
        [self.name.clone(), self.value_text(), goal, verdict.to_owned(), self.detail.clone()]
    }

    pub(super) fn value_text(&self) -> String {
        self.unit.print(self.value)
    }

    pub(super) fn goal_text(&self) -> Option<String> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => format!("≤ {}", self.unit.print(most)),
            Goal::Exactly(exact) => format!("= {}", self.unit.print(exact)),
            Goal::NearOne(distance) => format!("1 ± {distance}"),
        })
    }
}

impl Unit {
    fn print(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::Count => format!("{value:.0}"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Megabytes => format!("{value:.2} MB"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Dollars => format!("${value:.2}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Count => "count",
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::Bytes => "bytes",
            Self::Dollars => "USD",
        }
    }
}

impl Report {
    pub(super) fn to_json(&self) -> String {
        let row = |row: &Row| {
            let goal = row.goal.map(|goal| match goal {
                Goal::AtMost(most) => json!({ "at_most": most }),
                Goal::Exactly(exact) => json!({ "exactly": exact }),
                Goal::NearOne(distance) => json!({ "near": 1, "within": distance }),
            });
            json!({
                "name": row.name,
                "value": row.value,
                "unit": row.unit.name(),
                "goal": goal,
                "met": row.verdict(),
                "detail": row.detail,
            })
        };
        let section = |section: &Section| {
            let rows: Vec<Value> = section.rows.iter().map(row).collect();
            json!({ "title": section.title, "method": section.method, "rows": rows })
        };
        let about: serde_json::Map<String, Value> =
            self.about.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let sections: Vec<Value> = self.sections.iter().map(section).collect();
        format!("{:#}\n", json!({ "about": about, "sections": sections }))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.about {
            writeln!(formatter, "{name}: {value}")?;
        }
        let table: Vec<[String; 5]> =
            self.sections.iter().flat_map(|section| &section.rows).map(Row::columns).collect();
        let widths: [usize; 5] = std::array::from_fn(|column| {
            table.iter().map(|cells| cells.get(column).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0)
        });
        for section in &self.sections {
            writeln!(formatter, "\n{}\n  {}", section.title, section.method)?;
            for row in &section.rows {
                let [name, value, goal, verdict, detail] = row.columns();
                let [names, values, goals, verdicts, _] = widths;
                let line = format!("  {name:names$}  {value:>values$}  {goal:>goals$}  {verdict:verdicts$}  {detail}",);
                writeln!(formatter, "{}", line.trim_end())?;
            }
        }
        let rows = || self.sections.iter().flat_map(|section| &section.rows);
        let goals = rows().filter(|row| row.goal.is_some()).count();
        let missed = rows().filter(|row| row.verdict() == Some(false)).count();
        writeln!(formatter, "\nGoals: {goals}, of which {missed} are missed.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_compared_with_their_goals() {
        let mut section = Section::new("Warm", "How.");
        section.row("a", 1.304, Unit::Ratio, Some(Goal::AtMost(1.3)), "");
        section.row("bb", 1.31, Unit::Ratio, Some(Goal::AtMost(1.3)), "131 µs / 100 µs");
        section.row("c", 2.0, Unit::Count, Some(Goal::Exactly(1.0)), "");
        section.row("d", 0.95, Unit::Ratio, Some(Goal::NearOne(0.05)), "");
        section.row("e", 2.5, Unit::Milliseconds, None, "");
        section.row("f", 3.1, Unit::Megabytes, Some(Goal::AtMost(3.5)), "");
        let report = Report { about: vec![("PostgreSQL", "18.1".to_owned())], sections: vec![section] };
        let text = [
            "PostgreSQL: 18.1",
            "",
            "Warm",
            "  How.",
            "  a      1.30     ≤ 1.30  ok",
            "  bb     1.31     ≤ 1.30  MISSED  131 µs / 100 µs",
            "  c         2        = 1  MISSED",
            "  d      0.95   1 ± 0.05  ok",
            "  e   2.50 ms",
            "  f   3.10 MB  ≤ 3.50 MB  ok",
            "",
            "Goals: 5, of which 2 are missed.",
            "",
        ];
        assert_eq!(report.to_string(), text.join("\n"));
        let json: Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(json["sections"][0]["rows"][1]["met"], false);
        assert_eq!(json["sections"][0]["rows"][4]["met"], Value::Null);
    }
}
