//! Recurrence in request bodies, under all of its names.

use serde_json::Value;

use super::alias::Aliases;
use super::rule::{End, INTERVAL_MAX, Recurrence};
use super::until::Until;
use super::word::WORD_LIST;
use crate::input::{ObjectReader, whole_number};

/// A changed recurrence. The body has it in up to two forms, as a rule and as aliases, and a form that spreads a task and
/// changes one of them sends the other one outdated: the one that differs from the stored value is the edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecurrenceChange {
    /// The rule to store; `None` clears it.
    pub(crate) value: Option<Recurrence>,
    /// The rule to store if `value` is stored already.
    pub(crate) otherwise: Option<Recurrence>,
}

impl RecurrenceChange {
    /// Reads the body of a change. `None` leaves the recurrence unchanged; what is wrong is recorded in `object`.
    pub(crate) fn read(object: &mut ObjectReader<'_>) -> Option<Self> {
        let body = Body::read(object)?;
        let change = match body.rules.as_slice() {
            [rule, other, ..] if rule != other => Self { value: rule.clone(), otherwise: other.clone() },
            [rule, ..] => {
                let rule = body.with_end_date(rule.clone());
                let edited = body.edited(rule.as_ref());
                match rule {
                    // A client that knows no rules may send null for one.
                    None => Self { value: edited, otherwise: None },
                    rule => Self { value: rule, otherwise: edited },
                }
            }
            [] => {
                let value = body.of_aliases(object)?;
                Self { otherwise: value.clone(), value }
            }
        };
        Some(change)
    }
}

impl Recurrence {
    /// Reads the body of a create. What is wrong is recorded in `object`.
    pub(crate) fn read_new(object: &mut ObjectReader<'_>) -> Option<Self> {
        let body = Body::read(object)?;
        match body.rules.iter().flatten().next() {
            Some(_) if body.switches.contains(&false) => None,
            Some(rule) => {
                let rule = body.with_end_date(Some(rule.clone()));
                body.edited(rule.as_ref()).or(rule)
            }
            None => body.of_aliases(object).flatten(),
        }
    }
}

/// The members, each under both of its names, camelCase first.
#[derive(Default)]
struct Body {
    /// Of `recurrence_rule`, unless it is a word.
    rules: Vec<Option<Recurrence>>,
    patterns: Vec<Pattern>,
    /// Of `is_recurring`, and of `recurring` if it is a boolean.
    switches: Vec<bool>,
    intervals: Vec<u16>,
    end_dates: Vec<Option<Until>>,
}

/// A word or a rule where front ends send words.
struct Pattern {
    member: &'static str,
    /// `None` is none, null or an empty text.
    value: Option<Recurrence>,
    is_word: bool,
}

const MEMBERS_WITH_WORDS: [&str; 3] = ["recurrence_pattern", "recurring", "recurrence"];

impl Body {
    /// `None` if there is a failure.
    fn read(object: &mut ObjectReader<'_>) -> Option<Self> {
        let failures = object.failure_count();
        let mut body = Self::default();
        for value in object.spellings("recurrence_rule") {
            if let Some(pattern) = Pattern::read(object, "recurrence_rule", value) {
                // Without a word for it, null is about the rule.
                if pattern.is_word { body.patterns.push(pattern) } else { body.rules.push(pattern.value) }
            }
        }
        for member in MEMBERS_WITH_WORDS {
            for value in object.spellings(member) {
                match value {
                    Value::Bool(is_on) if member == "recurring" => body.switches.push(*is_on),
                    value => body.patterns.extend(Pattern::read(object, member, value)),
                }
            }
        }
        let switches = object.parse_spellings("is_recurring", "is_recurring must be true or false", |value| {
            if value.is_null() { Some(None) } else { value.as_bool().map(Some) }
        });
        body.switches.extend(switches.into_iter().flatten().flatten());
        let intervals = object.parse_spellings("recurrence_interval", INTERVAL_RULE, parse_interval);
        body.intervals.extend(intervals.into_iter().flatten().flatten());
        let end_dates = object.parse_spellings("recurrence_end_date", END_DATE_RULE, parse_end_date);
        body.end_dates.extend(end_dates.into_iter().flatten());
        (object.failure_count() == failures).then_some(body)
    }

