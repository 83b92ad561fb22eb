//! The user whose token was verified.

use super::error::TokenError;

/// The user of a verified token. Only the verification of a token makes one: the field is private, and there is no
/// conversion, default, clone or deserialization.
#[derive(Debug)]
pub struct VerifiedUser {
    id: String,
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
        if is_valid { Ok(Self { id }) } else { Err(TokenError::NoUser) }
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
