//! The tokens of SQL, at compile time.

/// The range of a token; empty at the end of the text.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// The token that starts at `from` or after the white space there: a word, a string literal or a single character.
pub(super) const fn next_token(sql: &[u8], from: usize) -> Token {
    let mut start = from;
    while start < sql.len() && sql[start].is_ascii_whitespace() {
        start += 1;
    }
    if start == sql.len() {
        return Token { start, end: start };
    }
    let mut end = start + 1;
    if sql[start] == b'\'' {
        // Two quotes within a literal are one: they end it and start the next token, which is a literal as well.
        while end < sql.len() && sql[end] != b'\'' {
            end += 1;
        }
        assert!(end < sql.len(), "a string literal is not closed");
        end += 1;
    } else if is_word(sql[start]) {
        while end < sql.len() && is_word(sql[end]) {
            end += 1;
        }
    }
    Token { start, end }
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.')
}

pub(super) const fn equal_str(sql: &[u8], token: Token, text: &str) -> bool {
    equal(sql, token, text.as_bytes(), Token { start: 0, end: text.len() })
}

pub(super) const fn equal(left: &[u8], left_token: Token, right: &[u8], right_token: Token) -> bool {
    if left_token.end - left_token.start != right_token.end - right_token.start {
        return false;
    }
    let mut index = 0;
    while index < left_token.end - left_token.start {
        if left[left_token.start + index] != right[right_token.start + index] {
            return false;
        }
        index += 1;
    }
    true
}

pub(super) const fn is_one_of(sql: &[u8], token: Token, texts: &[&str]) -> bool {
    let mut index = 0;
    while index < texts.len() {
        if equal_str(sql, token, texts[index]) {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether `text` is a part of the token.
pub(super) const fn contains(sql: &[u8], token: Token, text: &str) -> bool {
    let mut start = token.start;
    while start + text.len() <= token.end {
        if equal_str(sql, Token { start, end: start + text.len() }, text) {
            return true;
        }
        start += 1;
    }
    false
}

pub(super) const fn count_bytes(sql: &[u8], byte: u8) -> usize {
    let (mut count, mut index) = (0, 0);
    while index < sql.len() {
        if sql[index] == byte {
            count += 1;
        }
        index += 1;
    }
    count
}

/// Skips from a token within parentheses to the token after them.
pub(super) const fn skip_parentheses(sql: &[u8], mut token: Token) -> Token {
    let mut depth = 1;
    while depth > 0 {
        assert!(!token.is_empty(), "a parenthesis is not closed");
        if equal_str(sql, token, "(") {
            depth += 1;
        } else if equal_str(sql, token, ")") {
            depth -= 1;
        }
        token = next_token(sql, token.end);
    }
    token
}

/// The last token of `text` in `sql`, if the tokens of `text` start at `token`.
pub(super) const fn skip_tokens(sql: &[u8], mut token: Token, text: &str) -> Option<Token> {
    let mut last = token;
    let mut expected = next_token(text.as_bytes(), 0);
    while !expected.is_empty() {
        if !equal(sql, token, text.as_bytes(), expected) {
            return None;
        }
        last = token;
        token = next_token(sql, token.end);
        expected = next_token(text.as_bytes(), expected.end);
    }
    Some(last)
}

/// Refuses text that PostgreSQL could divide into other tokens than [`next_token`]: comments, quoted names, prefixed
/// literals, and words in which a number hides a keyword. Refuses further statements too.
pub(super) const fn check_tokens(sql: &[u8]) {
    let mut previous = Token { start: 0, end: 0 };
    let mut token = next_token(sql, 0);
    while !token.is_empty() {
        let byte = sql[token.start];
        let next = if token.start + 1 < sql.len() { sql[token.start + 1] } else { b' ' };
        assert!(byte != b';', "one statement only");
        assert!(byte != b'"', "quoted names are not allowed");
        assert!(byte.is_ascii_graphic(), "only ASCII outside of literals, and no control characters");
        assert!(byte != b'$' || next.is_ascii_digit(), "dollar quotes are not allowed");
        let is_comment = (byte == b'-' && next == b'-') || (byte == b'/' && next == b'*');
        assert!(!is_comment, "comments are not allowed");
        if byte == b'\'' {
            let is_adjacent = !previous.is_empty() && previous.end == token.start;
            let is_prefixed = is_adjacent && (is_word(sql[previous.start]) || sql[previous.start] == b'&');
            assert!(!is_prefixed, "only plain string literals are allowed");
            // With `standard_conforming_strings = off` it would hide the end of the literal.
            assert!(!contains(sql, token, "\\"), "a string literal must not contain a backslash");
        } else {
            check_word(sql, token);
        }
        previous = token;
        token = next_token(sql, token.end);
    }
}

/// PostgreSQL reads `or.5` as two tokens, and before version 15 `1or` and `$1or` as well.
const fn check_word(sql: &[u8], token: Token) {
    let starts_number = token.end - token.start > 1 && matches!(sql[token.start], b'.' | b'$');
    let is_number = sql[token.start + starts_number as usize].is_ascii_digit();
    let mut index = token.start;
    while index < token.end {
        let byte = sql[index];
        let next = if index + 1 < sql.len() { sql[index + 1] } else { b' ' };
        assert!(!byte.is_ascii_uppercase(), "SQL is written in lower case");
        if is_number {
            let is_digit = byte.is_ascii_digit() || byte == b'.' || index == token.start;
            assert!(is_digit, "a number must have digits only, and white space behind it");
        } else if byte == b'.' {
            let is_followed = next.is_ascii_alphabetic() || matches!(next, b'_' | b'*');
            assert!(is_followed, "a dot must be followed by a name or `*`, without white space");
        }
        index += 1;
    }
}
