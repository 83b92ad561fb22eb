//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use std::borrow::Cow;

use super::error::ApiError;
use crate::scope::IdempotencyKey;

const RULE: &str = "it is one key of 1 to 255 printable ASCII characters, as in \
                    Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\"";

/// Parses the header: a string of RFC 8941 in quotes, or the key alone, which is what most clients send.
///
/// The header is one item and no list. Repeated headers arrive joined by a comma, so only a key in quotes can contain one.
///
/// # Errors
/// [`ApiError::MalformedHeader`]
pub(super) fn parse_key(header: &str) -> Result<IdempotencyKey, ApiError> {
    let header = header.trim_matches([' ', '\t']);
    let key = match header.strip_prefix('"') {
        Some(quoted) => unquote(quoted).map(Cow::Owned),
        None => (!header.contains(',')).then_some(Cow::Borrowed(header)),
    };
    key.and_then(|key| IdempotencyKey::new(&key)).ok_or(ApiError::MalformedHeader("Idempotency-Key", RULE))
}

/// The string whose quotes are closed at the end of `quoted`.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_quoted() {
        let printable: String = (' '..='~').collect();
        for (header, key) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (" \t\"a\" ", "a"),
            ("a b", "a b"),
            (r#"a"\"#, r#"a"\"#),
            (r#""a\"b\\c, d""#, r#"a"b\c, d"#),
            (&"x".repeat(255), &"x".repeat(255)),
            (&format!("\".{}.\"", printable.replace('\\', r"\\").replace('"', "\\\"")), &format!(".{printable}.")),
        ] {
            assert_eq!(parse_key(header).ok(), IdempotencyKey::new(key), "{header}");
            assert!(IdempotencyKey::new(key).is_some(), "{key}");
        }
    }

    #[test]
    fn other_headers_are_malformed() {
        let long = "x".repeat(256);
        for header in [
            "",
            " ",
            "\"\"",
            "\" \"",
            "\" a\"",
            "\"a \"",
            "\"",
            "\"a",
            "\"a\"b",
            "\"a\";b=1",
            "\"a\", \"b\"",
            "a, b",
            "a,a",
            ",",
            r#""a\b""#,
            r#""a\"#,
            "ä",
            "\"ä\"",
            "a\u{7f}",
            "a\tb",
            "a\0",
            "\"a\nb\"",
            &long,
            &format!("\"{long}\""),
        ] {
            assert!(parse_key(header).is_err(), "{header:?}");
        }
    }
}
