//! Parses the text of a rule, part by part.

use super::rule::{COUNT_MAX, End, Frequency, INTERVAL_MAX, Recurrence, Weekdays};
use super::until::Until;

/// A part of a rule that cannot be used. All of them are found at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartFailure {
    /// `INTERVAL`
    part: String,
    /// `must be a number from 1 to 999`
    rule: &'static str,
}

impl PartFailure {
    fn new(part: &str, rule: &'static str) -> Self {
        Self { part: part.to_owned(), rule }
    }

    /// `INTERVAL of recurrence_rule must be a number from 1 to 999`
    pub(super) fn of_member(&self, member: &str) -> String {
        format!("{} of {member} {}", self.part, self.rule)
    }
}

/// Longer texts are refused unread. The longest canonical one has some 80 bytes.
const TEXT_MAX_BYTES: usize = 500;

/// Longer names of parts are not repeated in messages.
const NAME_MAX_BYTES: usize = 20;

impl Recurrence {
    /// Parses the text of a rule, with or without `RRULE:`, in any case and order. The error lists the parts that cannot be
    /// used.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<PartFailure>> {
        let mut parts = Parts::split(text)?;
        let frequency = parts.read("FREQ", "must be DAILY, WEEKLY, MONTHLY or YEARLY", |text| {
            Frequency::ALL.into_iter().find(|frequency| frequency.name() == text)
        });
        let interval = parts.read("INTERVAL", "must be a number from 1 to 999", |text| number(text, INTERVAL_MAX));
        let days = parts.read("BYDAY", "must be days such as MO,WE without numbers", Weekdays::parse);
        let month_day = parts.read("BYMONTHDAY", "must be one day from 1 to 31, or -1 for the last", |text| {
            text.parse().ok().filter(|day| *day == -1 || (1..=31).contains(day))
        });
        let count = parts.read("COUNT", "must be a number from 1 to 999", |text| number(text, COUNT_MAX));
        let until = parts.read("UNTIL", "must be a date or a time such as 20261231 or 20261231T170000Z", Until::parse);
        let week_start = parts
            .read("WKST", "must be a day such as MO", |text| Weekdays::NAMES.into_iter().find(|name| *name == text));
        if count.is_some() && until.is_some() {
            parts.fail("UNTIL", "must be absent if there is a COUNT");
        }
        let rule = Self {
            frequency: frequency.unwrap_or(Frequency::Daily),
            interval: interval.unwrap_or(1),
            days: days.unwrap_or_default(),
            month_day,
            end: count.map(End::Count).or(until.map(End::Until)).unwrap_or(End::Never),
        };
        let rule = rule.normalized();
        if frequency.is_some() {
            rule.check_parts(&mut parts, week_start);
        }
        parts.finish(rule)
    }

    /// Every day, on some days of the week, is every week.
    fn normalized(self) -> Self {
        let is_weekly = self.frequency == Frequency::Daily && self.interval == 1 && !self.days.is_empty();
        if is_weekly { Self { frequency: Frequency::Weekly, ..self } } else { self }
    }

    /// Fails the parts that the frequency does not allow.
    fn check_parts(&self, parts: &mut Parts, week_start: Option<&str>) {
        let is_weekly = self.frequency == Frequency::Weekly;
        if !self.days.is_empty() && !is_weekly {
            parts.fail("BYDAY", "is only for FREQ=WEEKLY");
        }
        if self.month_day.is_some() && self.frequency != Frequency::Monthly {
            parts.fail("BYMONTHDAY", "is only for FREQ=MONTHLY");
        }
        // On which day a week starts makes a difference only if weeks are left out.
        let depends_on_week_start = is_weekly && self.interval > 1 && !self.days.is_empty();
        if depends_on_week_start && week_start.is_some_and(|day| day != "MO") {
            parts.fail("WKST", "must be MO if there are INTERVAL and BYDAY");
        }
    }
}

/// The names of the parts, in upper case, with their values, and the failures so far.
struct Parts {
    values: Vec<(String, String)>,
    failures: Vec<PartFailure>,
}

