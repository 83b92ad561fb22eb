//! The bearer token of a request (RFC 6750).

use super::error::TokenError;

/// Longer tokens are refused unread.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// The token of `Bearer <token>`. The case of the scheme does not matter.
pub(super) fn bearer(authorization: &str) -> Result<&str, TokenError> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(TokenError::NotBearer)?;
    let token = token.trim_start_matches(' ');
    // A repeated header arrives as one value with commas. Two tokens are refused even if the first is valid.
    let is_foreign = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.bytes().any(is_foreign) {
        return Err(TokenError::NotBearer);
    }
    if token.len() > TOKEN_MAX_BYTES { Err(TokenError::TooLong) } else { Ok(token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_bearer_token_is_accepted() {
        for (authorization, token) in [
            ("Bearer abc", Ok("abc")),
            ("bearer abc", Ok("abc")),
            ("BEARER  abc ", Ok("abc")),
            ("Bearer", Err(TokenError::NotBearer)),
            ("Bearer ", Err(TokenError::NotBearer)),
            ("abc", Err(TokenError::NotBearer)),
            ("Basic abc", Err(TokenError::NotBearer)),
            ("Bearer abc def", Err(TokenError::NotBearer)),
            ("Bearer abc,Bearer abc", Err(TokenError::NotBearer)),
            ("Bearer abc, Bearer abc", Err(TokenError::NotBearer)),
        ] {
            assert_eq!(bearer(authorization), token, "{authorization}");
        }
        assert_eq!(bearer(&format!("Bearer {}", "a".repeat(8 * 1024))).map(str::len), Ok(8 * 1024));
        assert_eq!(bearer(&format!("Bearer {}", "a".repeat(8 * 1024 + 1))), Err(TokenError::TooLong));
    }
}
