//! What functions print, passed on to standard error.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The common output of all functions. It is held back until the stack is ready, so that a stack which cannot
/// start says one sentence and not the same one in the name of every function.
#[derive(Debug)]
pub(crate) struct Output(Mutex<Option<Vec<u8>>>);

impl Output {
    /// Holds everything back until [`Output::open`].
    pub(crate) fn held_back() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Vec::new()))))
    }

    /// Prints what was held back, and from now on everything at once.
    pub(crate) fn open(&self) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = std::io::stderr().write_all(&held.unwrap_or_default());
    }

    /// The latest cause of a failure in what is held back.
    pub(crate) fn last_cause(&self) -> Option<String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = held.as_ref()?.split(|byte| *byte == b'\n').rev();
        let mut events = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
        events.find_map(|event| Some(event.get("cause")?.as_str()?.to_owned()))
    }

    /// Prints a line.
    pub(crate) fn line(&self, line: &[u8]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole: Vec<u8> = line.iter().copied().chain([b'\n']).collect();
        match held.as_mut() {
            Some(held) => held.extend(whole),
            None => drop(std::io::stderr().write_all(&whole)),
        }
    }
}

/// The last line that says something, for an error message.
#[derive(Debug, Default)]
pub(crate) struct LastWords(Mutex<(String, Listening)>);

/// Whether what is said still counts: below the message of a panic there may be a backtrace.
#[derive(Debug, Default, PartialEq, Eq)]
enum Listening {
    #[default]
    Yes,
    No,
}

impl LastWords {
    /// The sentence, without the decoration of a `main` that fails or of a JSON log.
    pub(crate) fn sentence(&self) -> Option<String> {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        let sentence = match serde_json::from_str::<serde_json::Value>(&line) {
            Ok(event) => {
                let message = event.get("message").or_else(|| event.get("fields")?.get("message"));
                message.and_then(serde_json::Value::as_str).unwrap_or(&line).to_owned()
            }
            Err(_) => line.strip_prefix("Error: ").unwrap_or(&line).to_owned(),
        };
        Some(sentence).filter(|sentence| !sentence.is_empty())
    }

    fn hear(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line == "stack backtrace:" {
            heard.1 = Listening::No;
        } else if heard.1 == Listening::Yes && !line.is_empty() && !line.starts_with("note: ") {
            line.clone_into(&mut heard.0);
        }
    }
}

/// Passes lines on until the pipe is closed, and remembers the last.
pub(crate) async fn pass_on(pipe: impl AsyncRead + Unpin, output: Arc<Output>, words: Option<Arc<LastWords>>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        output.line(text);
        if let Some(words) = &words {
            words.hear(text);
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_cause_is_found_among_the_lines() {
        let output = Output::held_back();
        for line in [r#"{"cause":"first"}"#, r#"{"cause":"second"}"#, r#"{"cause":null}"#, "GET / 503 1 ms health"] {
            output.line(line.as_bytes());
        }
        assert_eq!(output.last_cause().as_deref(), Some("second"));
    }

    #[test]
    fn the_last_sentence_is_found_below_its_decoration() {
        for (lines, sentence) in [
            (vec!["Error: PORT is wrong", ""], Some("PORT is wrong")),
            (vec!["x", r#"{"level":"ERROR","message":"no database"}"#], Some("no database")),
            (vec!["it broke", "note: run with `RUST_BACKTRACE=1`"], Some("it broke")),
            (vec!["it broke", "stack backtrace:", "0: main"], Some("it broke")),
            (vec![], None),
        ] {
            let words = LastWords::default();
            lines.iter().for_each(|line| words.hear(line.as_bytes()));
            assert_eq!(words.sentence().as_deref(), sentence);
        }
    }
}
