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

/// The token that starts at `from` or behind the white space there: a word, a string literal or a single character.
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

/// How many times `sql` contains the tokens of another text in sequence.
pub(super) const fn count_tokens(sql: &str, tokens: &str) -> usize {
    let mut count = 0;
    let mut start = next_token(sql.as_bytes(), 0);
    while !start.is_empty() {
        let (mut found, mut wanted) = (start, next_token(tokens.as_bytes(), 0));
        while !wanted.is_empty() && equal(sql.as_bytes(), found, tokens.as_bytes(), wanted) {
            found = next_token(sql.as_bytes(), found.end);
            wanted = next_token(tokens.as_bytes(), wanted.end);
        }
        if wanted.is_empty() {
            count += 1;
        }
        start = next_token(sql.as_bytes(), start.end);
    }
    count
}
