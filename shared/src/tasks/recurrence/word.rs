//! Words for simple rules.

use super::rule::{End, Frequency, Recurrence, Weekdays};

const WEEKDAYS: Recurrence = Recurrence { days: Weekdays::MONDAY_TO_FRIDAY, ..Recurrence::every(1, Frequency::Weekly) };

/// A rule with a word for it. The first word of a rule is the one that responses have.
const WORDS: [(&str, Recurrence); 10] = [
    ("daily", Recurrence::every(1, Frequency::Daily)),
    ("weekly", Recurrence::every(1, Frequency::Weekly)),
    ("monthly", Recurrence::every(1, Frequency::Monthly)),
    ("yearly", Recurrence::every(1, Frequency::Yearly)),
    ("annually", Recurrence::every(1, Frequency::Yearly)),
    ("weekdays", WEEKDAYS),
    ("weekday", WEEKDAYS),
    ("biweekly", Recurrence::every(2, Frequency::Weekly)),
    ("fortnightly", Recurrence::every(2, Frequency::Weekly)),
    ("quarterly", Recurrence::every(3, Frequency::Monthly)),
];

/// The words of messages.
pub(super) const WORD_LIST: &str = "none, daily, weekdays, weekly, biweekly, monthly, quarterly or yearly";

impl Recurrence {
    /// The rule of a word, in any case. The inner `None` is `none`.
    pub(super) fn from_word(word: &str) -> Option<Option<Self>> {
        let word = word.trim().to_ascii_lowercase().replace(['-', '_'], "");
        if matches!(word.as_str(), "" | "none" | "never") {
            return Some(None);
        }
        WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, rule)| Some(rule))
    }

    /// The word for the rule without its end: the exact one, or else the one for its frequency.
    pub(super) fn word(&self) -> &'static str {
        let endless = Self { end: End::Never, ..self.clone() };
        WORDS.iter().find(|(_, rule)| *rule == endless).map_or(self.frequency_word(), |(word, _)| word)
    }

    /// The word for the rule without its interval and its end.
    pub(super) fn pattern(&self) -> &'static str {
        Self { interval: 1, ..self.clone() }.word()
    }

    fn frequency_word(&self) -> &'static str {
        match self.frequency {
            Frequency::Daily => "daily",
            Frequency::Weekly => "weekly",
            Frequency::Monthly => "monthly",
            Frequency::Yearly => "yearly",
        }
    }
}
