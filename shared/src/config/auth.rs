//! Which tokens are accepted, and what their claims must say.

use lambda_http::http::Uri;

use super::error::StartError;
use super::lookup::{Lookup, Secret, comma_list, number};

/// The accepted kinds of tokens; at least one.
#[derive(Debug)]
pub(crate) struct AuthConfig {
    /// JWTs signed with the secret that front end and API share.
    pub(crate) hs256: Option<(Secret, TokenRules)>,
    /// JWTs signed with a private key of the auth service.
    pub(crate) jwks: Option<JwksConfig>,
    /// Opaque tokens of sessions in the database. The inner secret verifies signed ones; without it only raw ones are
    /// accepted.
    pub(crate) session: Option<Option<Secret>>,
    /// JWTs that the operations of this API sign at sign-up and sign-in.
    pub(crate) password: Option<(Secret, TokenRules)>,
}

/// Public keys, and the rules for tokens that they verify.
#[derive(Debug)]
pub(crate) struct JwksConfig {
    pub(crate) source: JwksSource,
    pub(crate) rules: TokenRules,
}

/// Where the public keys come from.
#[derive(Debug)]
pub(crate) enum JwksSource {
    /// Better Auth's own table.
    Database,
    /// A JWKS document: https, or http on this machine.
    Url(Uri),
    /// The document itself, `JWKS_JSON`, not yet parsed. Fixed for the lifetime of the process.
    Inline(String),
}

/// What the claims of a JWT must say besides its user.
#[derive(Debug, Clone)]
pub(crate) struct TokenRules {
    /// Empty: not checked.
    pub(crate) issuers: Vec<String>,
    /// Empty: not checked.
    pub(crate) audiences: Vec<String>,
    /// By how much the clocks of signer and function may differ, in seconds.
    pub(crate) leeway: u32,
}

/// Better Auth signs with this secret when it is given none. It is public.
const PUBLISHED_DEFAULT_SECRET: &str = "better-auth-secret-12345678901234567890";
/// RFC 7518, section 3.2: a key of HS256 is at least as long as the hash.
const SECRET_MIN_BYTES: usize = 32;

impl AuthConfig {
    pub(super) fn from_lookup(lookup: Lookup<'_>) -> Result<Self, StartError> {
        let modes = modes(lookup)?;
        let wants = |mode: &str| modes.iter().any(|wanted| wanted == mode);
        let leeway = number(lookup, "JWT_LEEWAY_SECONDS", 0, 0..=60)?;
        let rules = TokenRules {
            issuers: comma_list(lookup, "JWT_ISSUER"),
            audiences: comma_list(lookup, "JWT_AUDIENCE"),
            leeway,
        };
        let secret = secret(lookup, "BETTER_AUTH_SECRET")?;
        let hs256 = match (wants("hs256"), &secret) {
            (false, _) => None,
            (true, Some(secret)) => Some((secret.clone(), rules.clone())),
            (true, None) => {
                let meaning = "give it the secret of the front end, of at least 32 bytes";
                return Err(StartError::Missing { name: "BETTER_AUTH_SECRET", meaning });
            }
        };
        let password = if wants("password") {
            let own = self::secret(lookup, "AUTH_TOKEN_SECRET")?.or_else(|| secret.clone());
            let meaning = "AUTH_MODE password needs it to sign tokens: make one with `openssl rand -base64 32`";
            let secret = own.ok_or(StartError::Missing { name: "AUTH_TOKEN_SECRET", meaning })?;
            Some((secret, rules.clone()))
        } else {
            None
        };
        let jwks = if wants("jwks") { Some(JwksConfig::from_lookup(lookup, rules)?) } else { None };
        let session = wants("session").then_some(secret);
        Ok(Self { hs256, jwks, session, password })
    }
}

impl JwksConfig {
    fn from_lookup(lookup: Lookup<'_>, mut rules: TokenRules) -> Result<Self, StartError> {
        let base = lookup("BETTER_AUTH_URL").map(|url| base_url("BETTER_AUTH_URL", &url)).transpose()?;
        if let Some(base) = &base {
            let origin = origin(base);
            for expected in [&mut rules.issuers, &mut rules.audiences] {
                if expected.is_empty() {
                    expected.push(origin.clone());
                }
            }
        }
        for (name, expected) in [("JWT_ISSUER", &rules.issuers), ("JWT_AUDIENCE", &rules.audiences)] {
            if expected.is_empty() {
                let meaning = "AUTH_MODE jwks needs it, or BETTER_AUTH_URL, whose origin is the default";
                return Err(StartError::Missing { name, meaning });
            }
        }
        Ok(Self { source: JwksSource::from_lookup(lookup, base.as_ref())?, rules })
    }
}

