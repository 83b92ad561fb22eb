//! Conditional requests (RFC 9110, section 13).
//!
//! The entity tag of a row is its version, `"7"`. Other responses have a weak one, a hash of the body.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::ApiError;
use crate::scope::Versions;

const IF_MATCH_RULE: &str = "entity tags are quoted, as in If-Match: \"7\"";

/// The versions that an `If-Match` header names. Weak tags and tags that no row can have match nothing.
///
/// # Errors
/// [`ApiError::MalformedHeader`] if the header is not a list of entity tags.
pub(super) fn parse_if_match(header: &str) -> Result<Versions, ApiError> {
    let tags = parse_tags(header).ok_or(ApiError::MalformedHeader("If-Match", IF_MATCH_RULE))?;
    let version = |tag: &Tag<'_>| if tag.is_weak { None } else { tag.version() };
    Ok(tags.map_or(Versions::ANY, |tags| Versions::one_of(tags.iter().filter_map(version).collect())))
}

/// The entity tag of a row.
pub(super) fn etag_of_version(version: i64) -> String {
    format!("\"{version}\"")
}

/// The entity tag of a body. Weak, because the same content can be written in another way. A page that is no longer the last
/// has another tag: a client that keeps its body needs the new `Link`.
pub(super) fn etag_of_body(body: &str, has_next_page: bool) -> String {
    format!("W/\"{:016x}\"", xxh3_64_with_seed(body.as_bytes(), has_next_page.into()))
}

/// Whether an `If-None-Match` header names this entity tag. A malformed header matches nothing.
pub(super) fn matches(if_none_match: &str, etag: &str) -> bool {
    let Some(tags) = parse_tags(if_none_match) else { return false };
    let text = etag.trim_start_matches("W/").trim_matches('"');
    tags.is_none_or(|tags| tags.iter().any(|tag| tag.text == text))
}

/// An entity tag as a client sends it.
#[derive(Debug, PartialEq, Eq)]
struct Tag<'a> {
    is_weak: bool,
    /// The text between the quotes.
    text: &'a str,
}

impl Tag<'_> {
    fn version(&self) -> Option<i64> {
        let version: i64 = self.text.parse().ok()?;
        // `"+7"` and `"07"` are not tags of ours.
        (version.to_string() == self.text).then_some(version)
    }
}

/// The tags of a header. The inner `None` is `*`, the outer one a malformed header.
fn parse_tags(header: &str) -> Option<Option<Vec<Tag<'_>>>> {
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
        let parse = |header| parse_if_match(header).ok();
        assert_eq!(parse("\"7\""), Some(Versions::one_of(vec![7])));
        assert_eq!(parse(" \"7\" ,\t\"8\",, \"x\", \"07\", \"+9\", W/\"10\""), Some(Versions::one_of(vec![7, 8])));
        assert_eq!(parse("W/\"7\""), Some(Versions::one_of(vec![])));
        assert_eq!(parse("*"), Some(Versions::ANY));
        for malformed in
            ["", " ", ",", "7", "\"7", "7\"", "\"7\"\"8\"", "\"7\" \"8\"", "*, \"7\"", "w/\"7\"", "\"a b\""]
        {
            assert_eq!(parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for known in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*"] {
            assert!(matches(known, &etag_of_version(7)), "{known}");
        }
        for unknown in ["\"8\"", "7", "", "\"\""] {
            assert!(!matches(unknown, &etag_of_version(7)), "{unknown}");
        }
        let list = etag_of_body("[]", false);
        assert!(matches(&list, &list), "{list}");
        for other in [etag_of_body("[1]", false), etag_of_body("[]", true)] {
            assert!(!matches(&list, &other), "{list}");
        }
    }
}
