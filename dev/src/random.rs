//! Random text that cannot be guessed.

/// `length` random letters and digits, like the ids of users in Better Auth.
pub(crate) fn letters_and_digits(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let bytes = std::iter::repeat_with(uuid::Uuid::new_v4).flat_map(|uuid| {
        // Bytes 6 and 8 contain the version and the variant, which are not random.
        let bytes = uuid.into_bytes();
        (0..16).filter(|index| ![6, 8].contains(index)).map(move |index| bytes[index])
    });
    // 248 is the largest multiple of 62 in a byte. Larger bytes would make some letters more likely than others.
    bytes.filter(|byte| *byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_and_is_random() {
        let (one, other) = (letters_and_digits(32), letters_and_digits(32));
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
        assert!(one.chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