impl JwksSource {
    /// From `JWKS_SOURCE`, else as `JWKS_JSON` or `JWKS_URL` implies, else the database.
    fn from_lookup(lookup: Lookup<'_>, base: Option<&Uri>) -> Result<Self, StartError> {
        let (json, url) = (lookup("JWKS_JSON"), lookup("JWKS_URL"));
        if json.is_some() && url.is_some() {
            return invalid("JWKS_JSON", "and JWKS_URL contradict each other: set one of them");
        }
        let implied = match (&json, &url) {
            (Some(_), _) => "inline",
            (_, Some(_)) => "url",
            _ => "db",
        };
        let source = lookup("JWKS_SOURCE").map_or(implied.to_owned(), |source| source.trim().to_owned());
        match (source.as_str(), json, url) {
            ("db", None, None) => Ok(Self::Database),
            ("inline", Some(json), None) => Ok(Self::Inline(json)),
            ("inline", None, None) => {
                let meaning = "JWKS_SOURCE inline needs the key set, {\"keys\":[…]}";
                Err(StartError::Missing { name: "JWKS_JSON", meaning })
            }
            ("url", None, url) => Self::url(url, base),
            ("db" | "inline" | "url", ..) => invalid("JWKS_SOURCE", "contradicts JWKS_JSON or JWKS_URL"),
            _ => invalid("JWKS_SOURCE", "must be db, url or inline"),
        }
    }

    /// `JWKS_URL`, else where Better Auth serves its keys.
    fn url(url: Option<String>, base: Option<&Uri>) -> Result<Self, StartError> {
        let (name, uri) = match (url, base) {
            (Some(url), _) => ("JWKS_URL", base_url("JWKS_URL", &url)?),
            (None, Some(base)) => {
                // In a base URL the path, if there is one, is where Better Auth is mounted.
                let mount = if base.path() == "/" { "/api/auth" } else { base.path().trim_end_matches('/') };
                ("BETTER_AUTH_URL", base_url("BETTER_AUTH_URL", &format!("{}{mount}/jwks", origin(base)))?)
            }
            (None, None) => {
                let meaning = "JWKS_SOURCE url needs it, or BETTER_AUTH_URL";
                return Err(StartError::Missing { name: "JWKS_URL", meaning });
            }
        };
        if uri.scheme_str() == Some("https") || is_loopback(&uri) {
            return Ok(Self::Url(uri));
        }
        invalid(name, "must be https: over http, keys can be replaced in transit")
    }
}

/// `AUTH_MODE`, else as the other settings imply. A secret beside a JWKS does not enable HS256, and nothing but `AUTH_MODE`
/// enables `password`.
/// The accepted kinds of tokens: `AUTH_MODE`, or what other settings imply.
pub(super) fn modes(lookup: Lookup<'_>) -> Result<Vec<String>, StartError> {
    let name = "AUTH_MODE";
    let modes = comma_list(lookup, name);
    if modes.iter().any(|mode| !["jwks", "hs256", "session", "password"].contains(&mode.as_str())) {
        return invalid(name, "must be a comma list of jwks, hs256, session and password");
    }
    if !modes.is_empty() {
        return Ok(modes);
    }
    if ["BETTER_AUTH_URL", "JWKS_URL", "JWKS_JSON"].into_iter().any(|name| lookup(name).is_some()) {
        return Ok(vec!["jwks".to_owned()]);
    }
    if lookup("BETTER_AUTH_SECRET").is_some() {
        return Ok(vec!["hs256".to_owned()]);
    }
    let meaning = "set BETTER_AUTH_URL, or BETTER_AUTH_SECRET for tokens that the application signs itself";
    Err(StartError::Missing { name, meaning })
}

