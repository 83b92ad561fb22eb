//! A plan as PostgreSQL logs it.

use std::fmt;

use serde_json::Value;

/// The plan of a statement that was executed.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    json: Value,
    milliseconds: f64,
}

/// A table of one row, without rows of users.
const ONE_ROW: &str = "sync_epoch";

impl Plan {
    /// Parses the plans in a part of the log, which `auto_explain` wrote as JSON.
    pub(crate) fn read_all(log: &str) -> Vec<Self> {
        let mut plans = Vec::new();
        let mut lines = log.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((head, "")) = line.split_once("plan:") else { continue };
            let mut json = String::new();
            // The other lines of an entry begin with a tab.
            while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
                json += line;
            }
            let duration = head.split_once("duration: ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            // An entry may be incomplete. It is read again later.
            if let (Ok(json), Some(milliseconds)) = (serde_json::from_str(&json), duration) {
                plans.push(Self { json, milliseconds });
            }
        }
        plans
    }

    pub(crate) fn query(&self) -> &str {
        self.json["Query Text"].as_str().expect("a text")
    }

    pub(crate) fn milliseconds(&self) -> f64 {
        self.milliseconds
    }

    /// How many blocks of 8 KiB were read, from memory or from disk.
    pub(crate) fn blocks(&self) -> u64 {
        let count = |name: &str| self.json["Plan"][name].as_u64().expect("buffers");
        count("Shared Hit Blocks") + count("Shared Read Blocks")
    }

    /// Whether all rows are sorted before the first is returned. An incremental sort does not count: it sorts only rows
    /// with equal keys.
    pub(crate) fn sorts(&self) -> bool {
        self.has(&|node| node["Node Type"] == "Sort")
    }

    /// How many rows of users the scans of tables read, including those that a filter removes.
    pub(crate) fn rows_read(&self) -> u64 {
        fn count(node: &Value) -> u64 {
            // A bitmap is read by the scan above it.
            let is_scan = node["Relation Name"].is_string() && node["Relation Name"] != ONE_ROW;
            let rows =
                |name: &str| node[name].as_f64().unwrap_or_default() * node["Actual Loops"].as_f64().unwrap_or(1.0);
            let own = if is_scan { rows("Actual Rows") + rows("Rows Removed by Filter") } else { 0.0 };
            own as u64 + node["Plans"].as_array().into_iter().flatten().map(count).sum::<u64>()
        }
        count(&self.json["Plan"])
    }

    /// The names of the indexes by which tasks are read. A bitmap has the name of an index, but not that of a table.
    pub(crate) fn indexes_of_tasks(&self) -> Vec<&str> {
        fn collect<'a>(node: &'a Value, indexes: &mut Vec<&'a str>) {
            let is_of_tasks = node["Relation Name"].as_str().is_none_or(|table| table == "tasks");
            indexes.extend(node["Index Name"].as_str().filter(|_| is_of_tasks));
            node["Plans"].as_array().into_iter().flatten().for_each(|node| collect(node, indexes));
        }
        let mut indexes = Vec::new();
        collect(&self.json["Plan"], &mut indexes);
        indexes
    }

    pub(crate) fn reads_whole_table(&self) -> bool {
        self.has(&|node| node["Node Type"] == "Seq Scan" && node["Relation Name"] != ONE_ROW)
    }

    fn has(&self, wanted: &dyn Fn(&Value) -> bool) -> bool {
        fn search(node: &Value, wanted: &dyn Fn(&Value) -> bool) -> bool {
            wanted(node) || node["Plans"].as_array().into_iter().flatten().any(|node| search(node, wanted))
        }
        search(&self.json["Plan"], wanted)
    }
}

/// The nodes with their most important properties.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(node: &Value, depth: usize, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "\n{:depth$}{}", "", node["Node Type"])?;
            for name in ["Index Name", "Index Cond", "Filter", "Rows Removed by Filter", "Sort Key", "Actual Rows"] {
                node.get(name).map_or(Ok(()), |value| write!(formatter, ", {name}: {value}"))?;
            }
            node["Plans"].as_array().into_iter().flatten().try_for_each(|node| write(node, depth + 2, formatter))
        }
        write!(formatter, "{} ms, {} blocks: {}", self.milliseconds, self.blocks(), self.query())?;
        write(&self.json["Plan"], 0, formatter)
    }
}