    /// The outer `None` says nothing about recurrence.
    fn of_aliases(&self, object: &mut ObjectReader<'_>) -> Option<Option<Recurrence>> {
        if self.switches.first() == Some(&false) {
            return Some(None);
        }
        let pattern = self.patterns.iter().find(|pattern| pattern.value.is_some());
        if let Some(rule) = pattern.and_then(|pattern| pattern.value.clone()) {
            return Some(self.with_end_date(Some(rule.with_interval(self.intervals.first().copied()))));
        }
        if self.switches.first() == Some(&true) {
            return object.fail("recurrence_pattern", "recurrence_pattern must be given if is_recurring is true");
        }
        if !self.patterns.is_empty() || !self.rules.is_empty() {
            return Some(None);
        }
        if self.intervals.iter().any(|interval| *interval > 1) {
            return object.fail("recurrence_interval", "recurrence_interval must have a recurrence_pattern");
        }
        if self.end_dates.iter().any(Option::is_some) {
            return object.fail("recurrence_end_date", "recurrence_end_date must have a recurrence_pattern");
        }
        None
    }

    /// The rule with the edits of the aliases: those that are not what a response with this rule has.
    fn edited(&self, rule: Option<&Recurrence>) -> Option<Recurrence> {
        let unedited = Aliases::new(rule);
        if self.switches.iter().any(|switch| !switch && unedited.is_recurring) {
            return None;
        }
        let is_on = self.switches.contains(&true);
        let is_edited = |pattern: &&Pattern| {
            let is_ignored = is_on && pattern.value.is_none();
            !is_ignored && !pattern.is_of(rule, &unedited, !self.intervals.is_empty())
        };
        let interval = self.intervals.iter().find(|interval| Some(**interval) != unedited.interval);
        let edited = match self.patterns.iter().find(is_edited) {
            Some(Pattern { value, is_word: false, .. }) => return value.clone(),
            Some(Pattern { value, .. }) => {
                let end = rule.map_or(End::Never, |rule| rule.end);
                let interval = interval.or(self.intervals.first()).copied();
                value.clone().map(|value| Recurrence { end, ..value.with_interval(interval) })?
            }
            None => rule?.clone().with_interval(interval.copied()),
        };
        let is_edited = |end_date: &&Option<Until>| match (**end_date, unedited.until) {
            (Some(end_date), Some(until)) => !end_date.has_end_date_of(until),
            (end_date, until) => end_date.is_some() || until.is_some(),
        };
        Some(match self.end_dates.iter().find(is_edited) {
            Some(end_date) => Recurrence { end: end_date.map_or(End::Never, End::Until), ..edited },
            None => edited,
        })
    }

    /// Some clients have no end in their rules and send it beside them.
    fn with_end_date(&self, rule: Option<Recurrence>) -> Option<Recurrence> {
        let end_date = self.end_dates.iter().flatten().next();
        match (rule, end_date) {
            (Some(rule), Some(until)) if rule.end == End::Never => Some(Recurrence { end: End::Until(*until), ..rule }),
            (rule, _) => rule,
        }
    }
}

impl Recurrence {
    /// The interval of the rule if there is no other.
    fn with_interval(self, interval: Option<u16>) -> Self {
        Self { interval: interval.unwrap_or(self.interval), ..self }
    }
}

impl Pattern {
    /// Records a failure, for each part of a rule.
    fn read(object: &mut ObjectReader<'_>, member: &'static str, value: &Value) -> Option<Self> {
        let text = match value {
            Value::Null => "",
            Value::String(text) => text,
            _ => return object.fail(member, pattern_rule(member)),
        };
        if text.contains('=') {
            let parsed = Recurrence::parse(text);
            let failures = parsed.as_ref().err().into_iter().flatten();
            failures.for_each(|failure| {
                object.fail::<()>(member, failure.of_member(member));
            });
            return parsed.ok().map(|rule| Self { member, value: Some(rule), is_word: false });
        }
        match Recurrence::from_word(text) {
            Some(value) => Some(Self { member, is_word: value.is_some() || member != "recurrence_rule", value }),
            None => object.fail(member, pattern_rule(member)),
        }
    }

    /// Whether a response with this rule has this value.
    fn is_of(&self, rule: Option<&Recurrence>, aliases: &Aliases, with_interval: bool) -> bool {
        if !self.is_word {
            return self.value.as_ref() == rule;
        }
        let is_pattern = self.member == "recurrence_pattern" && with_interval;
        let word = if is_pattern { aliases.pattern } else { aliases.word };
        self.value == word.and_then(Recurrence::from_word).flatten()
    }
}

fn pattern_rule(member: &str) -> String {
    format!("{member} must be {WORD_LIST}, or a rule such as FREQ=WEEKLY;BYDAY=MO,WE")
}

const INTERVAL_RULE: &str = "recurrence_interval must be a number from 1 to 999";
const END_DATE_RULE: &str = "recurrence_end_date must be a date or a time such as 2026-12-31 or 2026-12-31T17:00:00Z";

