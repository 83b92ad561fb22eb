//! The claims of a verified token, and whether they identify a user now (RFC 7519, RFC 8725).

use serde::Deserialize;
use serde_json::Value;

use super::error::TokenError;
use super::members::given;
use super::user::VerifiedUser;
use crate::config::TokenRules;

/// The claims that are read. `userId`, `id` and `email` are left out on purpose: Better Auth signs the links in its
/// e-mails with the same secret, and those tokens have these claims.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "given")]
    sub: Option<String>,
    #[serde(default, deserialize_with = "given")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "given")]
    aud: Option<Audience>,
    /// Only read if there is no `sub`; in other tokens it can be anything.
    #[serde(default)]
    user: Value,
    #[serde(default)]
    session: Value,
    /// Only read if this API signed the token; in other tokens these two can be anything.
    #[serde(default)]
    jti: Value,
    #[serde(default)]
    ver: Value,
}

/// The longest `jti`, in bytes. Those of this API are shorter.
const TOKEN_ID_MAX_BYTES: usize = 64;

impl Claims {
    /// Whether the token has the claim of tokens that can be revoked.
    pub(super) fn has_version(&self) -> bool {
        !self.ver.is_null()
    }

    /// The claims `jti` and `ver` of a token that this API signed.
    fn revocation(&self) -> Result<(String, i32), TokenError> {
        let token_id = self.jti.as_str().filter(|id| (1..=TOKEN_ID_MAX_BYTES).contains(&id.len()));
        let token_id =
            token_id.filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic())).ok_or(TokenError::Claims)?;
        let version = self.ver.as_i64().and_then(|version| i32::try_from(version).ok());
        let version = version.filter(|version| *version >= 0).ok_or(TokenError::Claims)?;
        Ok((token_id.to_owned(), version))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The rules for the claims of one kind of token.
#[derive(Debug)]
pub(super) struct ClaimRules {
    pub(super) expected: TokenRules,
    /// Whether a token without `sub` can be Better Auth's cookie cache, which is only signed with the shared secret.
    pub(super) allows_cookie_cache: bool,
}

impl ClaimRules {
    /// The user, if this API signed the token and the claims are valid at `now`. Only the database knows if it was revoked.
    pub(super) fn user_of_revocable(&self, claims: Claims, now: f64) -> Result<VerifiedUser, TokenError> {
        let (token_id, version) = claims.revocation()?;
        let expires_at = claims.exp.unwrap_or_default();
        VerifiedUser::of_revocable_token(self.user_id(claims, now)?, token_id, version, expires_at)
    }

    /// The id of the user, if the claims are valid at `now`, in seconds since the Unix epoch.
    pub(super) fn user_id(&self, claims: Claims, now: f64) -> Result<String, TokenError> {
        let leeway = f64::from(self.expected.leeway);
        let expires = claims.exp.ok_or(TokenError::Claims)?;
        if now >= expires + leeway || claims.nbf.is_some_and(|begins| now < begins - leeway) {
            return Err(TokenError::Time);
        }
        if !self.has_expected_origin(&claims) {
            return Err(TokenError::Origin);
        }
        match claims.sub {
            Some(sub) => Ok(sub),
            None if self.allows_cookie_cache => cached_user(&claims.user, &claims.session).ok_or(TokenError::NoUser),
            None => Err(TokenError::NoUser),
        }
    }

    fn has_expected_origin(&self, claims: &Claims) -> bool {
        let TokenRules { issuers, audiences, .. } = &self.expected;
        let issuer = claims.iss.iter().any(|issuer| issuers.contains(issuer));
        let audience = match &claims.aud {
            None => false,
            Some(Audience::One(audience)) => audiences.contains(audience),
            Some(Audience::Many(claimed)) => claimed.iter().any(|audience| audiences.contains(audience)),
        };
        (issuers.is_empty() || issuer) && (audiences.is_empty() || audience)
    }
}