impl Parts {
    fn split(text: &str) -> Result<Self, Vec<PartFailure>> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(vec![PartFailure::new("the text", "must have at most 500 bytes")]);
        }
        let text = text.trim().to_ascii_uppercase();
        if text.contains("DTSTART") {
            return Err(vec![PartFailure::new("DTSTART", "is not supported: a rule starts at the due date")]);
        }
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        // Some programs write a semicolon after the last part.
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let parts = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
        let values = parts.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        let mut parts = Self { values, failures: Vec::new() };
        parts.check_names();
        Ok(parts)
    }

    fn check_names(&mut self) {
        const KNOWN: [&str; 7] = ["FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL", "WKST"];
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in &self.values {
            let is_readable = name.len() <= NAME_MAX_BYTES && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let failure = if !is_readable {
                PartFailure::new("a part", "must be of the form NAME=VALUE")
            } else if !KNOWN.contains(&name.as_str()) {
                PartFailure::new(name, "is not supported")
            } else if seen.contains(&name.as_str()) {
                PartFailure::new(name, "must be given once")
            } else {
                seen.push(name);
                continue;
            };
            self.failures.push(failure);
        }
        if !seen.contains(&"FREQ") {
            self.fail("FREQ", "is required");
        }
    }

    /// `None` if there is no such part, or if it cannot be parsed, which is recorded.
    fn read<T>(&mut self, name: &str, rule: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (_, text) = self.values.iter().find(|(part, _)| part == name)?;
        let value = parse(text);
        if value.is_none() {
            self.fail(name, rule);
        }
        value
    }

    fn fail(&mut self, name: &str, rule: &'static str) {
        self.failures.push(PartFailure::new(name, rule));
    }

    fn finish<T>(self, value: T) -> Result<T, Vec<PartFailure>> {
        if self.failures.is_empty() { Ok(value) } else { Err(self.failures) }
    }
}