/// The inner `None` is null or an empty text, as absent.
fn parse_interval(value: &Value) -> Option<Option<u16>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.is_empty() => Some(None),
        value => {
            let interval = whole_number(value).and_then(|interval| u16::try_from(interval).ok());
            interval.filter(|interval| (1..=INTERVAL_MAX).contains(interval)).map(Some)
        }
    }
}

/// The inner `None` is null or an empty text: no end.
fn parse_end_date(value: &Value) -> Option<Option<Until>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.is_empty() => Some(None),
        value => value.as_str().and_then(Until::parse_end_date).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T>(body: &Value, read: impl FnOnce(&mut ObjectReader<'_>) -> T) -> Result<T, String> {
        let mut reader = ObjectReader::new(body.as_object().expect("the tests send objects"), "");
        let value = read(&mut reader);
        reader.finish(value).map_err(|error| error.to_string())
    }

    fn text(rule: Option<Recurrence>) -> String {
        rule.map(|rule| rule.to_string()).unwrap_or_default()
    }

    fn new(body: &Value) -> Result<String, String> {
        read(body, Recurrence::read_new).map(text)
    }

    /// What is stored after the change of a task with the rule `stored`, which is empty for none.
    fn changed(stored: &str, body: &Value) -> String {
        let change = read(body, RecurrenceChange::read).expect("a valid body");
        let Some(RecurrenceChange { value, otherwise }) = change else { return stored.to_owned() };
        let value = text(value);
        if value == stored { text(otherwise) } else { value }
    }

    #[test]
    fn every_spelling_is_read() {
        for (body, expected) in [
            (json!({}), ""),
            (json!({"recurrence_rule": "RRULE:FREQ=DAILY"}), "FREQ=DAILY"),
            (json!({"recurrenceRule": "weekly", "recurrenceInterval": 3}), "FREQ=WEEKLY;INTERVAL=3"),
            (json!({"recurrence": "Monthly"}), "FREQ=MONTHLY"),
            (json!({"recurrence": "FREQ=WEEKLY;BYDAY=MO"}), "FREQ=WEEKLY;BYDAY=MO"),
            (json!({"recurrence": null}), ""),
            (json!({"recurrence": "none", "recurrence_interval": 2, "recurrence_end_date": "2026-12-31"}), ""),
            (json!({"recurring": "yearly"}), "FREQ=YEARLY"),
            (json!({"recurring": true, "recurrence_pattern": "bi-weekly"}), "FREQ=WEEKLY;INTERVAL=2"),
            (json!({"recurrencePattern": "WEEKDAYS"}), "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            (json!({"is_recurring": false, "recurrence_pattern": "weekly", "recurrence_interval": 2}), ""),
            (json!({"isRecurring": null, "recurrence_interval": 1, "recurrence_end_date": ""}), ""),
            (json!({"is_recurring": true, "recurrence_rule": "FREQ=DAILY", "recurrence_pattern": null}), "FREQ=DAILY"),
            (
                json!({"is_recurring": true, "recurrence_pattern": "daily", "recurrence_interval": 2,
                    "recurrence_end_date": "2026-12-31T00:00:00"}),
                "FREQ=DAILY;INTERVAL=2;UNTIL=20261231",
            ),
            (
                json!({"recurrence_rule": "FREQ=DAILY", "recurrence_end_date": "2026-12-31T23:00:00.000Z"}),
                "FREQ=DAILY;UNTIL=20261231T230000Z",
            ),
            (json!({"recurrence_rule": null, "recurrence_pattern": "daily"}), "FREQ=DAILY"),
        ] {
            assert_eq!(new(&body).as_deref(), Ok(expected), "{body}");
            assert_eq!(changed("", &body), expected, "{body}");
        }
        // A new task has no outdated members.
        let switched_off = json!({"is_recurring": false, "recurrence_rule": "FREQ=DAILY"});
        assert_eq!((&*changed("", &switched_off), new(&switched_off).as_deref()), ("FREQ=DAILY", Ok("")));
    }

    #[test]
    fn invalid_members_are_all_named() {
        let end = "recurrence_end_date must be a date or a time such as 2026-12-31 or 2026-12-31T17:00:00Z";
        for (body, expected) in [
            (
                json!({"recurrence": "sometimes"}),
                "recurrence must be none, daily, weekdays, weekly, biweekly, monthly, quarterly or yearly, or a rule such \
                 as FREQ=WEEKLY;BYDAY=MO,WE",
            ),
            (
                json!({"recurrence_rule": "FREQ=DAILY;COUNT=0;BYHOUR=9", "is_recurring": 1, "recurrence_interval": "2"}),
                "BYHOUR of recurrence_rule is not supported; COUNT of recurrence_rule must be a number from 1 to 999; \
                 is_recurring must be true or false; recurrence_interval must be a number from 1 to 999",
            ),
            (json!({"recurrence_interval": 1000}), "recurrence_interval must be a number from 1 to 999"),
            (json!({"recurrence_interval": 2}), "recurrence_interval must have a recurrence_pattern"),
            (json!({"recurrence_end_date": "2026-12-31"}), "recurrence_end_date must have a recurrence_pattern"),
            (json!({"recurrence_end_date": "soon"}), end),
            (json!({"recurring": true}), "recurrence_pattern must be given if is_recurring is true"),
        ] {
            assert_eq!(new(&body), Err(expected.to_owned()), "{body}");
            assert_eq!(read(&body, RecurrenceChange::read), Err(expected.to_owned()), "{body}");
        }
    }

    #[test]
    fn the_member_that_differs_from_the_stored_rule_is_the_edit() {
        let spread = |stored: &str, edit: Value| {
            let rule = Recurrence::parse(stored).ok();
            let aliases = Aliases::new(rule.as_ref());
            let mut body = json!({
                "recurrence_rule": rule.map(|rule| rule.to_string()), "is_recurring": aliases.is_recurring,
                "recurrence_pattern": aliases.pattern, "recurrence": aliases.word,
                "recurrence_interval": aliases.interval, "recurrence_end_date": aliases.end_date(),
            });
            let edit = edit.as_object().expect("an object").clone();
            body.as_object_mut().expect("an object").extend(edit);
            changed(stored, &body)
        };
        let rules = [
            "",
            "FREQ=DAILY",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=3",
            "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1;UNTIL=20261231T000000",
        ];
        for stored in rules {
            assert_eq!(spread(stored, json!({})), stored, "unedited");
            // A rule without an end gets that of the other member.
            for edited in rules.iter().filter(|edited| edited.contains("COUNT") || edited.contains("UNTIL")) {
                assert_eq!(spread(stored, json!({"recurrence_rule": edited})), *edited, "{stored}");
            }
            assert_eq!(spread(stored, json!({"is_recurring": false})), "");
        }
        let stored = "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231";
        for (edit, expected) in [
            (json!({"recurrence_interval": 3}), "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE;UNTIL=20261231"),
            (json!({"recurrence_end_date": null}), "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
            (json!({"recurrence_end_date": "2027-01-01"}), "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20270101"),
            (json!({"recurrence_pattern": "daily"}), "FREQ=DAILY;INTERVAL=2;UNTIL=20261231"),
            (json!({"recurrence": "FREQ=YEARLY"}), "FREQ=YEARLY"),
        ] {
            assert_eq!(spread(stored, edit), expected);
        }
        assert_eq!(spread("", json!({"recurrence_pattern": "daily", "is_recurring": true})), "FREQ=DAILY");
        assert_eq!(spread("FREQ=DAILY", json!({"recurrenceRule": "FREQ=WEEKLY"})), "FREQ=WEEKLY");
        assert_eq!(spread("FREQ=DAILY;UNTIL=20261231", json!({"recurrence_rule": null})), "");
        assert_eq!(
            changed("FREQ=DAILY", &json!({"recurrence_rule": null, "recurrence_pattern": "weekly"})),
            "FREQ=WEEKLY"
        );
        assert_eq!(changed("FREQ=DAILY", &json!({"recurrence_rule": null})), "");
        assert_eq!(changed("FREQ=DAILY", &json!({"title": "Buy milk"})), "FREQ=DAILY");
    }

    #[test]
    fn a_rule_has_the_word_that_is_closest() {
        for (rule, word, pattern) in [
            ("FREQ=DAILY;COUNT=2", "daily", "daily"),
            ("FREQ=WEEKLY;INTERVAL=2", "biweekly", "weekly"),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "weekdays", "weekdays"),
            ("FREQ=WEEKLY;BYDAY=MO", "weekly", "weekly"),
            ("FREQ=MONTHLY;INTERVAL=3;UNTIL=20261231", "quarterly", "monthly"),
            ("FREQ=YEARLY;INTERVAL=4", "yearly", "yearly"),
        ] {
            let aliases = Aliases::new(Recurrence::parse(rule).ok().as_ref());
            assert_eq!((aliases.word, aliases.pattern), (Some(word), Some(pattern)), "{rule}");
        }
        assert_eq!(Aliases::new(None).end_date(), None);
    }
}
