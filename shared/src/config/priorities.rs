//! The vocabulary of priorities.

use super::error::StartError;
use super::lookup::{Lookup, comma_list};

/// The words of `TASK_PRIORITIES` in the order of urgency, the most urgent last, and `TASK_PRIORITY_DEFAULT`.
///
/// The settings are read once, so the words live as long as the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priorities {
    words: &'static [&'static str],
    default: Option<&'static str>,
}

const DEFAULT_WORDS: &[&str] = &["low", "medium", "high"];
/// The length of the column `priority`, in code points.
const WORD_MAX: usize = 20;
const WORDS_MAX: usize = 20;

impl Default for Priorities {
    fn default() -> Self {
        Self { words: DEFAULT_WORDS, default: None }
    }
}

impl Priorities {
    /// Reads both settings.
    ///
    /// # Errors
    /// A word is too long or is listed twice, or the default is not one of the words.
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<Self, StartError> {
        let words = comma_list(lookup, "TASK_PRIORITIES");
        let mut priorities = Self::default();
        if !words.is_empty() {
            let is_word = |word: &String| word.chars().count() <= WORD_MAX && !word.contains(char::is_control);
            let is_repeated = |(index, word): (usize, &String)| {
                words.iter().take(index).any(|earlier| earlier.to_lowercase() == word.to_lowercase())
            };
            if words.len() > WORDS_MAX || !words.iter().all(is_word) || words.iter().enumerate().any(is_repeated) {
                let rule = "must be a comma list of at most 20 different words of at most 20 characters";
                return Err(StartError::invalid("TASK_PRIORITIES", rule));
            }
            let words: Vec<&'static str> = words.into_iter().map(|word| &*word.leak()).collect();
            priorities.words = words.leak();
        }
        if let Some(default) = lookup("TASK_PRIORITY_DEFAULT") {
            let word = priorities.find(default.trim());
            let rule = || StartError::invalid("TASK_PRIORITY_DEFAULT", format!("must be {}", priorities.list()));
            priorities.default = Some(word.ok_or_else(rule)?);
        }
        Ok(priorities)
    }

    /// The word as it is stored. It can be given in any case.
    pub(crate) fn find(&self, text: &str) -> Option<&'static str> {
        let lower_case = text.to_lowercase();
        self.words.iter().copied().find(|word| word.to_lowercase() == lower_case)
    }

    /// The words in the order of urgency, the most urgent last.
    #[must_use]
    pub fn words(&self) -> &'static [&'static str] {
        self.words
    }

    /// The words in lower case, in the order of urgency.
    pub(crate) fn ranks(&self) -> impl Iterator<Item = String> + use<> {
        self.words.iter().map(|word| word.to_lowercase())
    }

    /// The most urgent word.
    #[cfg(feature = "proof")]
    pub(crate) fn most_urgent(&self) -> Option<&'static str> {
        self.words.last().copied()
    }

    /// The priority of a new task whose request has none.
    #[must_use]
    pub fn default_word(&self) -> Option<&'static str> {
        self.default
    }

    /// `low, medium or high`
    #[must_use]
    pub fn list(&self) -> String {
        match self.words {
            [] => String::new(),
            [word] => (*word).to_owned(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &'static str, default: &'static str) -> Result<Priorities, String> {
        let lookup = |name| match name {
            "TASK_PRIORITIES" => Some(words.to_owned()),
            _ => Some(default.to_owned()).filter(|default| !default.is_empty()),
        };
        Priorities::from_lookup(&lookup).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn words_are_found_in_any_case() {
        let priorities = read(" LOW, Medium,urgent ", "medium").expect("good settings");
        assert_eq!(priorities.find("Urgent"), Some("urgent"));
        assert_eq!(priorities.find("low"), Some("LOW"));
        assert_eq!(priorities.find("high"), None);
        assert_eq!(priorities.default_word(), Some("Medium"));
        assert_eq!(priorities.ranks().collect::<Vec<_>>(), ["low", "medium", "urgent"]);
        assert_eq!(priorities.list(), "LOW, Medium or urgent");
        assert_eq!(read("", ""), Ok(Priorities::default()));
        assert_eq!(Priorities::default().list(), "low, medium or high");
    }

    #[test]
    fn invalid_words_are_refused() {
        let rule = "TASK_PRIORITIES must be a comma list of at most 20 different words of at most 20 characters";
        for words in ["low,LOW", "an unusually long word", "a\u{1}b"] {
            assert_eq!(read(words, ""), Err(rule.into()), "{words}");
        }
        assert_eq!(read("", "urgent"), Err("TASK_PRIORITY_DEFAULT must be low, medium or high".into()));
    }
}
