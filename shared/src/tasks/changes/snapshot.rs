//! Snapshots of the database, as PostgreSQL's type `pg_snapshot` has them.

use std::fmt;

/// Which transactions had ended at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Every transaction below this number had ended.
    lowest_running: u64,
    /// No transaction from this number on had begun to write.
    next: u64,
    /// The transactions between the two that had not ended, in ascending order.
    running: Vec<u64>,
}

impl Snapshot {
    /// Reads PostgreSQL's text: `10:20:10,14,15`. `None` for any other text.
    pub(super) fn from_postgres(text: &str) -> Option<Self> {
        let (lowest_running, next, running) = split(text)?;
        let running = running.map(parse_number).collect::<Option<_>>()?;
        Self::new(parse_number(lowest_running)?, parse_number(next)?, running)
    }

    /// Reads [`Snapshot::to_compact`]. `None` for any other text.
    pub(super) fn from_compact(text: &str) -> Option<Self> {
        let (lowest_running, next, steps) = split(text)?;
        let lowest_running = parse_number(lowest_running)?;
        let next = lowest_running.checked_add(parse_number(next)?)?;
        let mut last = lowest_running;
        let running = steps.map(|step| {
            last = last.checked_add(parse_number(step)?)?;
            Some(last)
        });
        let running = running.collect::<Option<_>>()?;
        Self::new(lowest_running, next, running)
    }

    /// The same text as PostgreSQL's with differences for numbers, `10:10:0,4,1`: a URL has room for thousands of them.
    pub(super) fn to_compact(&self) -> String {
        let before = [self.lowest_running].into_iter().chain(self.running.iter().copied());
        let steps: Vec<String> =
            self.running.iter().zip(before).map(|(number, before)| (number - before).to_string()).collect();
        format!("{}:{}:{}", self.lowest_running, self.next - self.lowest_running, steps.join(","))
    }

    /// Whether it knows of transactions that had not begun at the time of `other`.
    pub(super) fn is_ahead_of(&self, other: &Self) -> bool {
        self.next > other.next
    }

    fn new(lowest_running: u64, next: u64, running: Vec<u64>) -> Option<Self> {
        let is_ascending = running.windows(2).all(|pair| pair[0] < pair[1]);
        let is_within = |number: &u64| (lowest_running..next).contains(number);
        let is_valid = (1..=next).contains(&lowest_running) && is_ascending && running.iter().all(is_within);
        is_valid.then_some(Self { lowest_running, next, running })
    }
}

/// As PostgreSQL reads and writes it.
impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running: Vec<String> = self.running.iter().map(u64::to_string).collect();
        write!(formatter, "{}:{}:{}", self.lowest_running, self.next, running.join(","))
    }
}

/// The two numbers and the list.
fn split(text: &str) -> Option<(&str, &str, impl Iterator<Item = &str>)> {
    let (lowest_running, rest) = text.split_once(':')?;
    let (next, running) = rest.split_once(':')?;
    Some((lowest_running, next, running.split(',').filter(move |_| !running.is_empty())))
}

/// A number without a sign.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_are_read_back() {
        for (postgres, compact) in [
            ("10:20:10,14,15", "10:10:0,4,1"),
            ("10:10:", "10:0:"),
            ("3:18446744073709551615:18446744073709551614", "3:18446744073709551612:18446744073709551611"),
        ] {
            let snapshot = Snapshot::from_postgres(postgres).expect("a snapshot");
            assert_eq!((snapshot.to_string().as_str(), snapshot.to_compact().as_str()), (postgres, compact));
            assert_eq!(Snapshot::from_compact(compact), Some(snapshot));
        }
    }

    #[test]
    fn impossible_snapshots_are_refused() {
        for text in [
            "",
            ":",
            "::",
            "10",
            "10:20",
            "0:20:",
            "20:10:",
            "10:20:9",
            "10:20:20",
            "10:20:14,14",
            "10:20:15,14",
            "10:20:14,",
            "10:20:,14",
            "10:20:1 4",
            "+10:20:",
            "-1:20:",
            "10:20:14:15",
            "x:20:",
            "10:x:",
            "10:20:x",
            "10:18446744073709551616:",
        ] {
            assert_eq!(Snapshot::from_postgres(text), None, "{text}");
        }
        for text in ["10:10:10", "10:10:4,0", "0:1:", "18446744073709551615:1:", "10:20:18446744073709551615,1"] {
            assert_eq!(Snapshot::from_compact(text), None, "{text}");
        }
    }
}
