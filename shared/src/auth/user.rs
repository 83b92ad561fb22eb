//! The user whose token was verified.

use super::error::TokenError;

/// The user of a verified token. Only the verification of a token makes one: the field is private, and there is no
/// conversion, default, clone or deserialization.
#[derive(Debug)]
pub struct VerifiedUser {
    id: String,
    token: Option<RevocableToken>,
}

/// A token that this API signed. It stays valid until it expires or is revoked.
#[derive(Debug, PartialEq)]
pub struct RevocableToken {
    /// The claim `jti`.
    pub id: String,
    /// The claim `exp`, in seconds since the Unix epoch.
    pub expires_at: f64,
    /// The claim `ver`: how often the tokens of the user had been revoked.
    pub version: i32,
    /// What `tasks_api.live_user` takes.
    parameter: String,
}

/// The longest id that a known table of users can store.
const USER_ID_MAX_BYTES: usize = 255;

impl VerifiedUser {
    /// The user of a token that was verified.
    ///
    /// # Errors
    /// No table of users can store the id.
    pub(super) fn new(id: String) -> Result<Self, TokenError> {
        let is_valid = (1..=USER_ID_MAX_BYTES).contains(&id.len()) && !id.chars().any(char::is_control);
        if is_valid { Ok(Self { id, token: None }) } else { Err(TokenError::NoUser) }
    }

    /// The user of a verified token that can be revoked. `token_id` has no white space.
    ///
    /// # Errors
    /// As [`VerifiedUser::new`].
    pub(super) fn of_revocable_token(
        id: String,
        token_id: String,
        version: i32,
        expires_at: f64,
    ) -> Result<Self, TokenError> {
        let parameter = format!("{token_id} {version} {id}");
        let token = Some(RevocableToken { id: token_id, expires_at, version, parameter });
        Ok(Self { token, ..Self::new(id)? })
    }

    /// The user of a proof, who has no token. What is done for them is rolled back.
    #[cfg(feature = "proof")]
    pub(crate) fn for_proof(id: &str) -> Option<Self> {
        Self::new(id.to_owned()).ok()
    }

    /// The id in the table of users: an opaque text of 1 to 255 bytes without control characters.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token, if it can be revoked.
    #[must_use]
    pub fn revocable_token(&self) -> Option<&RevocableToken> {
        self.token.as_ref()
    }

    /// The parameter that names the user in a statement: the argument of `tasks_api.live_user` if the token can be revoked,
    /// else the id.
    pub(crate) fn parameter(&self) -> &str {
        self.token.as_ref().map_or(&self.id, |token| &token.parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_learn_which_token_it_is() {
        let user = VerifiedUser::new("ada lovelace".to_owned()).expect("an id");
        assert_eq!((user.parameter(), user.revocable_token()), ("ada lovelace", None));
        let user = VerifiedUser::of_revocable_token("ada lovelace".to_owned(), "j1".to_owned(), 3, 9.0);
        assert_eq!(user.expect("an id").parameter(), "j1 3 ada lovelace");
    }

    #[test]
    fn a_user_id_must_fit_every_database() {
        let id = |id: &str| VerifiedUser::new(id.to_owned()).map(|user| user.id);
        assert_eq!(id("D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI").as_deref(), Ok("D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI"));
        assert_eq!(id(&"a".repeat(255)), Ok("a".repeat(255)));
        for bad in ["", "a\0b", "a\nb", "\u{7f}", "\u{85}", &"a".repeat(256)] {
            assert_eq!(id(bad), Err(TokenError::NoUser), "{bad:?}");
        }
    }
}
