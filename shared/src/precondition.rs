//! Conditional requests (RFC 9110, section 13): a change that depends on what the client has seen, and an answer that
//! the client may have already.
//!
//! The entity tag of a task is its version, `"7"`. A list has a weak one, made of what is answered.

use xxhash_rust::xxh3::xxh3_64;

use crate::error::ApiError;

/// `If-Match`: the versions of a task that may be changed or deleted. Without the header, every version.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<i64>>);

impl IfMatch {
    /// Reads the header. A tag that no task of ours can have matches nothing, and neither does a weak one.
    ///
    /// # Errors
    /// [`ApiError::MalformedHeader`] for what is no list of entity tags.
    pub(crate) fn read(header: Option<&str>) -> Result<Self, ApiError> {
        let Some(header) = header else { return Ok(Self(None)) };
        let tags = tags(header).ok_or(ApiError::MalformedHeader("If-Match"))?;
        let version = |tag: &Tag<'_>| if tag.is_weak { None } else { tag.version() };
        Ok(Self(tags.map(|tags| tags.iter().filter_map(version).collect())))
    }

    /// The versions; none where every version will do.
    pub(crate) fn versions(&self) -> Option<&[i64]> {
        self.0.as_deref()
    }
}

/// The entity tag of a task.
pub(crate) fn of_version(version: i64) -> String {
    format!("\"{version}\"")
}

/// The entity tag of any other answer. Weak, because an answer of equal meaning may be written otherwise.
pub(crate) fn of_body(body: &str) -> String {
    format!("W/\"{:016x}\"", xxh3_64(body.as_bytes()))
}

/// Whether a client that sends this `If-None-Match` has the answer with this entity tag. A header that cannot be read
/// says nothing: the answer is given in full.
pub(crate) fn is_known(if_none_match: &str, etag: &str) -> bool {
    let Some(known) = tags(if_none_match) else { return false };
    let text = etag.trim_start_matches("W/").trim_matches('"');
    known.is_none_or(|tags| tags.iter().any(|tag| tag.text == text))
}

/// An entity tag as a client sends it.
#[derive(Debug, PartialEq, Eq)]
struct Tag<'a> {
    is_weak: bool,
    /// What is between the quotes.
    text: &'a str,
}

impl Tag<'_> {
    fn version(&self) -> Option<i64> {
        let version: i64 = self.text.parse().ok()?;
        // `"+7"` and `"07"` were never given out.
        (version.to_string() == self.text).then_some(version)
    }
}

/// The tags of a header: the inner `None` is `*`, the outer one is a header that cannot be read.
fn tags(header: &str) -> Option<Option<Vec<Tag<'_>>>> {
    if header.trim() == "*" {
        return Some(None);
    }
    let (mut rest, mut tags) = (header.trim(), Vec::new());
    loop {
        // Lists may have empty elements.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (!tags.is_empty()).then_some(Some(tags));
        }
        let is_weak = rest.starts_with("W/");
        let (text, after) = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if text.chars().any(|character| character <= ' ' || character == '\x7f') {
            return None;
        }
        tags.push(Tag { is_weak, text });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_versions() {
        let read = |header| IfMatch::read(Some(header)).ok().map(|versions| versions.0);
        assert_eq!(read("\"7\""), Some(Some(vec![7])));
        assert_eq!(read(" \"7\" ,\t\"8\",, \"x\", \"07\", \"+9\", W/\"10\""), Some(Some(vec![7, 8])));
        assert_eq!(read("W/\"7\""), Some(Some(vec![])));
        assert_eq!(read("*"), Some(None));
        for malformed in
            ["", " ", ",", "7", "\"7", "7\"", "\"7\"\"8\"", "\"7\" \"8\"", "*, \"7\"", "w/\"7\"", "\"a b\""]
        {
            assert_eq!(read(malformed), None, "{malformed}");
        }
        assert_eq!(IfMatch::read(None).expect("no header"), IfMatch::default());
    }

    #[test]
    fn what_a_client_has_is_compared_weakly() {
        for known in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*"] {
            assert!(is_known(known, &of_version(7)), "{known}");
        }
        for unknown in ["\"8\"", "7", "", "\"\""] {
            assert!(!is_known(unknown, &of_version(7)), "{unknown}");
        }
        let list = of_body("[]");
        assert!(is_known(&list, &list) && !is_known(&list, &of_body("[1]")), "{list}");
    }
}