fn secret(lookup: Lookup<'_>, name: &'static str) -> Result<Option<Secret>, StartError> {
    match lookup(name) {
        None => Ok(None),
        Some(known) if known == PUBLISHED_DEFAULT_SECRET => invalid(
            name,
            "is Better Auth's published default, which everybody knows: make one with `openssl rand -base64 32`",
        ),
        Some(short) if short.len() < SECRET_MIN_BYTES => invalid(name, "is too short: it must have at least 32 bytes"),
        Some(secret) => Ok(Some(Secret::new(secret))),
    }
}

/// An absolute http or https URL without a user, a query or a fragment.
fn base_url(name: &'static str, text: &str) -> Result<Uri, StartError> {
    let problem = "must be a URL such as https://app.example.com";
    let Ok(uri) = text.trim().parse::<Uri>() else { return invalid(name, problem) };
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@')) && uri.query().is_none();
    if plain && matches!(uri.scheme_str(), Some("http" | "https")) { Ok(uri) } else { invalid(name, problem) }
}

/// Scheme, host and port as browsers and Better Auth write an origin: lower case, without a default port or slash.
fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    match (scheme, uri.port_u16()) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn invalid<T>(name: &'static str, problem: &str) -> Result<T, StartError> {
    Err(StartError::invalid(name, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: (&str, &str) = ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef");
    const URL: (&str, &str) = ("BETTER_AUTH_URL", "https://App.Example.com:443/");
    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn read(settings: &[(&str, &str)]) -> Result<AuthConfig, String> {
        let lookup = |wanted: &'static str| Some(settings.iter().find(|(name, _)| *name == wanted)?.1.to_owned());
        AuthConfig::from_lookup(&lookup).map_err(|error| error.to_string())
    }

    fn rules_of_jwks(settings: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let rules = read(settings).expect("good settings").jwks.expect("jwks is on").rules;
        (rules.issuers, rules.audiences)
    }

    #[test]
    fn the_mode_follows_from_what_is_set() {
        let modes = |settings: &[(&str, &str)]| {
            let auth = read(settings).expect("good settings");
            (auth.jwks.is_some(), auth.hs256.is_some(), auth.session.is_some())
        };
        assert_eq!(modes(&[SECRET]), (false, true, false));
        assert_eq!(modes(&[URL]), (true, false, false));
        assert_eq!(modes(&[URL, SECRET]), (true, false, false), "a secret does not switch HS256 on by itself");
        assert_eq!(modes(&[URL, SECRET, ("AUTH_MODE", "jwks, hs256,session")]), (true, true, true));
        assert_eq!(modes(&[("AUTH_MODE", "session")]), (false, false, true));
    }

    #[test]
    fn tokens_of_this_api_have_a_secret_of_their_own() {
        let secret = |settings: &[(&str, &str)]| {
            let password = read(settings).expect("good settings").password;
            password.map(|(secret, _)| secret.expose().to_owned())
        };
        let own = ("AUTH_TOKEN_SECRET", "abcdefghijklmnopqrstuvwxyz012345");
        let mode = ("AUTH_MODE", "hs256,password");
        assert_eq!(secret(&[SECRET, own]), None, "a secret does not switch the mode on");
        assert_eq!(secret(&[SECRET, mode]).as_deref(), Some(SECRET.1));
        assert_eq!(secret(&[SECRET, own, mode]).as_deref(), Some(own.1));
    }

    #[test]
    fn issuer_and_audience_are_the_origin_unless_they_are_set() {
        let origin = vec!["https://app.example.com".to_owned()];
        assert_eq!(rules_of_jwks(&[URL]), (origin.clone(), origin.clone()));
        let api = vec!["api".to_owned(), "web".to_owned()];
        assert_eq!(rules_of_jwks(&[URL, ("JWT_AUDIENCE", "api, web")]), (origin, api));
        let local = vec!["http://localhost:3000".to_owned()];
        assert_eq!(rules_of_jwks(&[("BETTER_AUTH_URL", "http://localhost:3000/api/auth")]), (local.clone(), local));
        let (_, rules) =
            read(&[URL, SECRET, ("AUTH_MODE", "hs256")]).expect("good settings").hs256.expect("hs256 is on");
        assert_eq!(
            (rules.issuers.len(), rules.audiences.len()),
            (0, 0),
            "HS256 checks what is set, and has no default"
        );
    }

    #[test]
    fn the_keys_are_in_the_database_unless_another_place_is_named() {
        let source = |more: &[(&str, &str)]| {
            let settings = [&[URL], more].concat();
            format!("{:?}", read(&settings).expect("good settings").jwks.expect("jwks is on").source)
        };
        assert_eq!(source(&[]), "Database");
        assert_eq!(source(&[("JWKS_SOURCE", "url")]), "Url(https://app.example.com/api/auth/jwks)");
        assert_eq!(source(&[("JWKS_URL", "http://127.0.0.1:3000/keys")]), "Url(http://127.0.0.1:3000/keys)");
        assert!(source(&[("JWKS_JSON", KEYS)]).starts_with("Inline"));
        let mounted = read(&[("BETTER_AUTH_URL", "https://x.test/auth/"), ("JWKS_SOURCE", "url")]);
        let source = mounted.expect("good settings").jwks.expect("jwks is on").source;
        assert_eq!(format!("{source:?}"), "Url(https://x.test/auth/jwks)");
    }

    #[test]
    fn an_invalid_setting_is_named_in_one_sentence() {
        let jwks = ("AUTH_MODE", "jwks");
        for (settings, sentence) in [
            (
                vec![],
                "AUTH_MODE is not set: set BETTER_AUTH_URL, or BETTER_AUTH_SECRET for tokens that the application signs itself",
            ),
            (vec![("AUTH_MODE", "magic")], "AUTH_MODE must be a comma list of jwks, hs256, session and password"),
            (
                vec![("AUTH_MODE", "password")],
                "AUTH_TOKEN_SECRET is not set: AUTH_MODE password needs it to sign tokens: make one with `openssl rand -base64 32`",
            ),
            (
                vec![("AUTH_MODE", "password"), ("AUTH_TOKEN_SECRET", "short")],
                "AUTH_TOKEN_SECRET is too short: it must have at least 32 bytes",
            ),
            (
                vec![("AUTH_MODE", "hs256")],
                "BETTER_AUTH_SECRET is not set: give it the secret of the front end, of at least 32 bytes",
            ),
            (vec![("BETTER_AUTH_SECRET", "short")], "BETTER_AUTH_SECRET is too short: it must have at least 32 bytes"),
            (
                vec![("BETTER_AUTH_SECRET", PUBLISHED_DEFAULT_SECRET)],
                "BETTER_AUTH_SECRET is Better Auth's published default, which everybody knows: make one with `openssl rand -base64 32`",
            ),
            (vec![SECRET, ("JWT_LEEWAY_SECONDS", "61")], "JWT_LEEWAY_SECONDS must be a number from 0 to 60"),
            (
                vec![jwks],
                "JWT_ISSUER is not set: AUTH_MODE jwks needs it, or BETTER_AUTH_URL, whose origin is the default",
            ),
            (
                vec![jwks, ("JWT_ISSUER", "i")],
                "JWT_AUDIENCE is not set: AUTH_MODE jwks needs it, or BETTER_AUTH_URL, whose origin is the default",
            ),
            (
                vec![("BETTER_AUTH_URL", "app.example.com")],
                "BETTER_AUTH_URL must be a URL such as https://app.example.com",
            ),
            (
                vec![("BETTER_AUTH_URL", "https://u:p@app.example.com")],
                "BETTER_AUTH_URL must be a URL such as https://app.example.com",
            ),
            (vec![URL, ("JWKS_SOURCE", "disk")], "JWKS_SOURCE must be db, url or inline"),
            (
                vec![URL, ("JWKS_SOURCE", "db"), ("JWKS_URL", "https://x.test/keys")],
                "JWKS_SOURCE contradicts JWKS_JSON or JWKS_URL",
            ),
            (
                vec![URL, ("JWKS_SOURCE", "inline")],
                "JWKS_JSON is not set: JWKS_SOURCE inline needs the key set, {\"keys\":[…]}",
            ),
            (
                vec![URL, ("JWKS_JSON", KEYS), ("JWKS_URL", "https://x.test/keys")],
                "JWKS_JSON and JWKS_URL contradict each other: set one of them",
            ),
            (
                vec![URL, ("JWKS_URL", "http://x.test/keys")],
                "JWKS_URL must be https: over http, keys can be replaced in transit",
            ),
        ] {
            assert_eq!(read(&settings).map(|auth| format!("{auth:?}")), Err(sentence.to_owned()));
        }
    }
}
