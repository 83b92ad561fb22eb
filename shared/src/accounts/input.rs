//! What request bodies say about an account. Members that are not read here are ignored, so no client can set another column.

use crate::config::ApiConfig;
use crate::input::{FromJson, ObjectReader};

use super::password::PasswordPolicy;

/// The body of a sign-in.
pub struct Credentials {
    /// Trimmed.
    pub(super) email: String,
    pub(super) password: String,
}

/// The body of a sign-up.
pub struct NewAccount {
    /// Trimmed, in lower case.
    pub(super) email: String,
    pub(super) password: String,
    /// `name`, `full_name` and `username`.
    pub(super) names: [Option<String>; 3],
}

/// The body of a change of the password.
pub struct PasswordChange {
    pub(super) current_password: String,
    pub(super) new_password: String,
}

/// The body of the deletion of an account.
pub struct PasswordConfirmation {
    pub(super) password: String,
}

/// The members that can have the e-mail address. The first one that is present counts.
const IDENTIFIERS: [&str; 4] = ["email", "username", "username_or_email", "email_or_username"];
/// The longest e-mail address (RFC 5321), in bytes.
const EMAIL_MAX_BYTES: usize = 254;
/// The longest name, in Unicode code points.
const NAME_MAX: usize = 255;
/// The largest body, in KiB.
const BODY_MAX_KIB: usize = 8;

impl FromJson for Credentials {
    const BODY_MAX_KIB: usize = BODY_MAX_KIB;

    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        Self { email: identifier(object).unwrap_or_default().to_owned(), password: required(object, "password") }
    }
}

impl FromJson for NewAccount {
    const BODY_MAX_KIB: usize = BODY_MAX_KIB;

    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        let email = identifier(object).unwrap_or_default().to_lowercase();
        if !email.is_empty() && !is_email(&email) {
            object.fail::<()>("email", "email must be an e-mail address");
        }
        let password = new_password(object, "password", config);
        Self { email, password, names: ["name", "full_name", "username"].map(|member| name(object, member)) }
    }
}

impl FromJson for PasswordChange {
    const BODY_MAX_KIB: usize = BODY_MAX_KIB;

    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        Self {
            current_password: required(object, "current_password"),
            new_password: new_password(object, "new_password", config),
        }
    }
}

impl FromJson for PasswordConfirmation {
    const BODY_MAX_KIB: usize = BODY_MAX_KIB;

    fn from_json(object: &mut ObjectReader<'_>, _: &ApiConfig) -> Self {
        Self { password: required(object, "password") }
    }
}

/// Trimmed. What is missing is recorded as a failure of `email`.
fn identifier<'a>(object: &mut ObjectReader<'a>) -> Option<&'a str> {
    let present = IDENTIFIERS.iter().find_map(|name| Some((name, object.non_null(name)?)));
    let Some((name, value)) = present else { return object.fail("email", "email is required") };
    let identifier = object.text(name, value)?.trim();
    if identifier.is_empty() { object.fail(name, format!("{name} must not be empty")) } else { Some(identifier) }
}

fn required(object: &mut ObjectReader<'_>, name: &str) -> String {
    match object.non_null(name) {
        None => object.fail(name, format!("{name} is required")),
        Some(value) => object.text(name, value).map(str::to_owned),
    }
    .unwrap_or_default()
}

fn new_password(object: &mut ObjectReader<'_>, name: &str, config: &ApiConfig) -> String {
    let failures = object.failure_count();
    let password = required(object, name);
    if object.failure_count() == failures
        && let Some(rule) = PasswordPolicy::new(&config.passwords).broken_rule(&password)
    {
        object.fail::<()>(name, format!("{name} {rule}"));
    }
    password
}

/// Trimmed. Null and an empty text count as absent.
fn name(object: &mut ObjectReader<'_>, member: &str) -> Option<String> {
    let value = object.non_null(member)?;
    let name = object.text(member, value)?.trim();
    if name.chars().count() > NAME_MAX {
        return object.fail(member, format!("{member} must have at most {NAME_MAX} characters"));
    }
    (!name.is_empty()).then(|| name.to_owned())
}

/// One `@` with something on both sides, and neither white space nor control characters. Whether it exists is not known.
fn is_email(text: &str) -> bool {
    let has_parts = text
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let is_foreign = |character: char| character.is_whitespace() || character.is_control();
    has_parts && text.len() <= EMAIL_MAX_BYTES && !text.contains(is_foreign)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read<T: FromJson>(body: &Value) -> Result<T, String> {
        let mut reader = ObjectReader::new(body.as_object().expect("the tests send objects"), "");
        let value = T::from_json(&mut reader, &ApiConfig::default());
        reader.finish(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_identifier_counts() {
        let email = |mut body: Value| {
            body["password"] = "correct horse".into();
            read::<Credentials>(&body).map(|credentials| credentials.email)
        };
        assert_eq!(email(json!({"email": " Ada@example.com ", "username": "ada"})), Ok("Ada@example.com".into()));
        assert_eq!(email(json!({"email": null, "username": "ada"})), Ok("ada".into()));
        assert_eq!(email(json!({"username_or_email": "ada"})), Ok("ada".into()));
        assert_eq!(email(json!({"emailOrUsername": "ada"})), Ok("ada".into()));
        assert_eq!(email(json!({})), Err("email is required".into()));
        assert_eq!(email(json!({"username": " "})), Err("username must not be empty".into()));
        assert_eq!(email(json!({"email": 7})), Err("email must be a text".into()));
        assert_eq!(email(json!({"email": "a\0b"})), Err("email must not contain U+0000".into()));
    }

    #[test]
    fn an_address_of_a_new_account_is_one_in_lower_case() {
        let email = |email: &str| {
            read::<NewAccount>(&json!({"email": email, "password": "correct horse"})).map(|new| new.email)
        };
        assert_eq!(email(" Ada@Example.com"), Ok("ada@example.com".into()));
        assert_eq!(email("ÄDA@example.com"), Ok("äda@example.com".into()));
        let long = format!("{}@example.com", "a".repeat(243));
        for bad in ["ada", "@example.com", "ada@", "a@b@c", "a da@example.com", "a\u{7f}@example.com", &long] {
            assert_eq!(email(bad), Err("email must be an e-mail address".into()), "{bad}");
        }
    }

    #[test]
    fn all_failures_are_listed() {
        let failures = read::<NewAccount>(&json!({"email": "ada", "password": "short", "name": 7})).err();
        let sentence = "email must be an e-mail address; password must have at least 8 characters; name must be a text";
        assert_eq!(failures.as_deref(), Some(sentence));
        let failures = read::<PasswordChange>(&json!({})).err();
        assert_eq!(failures.as_deref(), Some("current_password is required; new_password is required"));
    }
}
