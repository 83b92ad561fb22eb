//! One change of a schema that somebody else made, as SQL, with its way back.

/// How long a statement that keeps others from the table may wait for it: they wait behind it. Longer than the second
/// after which a vacuum gives way.
pub(crate) const BRIEF_LOCK_TIMEOUT: &str = "1200ms";

/// Keeps what adoption changes, for the way back.
pub(crate) const MAKE_ADOPTION: &str = "create table tasks_adoption (
    position integer generated always as identity primary key,
    change text not null,
    -- Takes the change back.
    undo text not null,
    -- Whether that takes a statement outside of a transaction.
    undo_alone boolean not null,
    -- Which rows of tasks would lose something by it.
    holds text,
    -- In the last row: the newest of the steps that adoption stands for.
    through bigint
);";

/// A change. It is made whole or not at all, and can be made again when that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// In the imperative: `add the column due_date`.
    pub(crate) what: String,
    sql: String,
    /// A single statement that PostgreSQL refuses in a transaction, or that takes long and stands in nobody's way.
    alone: bool,
    undo: Option<Undo>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Undo {
    sql: String,
    alone: bool,
    holds: Option<&'static str>,
    through: Option<i64>,
}

impl Change {
    /// Statements that keep others from the table for a moment, in one transaction.
    pub(crate) fn brief(what: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { what: what.into(), sql: sql.into(), alone: false, undo: None }
    }

    /// One statement that may take long, and lets others read and write meanwhile.
    pub(crate) fn alone(what: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { what: what.into(), sql: sql.into(), alone: true, undo: None }
    }

    /// The way back, taken in the same manner.
    pub(crate) fn undone_by(mut self, sql: impl Into<String>) -> Self {
        self.undo = Some(Undo { sql: sql.into(), alone: self.alone, holds: None, through: None });
        self
    }

    /// The way back loses what the rows of this condition hold.
    pub(crate) fn holding(mut self, rows: Option<&'static str>) -> Self {
        self.undo = self.undo.map(|undo| Undo { holds: rows, ..undo });
        self
    }

    /// With this change adoption has come to its end, and stands for the steps up to this one.
    pub(crate) fn through(mut self, version: i64) -> Self {
        self.undo = self.undo.map(|undo| Undo { through: Some(version), ..undo });
        self
    }

    /// The SQL of the change itself.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The change and the record of its way back, in parts that are each sent as one message.
    pub(crate) fn messages(&self) -> Vec<String> {
        let record = self.undo.as_ref().map(|undo| undo.record(&self.what));
        if self.alone {
            // The record first: what is recorded and was never made can be taken back, the reverse cannot.
            return record.into_iter().chain([self.sql.clone()]).collect();
        }
        let parts = [Some(self.sql.clone()), record].into_iter().flatten().filter(|sql| !sql.is_empty());
        vec![brief_transaction(&parts.collect::<Vec<_>>().join("\n"))]
    }
}

impl Undo {
    fn record(&self, what: &str) -> String {
        format!(
            "insert into tasks_adoption (change, undo, undo_alone, holds, through)\nvalues ({}, {}, {}, {}, {});",
            quoted(what),
            quoted(&self.sql),
            self.alone,
            self.holds.map_or("null".to_owned(), quoted),
            self.through.map_or("null".to_owned(), |version| version.to_string()),
        )
    }
}

/// Statements that happen together, or give up soon.
pub(crate) fn brief_transaction(sql: &str) -> String {
    format!("begin;\nset local lock_timeout = '{BRIEF_LOCK_TIMEOUT}';\n{sql}\ncommit;")
}

/// A string constant of SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_and_its_way_back_are_recorded_together() {
        let change =
            Change::brief("name it 'x'", "alter table a;").undone_by("alter table b;").holding(Some("c = 'd'"));
        assert_eq!(
            change.messages(),
            ["begin;\nset local lock_timeout = '1200ms';\nalter table a;\n\
              insert into tasks_adoption (change, undo, undo_alone, holds, through)\n\
              values ('name it ''x''', 'alter table b;', false, 'c = ''d''', null);\ncommit;"]
        );
    }
}