/// The user, if both halves of the cookie cache name the same one.
fn cached_user(user: &Value, session: &Value) -> Option<String> {
    let user = user.get("id")?.as_str()?;
    let session_user = session.get("userId")?.as_str()?;
    (user == session_user).then(|| user.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    fn rules(issuers: &[&str], audiences: &[&str], leeway: u32) -> ClaimRules {
        let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
        let expected = TokenRules { issuers: owned(issuers), audiences: owned(audiences), leeway };
        ClaimRules { expected, allows_cookie_cache: true }
    }

    fn user_with(rules: &ClaimRules, claims: serde_json::Value) -> Result<String, TokenError> {
        let claims = serde_json::from_value(claims).map_err(|_| TokenError::Claims)?;
        rules.user_id(claims, NOW)
    }

    fn user(claims: serde_json::Value) -> Result<String, TokenError> {
        user_with(&rules(&[], &[], 0), claims)
    }

    #[test]
    fn a_token_is_valid_until_it_expires() {
        let exp = |exp: serde_json::Value| user(json!({"sub": "ada", "exp": exp}));
        assert_eq!(exp(json!(NOW + 1.0)), Ok("ada".into()));
        assert_eq!(exp(json!(NOW + 0.5)), Ok("ada".into()));
        assert_eq!(exp(json!(NOW)), Err(TokenError::Time));
        assert_eq!(exp(json!(-1)), Err(TokenError::Time));
        assert_eq!(exp(json!("1900000000")), Err(TokenError::Claims));
        assert_eq!(exp(json!(null)), Err(TokenError::Claims));
        assert_eq!(user(json!({"sub": "ada"})), Err(TokenError::Claims));
        assert_eq!(user(json!({"sub": "ada", "exp": NOW + 9.0, "nbf": NOW + 1.0})), Err(TokenError::Time));
        assert_eq!(user(json!({"sub": "ada", "exp": NOW + 9.0, "nbf": NOW})), Ok("ada".into()));
    }

    #[test]
    fn leeway_extends_both_ends() {
        let lenient = rules(&[], &[], 60);
        assert_eq!(user_with(&lenient, json!({"sub": "ada", "exp": NOW - 59.0, "nbf": NOW + 60.0})), Ok("ada".into()));
        assert_eq!(user_with(&lenient, json!({"sub": "ada", "exp": NOW - 60.0})), Err(TokenError::Time));
        assert_eq!(
            user_with(&lenient, json!({"sub": "ada", "exp": NOW + 9.0, "nbf": NOW + 61.0})),
            Err(TokenError::Time)
        );
    }

    #[test]
    fn only_sub_or_the_cookie_cache_names_the_user() {
        let exp = NOW + 60.0;
        let cache = json!({"exp": exp, "user": {"id": "ada", "email": "a@x"}, "session": {"userId": "ada", "id": "s"}});
        assert_eq!(user(cache), Ok("ada".into()));
        for claims in [
            json!({"exp": exp}),
            json!({"exp": exp, "userId": "ada"}),
            json!({"exp": exp, "id": "ada", "email": "ada@example.com"}),
            json!({"exp": exp, "user": {"id": "ada"}}),
            json!({"exp": exp, "session": {"userId": "ada"}}),
            json!({"exp": exp, "user": {"id": "ada"}, "session": {"userId": "eve"}}),
        ] {
            assert_eq!(user(claims.clone()), Err(TokenError::NoUser), "{claims}");
        }
        for sub in [json!(1), json!(null), json!(["ada"]), json!({"id": "ada"}), json!(true)] {
            let claims = json!({"exp": exp, "sub": sub, "user": {"id": "ada"}, "session": {"userId": "ada"}});
            assert_eq!(user(claims.clone()), Err(TokenError::Claims), "{claims}");
        }
    }

    #[test]
    fn a_repeated_claim_is_refused() {
        let claims = r#"{"exp": 1900000000, "sub": "ada", "sub": "eve"}"#;
        assert!(serde_json::from_str::<Claims>(claims).is_err());
    }

    #[test]
    fn a_token_of_this_api_has_an_id_and_a_version() {
        let own = ClaimRules { allows_cookie_cache: false, ..rules(&[], &[], 0) };
        let parameter = |jti: Value, ver: Value| {
            let claims = json!({"sub": "ada", "exp": NOW + 9.0, "jti": jti, "ver": ver});
            let claims = serde_json::from_value(claims).map_err(|_| TokenError::Claims)?;
            own.user_of_revocable(claims, NOW).map(|user| user.parameter().to_owned())
        };
        assert_eq!(parameter(json!("j1"), json!(0)).as_deref(), Ok("j1 0 ada"));
        assert_eq!(parameter(json!("j".repeat(64)), json!(i32::MAX)).map(|text| text.len()), Ok(64 + 1 + 10 + 4));
        for jti in [json!(null), json!(""), json!(1), json!("j 1"), json!("j\n1"), json!("é"), json!("j".repeat(65))] {
            assert_eq!(parameter(jti.clone(), json!(0)), Err(TokenError::Claims), "{jti}");
        }
        for ver in [json!(null), json!("0"), json!(-1), json!(0.5), json!(1_u64 << 31), json!([0]), json!(true)] {
            assert_eq!(parameter(json!("j1"), ver.clone()), Err(TokenError::Claims), "{ver}");
        }
    }

    #[test]
    fn issuer_and_audience_are_compared_exactly() {
        let strict = rules(&["https://app"], &["https://api"], 0);
        let from = |iss: serde_json::Value, aud: serde_json::Value| {
            user_with(&strict, json!({"sub": "ada", "exp": NOW + 9.0, "iss": iss, "aud": aud}))
        };
        assert_eq!(from(json!("https://app"), json!("https://api")), Ok("ada".into()));
        assert_eq!(from(json!("https://app"), json!(["other", "https://api"])), Ok("ada".into()));
        assert_eq!(from(json!("https://app/"), json!("https://api")), Err(TokenError::Origin));
        assert_eq!(from(json!("https://app"), json!([])), Err(TokenError::Origin));
        assert_eq!(from(json!(["https://app"]), json!("https://api")), Err(TokenError::Claims));
        assert_eq!(from(json!("https://app"), json!(null)), Err(TokenError::Claims));
        assert_eq!(user_with(&strict, json!({"sub": "ada", "exp": NOW + 9.0})), Err(TokenError::Origin));
    }
}
