//! What child processes print, forwarded to standard error.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The log of the local stack and of all its functions, on standard error.
///
/// It is buffered until the stack is ready. If the stack cannot start, it prints one error, and not the same error once
/// for each function.
#[derive(Debug)]
pub(crate) struct LogOutput {
    /// `None` once lines are printed immediately.
    buffer: Mutex<Option<Vec<u8>>>,
}

impl LogOutput {
    /// Buffers every line until [`LogOutput::flush`].
    pub(crate) fn buffered() -> Arc<Self> {
        Arc::new(Self { buffer: Mutex::new(Some(Vec::new())) })
    }

    /// Prints the buffered lines. From now on every line is printed immediately.
    pub(crate) fn flush(&self) {
        let buffered = lock(&self.buffer).take();
        let _ = std::io::stderr().write_all(&buffered.unwrap_or_default());
    }

    /// The latest `cause` of an error among the buffered lines of JSON.
    pub(crate) fn last_cause(&self) -> Option<String> {
        let buffer = lock(&self.buffer);
        let lines = buffer.as_ref()?.split(|byte| *byte == b'\n').rev();
        let mut events = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
        events.find_map(|event| Some(event.get("cause")?.as_str()?.to_owned()))
    }

    /// Prints or buffers a line, which has no line break.
    pub(crate) fn line(&self, line: &[u8]) {
        let mut buffer = lock(&self.buffer);
        let line: Vec<u8> = line.iter().copied().chain([b'\n']).collect();
        match buffer.as_mut() {
            Some(buffer) => buffer.extend(line),
            None => drop(std::io::stderr().write_all(&line)),
        }
    }
}

/// The last line of a log that is not empty, for an error message.
#[derive(Debug, Default)]
pub(crate) struct LastLogLine(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    line: String,
    /// Whether a backtrace has begun. The message of a panic stands above it.
    in_backtrace: bool,
}

impl LastLogLine {
    /// The message in the line: without the prefix that a failing `main` adds, and without the JSON of a log event.
    pub(crate) fn message(&self) -> Option<String> {
        let line = lock(&self.0).line.clone();
        let message = match serde_json::from_str::<serde_json::Value>(&line) {
            Ok(event) => {
                let message = event.get("message").or_else(|| event.get("fields")?.get("message"));
                message.and_then(serde_json::Value::as_str).unwrap_or(&line).to_owned()
            }
            Err(_) => line.strip_prefix("Error: ").unwrap_or(&line).to_owned(),
        };
        Some(message).filter(|message| !message.is_empty())
    }

    fn record(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        let mut state = lock(&self.0);
        if line == "stack backtrace:" {
            state.in_backtrace = true;
        } else if !state.in_backtrace && !line.is_empty() && !line.starts_with("note: ") {
            line.clone_into(&mut state.line);
        }
    }
}

/// Forwards lines until the pipe is closed, and records them in `last_line`.
pub(crate) async fn forward_lines(
    pipe: impl AsyncRead + Unpin,
    output: Arc<LogOutput>,
    last_line: Option<Arc<LastLogLine>>,
) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        output.line(text);
        if let Some(last_line) = &last_line {
            last_line.record(text);
        }
        line.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_cause_is_the_latest_of_the_buffered_lines() {
        let output = LogOutput::buffered();
        for line in [r#"{"cause":"first"}"#, r#"{"cause":"second"}"#, r#"{"cause":null}"#, "GET / 503 1 ms health"] {
            output.line(line.as_bytes());
        }
        assert_eq!(output.last_cause().as_deref(), Some("second"));
    }

    #[test]
    fn last_log_line_is_reduced_to_its_message() {
        for (lines, message) in [
            (vec!["Error: PORT is wrong", ""], Some("PORT is wrong")),
            (vec!["x", r#"{"level":"ERROR","message":"no database"}"#], Some("no database")),
            (vec!["it broke", "note: run with `RUST_BACKTRACE=1`"], Some("it broke")),
            (vec!["it broke", "stack backtrace:", "0: main"], Some("it broke")),
            (vec![], None),
        ] {
            let last_line = LastLogLine::default();
            lines.iter().for_each(|line| last_line.record(line.as_bytes()));
            assert_eq!(last_line.message().as_deref(), message);
        }
    }
}