fn number(text: &str, max: u16) -> Option<u16> {
    text.parse().ok().filter(|number| (1..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The canonical text, or the failures.
    fn canonical(text: &str) -> String {
        match Recurrence::parse(text) {
            Ok(rule) => rule.to_string(),
            Err(failures) => failures.iter().map(|failure| failure.of_member("it")).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn a_rule_gets_its_canonical_form() {
        for (text, expected) in [
            ("FREQ=DAILY", "FREQ=DAILY"),
            ("RRULE:FREQ=DAILY;INTERVAL=1", "FREQ=DAILY"),
            (" rrule:count=5; freq=weekly ;byday=fr,mo,fr;interval=2; ", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=5"),
            ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1;INTERVAL=999", "FREQ=MONTHLY;INTERVAL=999;BYMONTHDAY=-1"),
            ("FREQ=YEARLY;UNTIL=20261231", "FREQ=YEARLY;UNTIL=20261231"),
            ("FREQ=YEARLY;UNTIL=20261231T170000", "FREQ=YEARLY;UNTIL=20261231T170000"),
            ("FREQ=YEARLY;UNTIL=20261231T170000Z", "FREQ=YEARLY;UNTIL=20261231T170000Z"),
            ("FREQ=YEARLY;UNTIL=2026-12-31", "FREQ=YEARLY;UNTIL=20261231"),
            ("FREQ=YEARLY;UNTIL=2026-12-31T17:00:00.999+02:00", "FREQ=YEARLY;UNTIL=20261231T150000Z"),
            ("FREQ=WEEKLY;WKST=SU;BYDAY=SU", "FREQ=WEEKLY;BYDAY=SU"),
            ("FREQ=WEEKLY;WKST=SU;INTERVAL=2", "FREQ=WEEKLY;INTERVAL=2"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn every_failure_of_a_rule_is_named() {
        let until = "UNTIL of it must be a date or a time such as 20261231 or 20261231T170000Z";
        for (text, expected) in [
            ("", "FREQ of it is required"),
            ("FREQ=HOURLY", "FREQ of it must be DAILY, WEEKLY, MONTHLY or YEARLY"),
            ("FREQ=DAILY;FREQ=DAILY", "FREQ of it must be given once"),
            (
                "FREQ=DAILY;INTERVAL=0;COUNT=1000",
                "INTERVAL of it must be a number from 1 to 999; COUNT of it must be a number from 1 to 999",
            ),
            ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY of it must be days such as MO,WE without numbers"),
            ("FREQ=WEEKLY;BYDAY=", "BYDAY of it must be days such as MO,WE without numbers"),
            ("FREQ=MONTHLY;BYDAY=MO", "BYDAY of it is only for FREQ=WEEKLY"),
            ("FREQ=DAILY;INTERVAL=2;BYDAY=MO", "BYDAY of it is only for FREQ=WEEKLY"),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY of it must be one day from 1 to 31, or -1 for the last"),
            ("FREQ=MONTHLY;BYMONTHDAY=-2", "BYMONTHDAY of it must be one day from 1 to 31, or -1 for the last"),
            ("FREQ=YEARLY;BYMONTHDAY=1", "BYMONTHDAY of it is only for FREQ=MONTHLY"),
            ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "UNTIL of it must be absent if there is a COUNT"),
            ("FREQ=DAILY;UNTIL=20260230", until),
            ("FREQ=DAILY;UNTIL=20261231T", until),
            ("FREQ=DAILY;UNTIL=2026123é", until),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU", "WKST of it must be MO if there are INTERVAL and BYDAY"),
            ("FREQ=DAILY;BYSETPOS=1;BYHOUR=9", "BYSETPOS of it is not supported; BYHOUR of it is not supported"),
            ("FREQ=DAILY;<b>=1", "a part of it must be of the form NAME=VALUE"),
            (
                "DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY",
                "DTSTART of it is not supported: a rule starts at the due date",
            ),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
        assert_eq!(canonical(&"F".repeat(501)), "the text of it must have at most 500 bytes");
    }

    /// Rules of every form, from a fixed seed.
    #[test]
    fn the_canonical_form_parses_to_itself() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let frequency = random.choice(Frequency::ALL).expect("four frequencies");
            let mut rule = Recurrence::every(random.u16(1..=INTERVAL_MAX), frequency);
            if frequency == Frequency::Weekly && random.bool() {
                let days: Vec<&str> = (0..random.usize(1..9)).filter_map(|_| random.choice(Weekdays::NAMES)).collect();
                rule.days = Weekdays::parse(&days.join(",")).expect("days");
            }
            if frequency == Frequency::Monthly && random.bool() {
                rule.month_day = Some(if random.bool() { -1 } else { random.i8(1..=31) });
            }
            let (year, month, day) = (random.u16(1..=9999), random.u8(1..=12), random.u8(1..=28));
            let mut until = format!("{year:04}{month:02}{day:02}");
            if random.bool() {
                until += &format!("T{:02}{:02}{:02}", random.u8(0..24), random.u8(0..60), random.u8(0..60));
                until += if random.bool() { "Z" } else { "" };
            }
            rule.end = match random.u8(0..3) {
                0 => End::Never,
                1 => End::Count(random.u16(1..=COUNT_MAX)),
                _ => End::Until(Until::parse(&until).expect("a time")),
            };
            let text = rule.to_string();
            assert_eq!(Recurrence::parse(&text), Ok(rule), "{text}");
        }
    }

    /// As the fuzz target `recurrence`, with texts from a fixed seed: pieces of rules with damaged bytes.
    #[test]
    fn any_text_has_a_stable_canonical_form_or_none() {
        const PIECES: [&str; 26] = [
            "RRULE:",
            "FREQ=",
            "DAILY",
            "weekly",
            "MONTHLY",
            "YEARLY",
            ";",
            "INTERVAL=",
            "BYDAY=",
            "MO,WE",
            "su",
            ",",
            "BYMONTHDAY=",
            "-1",
            "31",
            "COUNT=",
            "999",
            "UNTIL=",
            "20261231",
            "T170000",
            "Z",
            "2026-12-31T17:00:00.999+02:00",
            "WKST=",
            "=",
            " ",
            "\u{e9}\u{0}",
        ];
        let mut random = fastrand::Rng::with_seed(2);
        let mut rules = 0;
        for _ in 0..200_000 {
            let mut text = String::from(
                *random.choice(&["", "FREQ=DAILY", "FREQ=WEEKLY;", "FREQ=MONTHLY;INTERVAL=2;"]).expect("a start"),
            );
            (0..random.usize(0..6)).for_each(|_| text += random.choice(PIECES).expect("a piece"));
            if random.bool() && !text.is_empty() {
                let mut bytes = text.into_bytes();
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
            let Ok(rule) = Recurrence::parse(&text) else { continue };
            let canonical = rule.to_string();
            assert!(canonical.len() <= 100 && canonical.is_ascii(), "{text:?}: {canonical:?}");
            assert_eq!(Recurrence::parse(&canonical), Ok(rule), "{text:?}");
            rules += 1;
        }
        assert!(rules > 10_000, "{rules}");
    }
}
