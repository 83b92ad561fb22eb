//! A request and its expected response.

use dev::testing::client::TestResponse;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use crate::database::AuthDatabase;
use crate::function::bearing;
use crate::keys::{ED25519, P256, RSA};
use crate::token::{
    ADA, EVE, ORIGIN, OWN_SECRET, SECRET, by_hmac, by_key, by_secret, claims, header, hs256, own_claims,
};
use crate::unusual_keys::unusual_jwks;

/// The token of a session of [`ADA`].
pub(crate) const SESSION: &str = "uFqvhN4c4TtqYkq8bB4aS2kRkKq1vO3J";
/// The token of a session of [`EVE`].
pub(crate) const SESSION_OF_EVE: &str = "Zx81kPqLm0aTnYb7Vd2RsWcHf5GjE9uK";
/// The token of a session that has expired.
pub(crate) const EXPIRED_SESSION: &str = "Ended00000000000000000000000000Z";

/// A request and its expected response.
pub(crate) struct Case {
    /// What is special about the request. It is unique.
    pub(crate) name: String,
    pub(crate) setup: Setup,
    /// Creates the event just before it is sent, so that its times are current.
    pub(crate) event: Box<dyn Fn() -> Value + Send>,
    pub(crate) expected: Expected,
}

/// The expected response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expected {
    /// Status 401, with the same body for every reason.
    Refused,
    /// Status 200 with the only task of this user.
    TasksOf(String),
}

impl Case {
    pub(crate) fn new(setup: Setup, name: &str, expected: Expected, event: Value) -> Self {
        let name = format!("{setup:?}: {name}");
        Self { name, setup, event: Box::new(move || event.clone()), expected }
    }

    /// A bearer token that is refused.
    pub(crate) fn refused(setup: Setup, name: &str, token: impl AsRef<str>) -> Self {
        Self::new(setup, name, Expected::Refused, bearing(token.as_ref()))
    }

    /// A valid bearer token of [`ADA`].
    pub(crate) fn accepted(setup: Setup, name: &str, token: impl AsRef<str>) -> Self {
        Self::accepted_as(ADA, setup, name, token)
    }

    /// A valid bearer token of a user.
    pub(crate) fn accepted_as(user: &str, setup: Setup, name: &str, token: impl AsRef<str>) -> Self {
        Self::new(setup, name, Expected::TasksOf(user.to_owned()), bearing(token.as_ref()))
    }

    /// A bearer token of [`ADA`] that is created when it is sent, from the time in seconds since 1970.
    pub(crate) fn timed(
        setup: Setup,
        name: &str,
        is_good: bool,
        token: impl Fn(u64) -> String + Send + 'static,
    ) -> Self {
        let expected = if is_good { Expected::TasksOf(ADA.to_owned()) } else { Expected::Refused };
        let event = Box::new(move || bearing(&token(dev::tokens::now())));
        Self { event, ..Self::new(setup, name, expected, Value::Null) }
    }
}

impl Expected {
    /// What is wrong with a response. `None` if nothing is.
    pub(crate) fn mismatch(&self, response: &TestResponse) -> Option<String> {
        let good = match self {
            Self::Refused => is_refusal(response),
            Self::TasksOf(user) => {
                let task = &response.json[0];
                let is_theirs = task["user_id"] == **user && task["title"] == crate::database::title_of(user);
                response.status == 200 && is_theirs && response.json.as_array().is_some_and(|tasks| tasks.len() == 1)
            }
        };
        (!good).then(|| format!("expected {self:?}, found {response:?}"))
    }
}

/// Whether this is the response to every request without a valid token. All of these responses are equal.
fn is_refusal(response: &TestResponse) -> bool {
    let request_id = response.request_id();
    let headers: Map<String, Value> = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("a header of ASCII text").into()))
        .collect();
    let expected_headers = json!({
        "content-type": "application/problem+json",
        "www-authenticate": "Bearer",
        "x-request-id": request_id,
    });
    let expected_body = json!({
        "type": "/docs/errors#unauthenticated",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Not authenticated",
        "code": "unauthenticated",
        "request_id": request_id,
    });
    response.status == 401 && Value::from(headers) == expected_headers && response.json == expected_body
}

/// The settings of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// HS256 tokens, of any issuer and audience.
    Secret,
    /// HS256 tokens of two issuers and one audience.
    SecretWithOrigin,
    /// HS256 tokens, with the greatest leeway.
    SecretWithLeeway,
    /// A set of usable and unusual keys, and a secret that has no effect.
    Keys,
    /// A set of one key.
    OneKey,
    /// Session tokens.
    Sessions,
    /// Session tokens, without the secret that signs them.
    RawSessions,
    /// All kinds of tokens of Better Auth, with the keys in the database.
    Everything,
    /// Tokens that this API signs, and a secret of Better Auth that has no effect.
    Password,
    /// All kinds of tokens.
    AllModes,
}

impl Setup {
    pub(crate) const ALL: [Self; 10] = [
        Self::Secret,
        Self::SecretWithOrigin,
        Self::SecretWithLeeway,
        Self::Keys,
        Self::OneKey,
        Self::Sessions,
        Self::RawSessions,
        Self::Everything,
        Self::Password,
        Self::AllModes,
    ];
    /// The setups that accept tokens signed with the secret.
    pub(crate) const WITH_SECRET: [Self; 2] = [Self::Secret, Self::Everything];
    /// The setups that accept tokens signed with the keys `ed`, `ec`, `rs` and `ps`.
    pub(crate) const WITH_KEYS: [Self; 2] = [Self::Keys, Self::Everything];

    /// The environment variables, with the URL of a database.
    pub(crate) fn variables(self, database_url: &str) -> Vec<(&'static str, String)> {
        let keys = |jwks: &[Value]| ("JWKS_JSON", json!({"keys": jwks}).to_string());
        let secret = ("BETTER_AUTH_SECRET", SECRET.to_owned());
        let own_secret = ("AUTH_TOKEN_SECRET", OWN_SECRET.to_owned());
        let url = ("BETTER_AUTH_URL", ORIGIN.to_owned());
        let mode = |mode: &str| ("AUTH_MODE", mode.to_owned());
        let mut variables = match self {
            Self::Secret => vec![mode("hs256"), secret],
            Self::SecretWithOrigin => vec![
                mode("hs256"),
                secret,
                ("JWT_ISSUER", format!("https://old.example.com, {ORIGIN}")),
                ("JWT_AUDIENCE", ORIGIN.to_owned()),
            ],
            Self::SecretWithLeeway => vec![mode("hs256"), secret, ("JWT_LEEWAY_SECONDS", "60".to_owned())],
            Self::Keys => {
                let jwks: Vec<Value> = good_keys().into_iter().chain(unusual_jwks()).collect();
                vec![url, secret, keys(&jwks)]
            }
            Self::OneKey => vec![url, keys(&[ED25519.jwk_with(&json!({"kid": "only"}))])],
            Self::Sessions => vec![mode("session"), secret],
            Self::RawSessions => vec![mode("session")],
            Self::Everything => vec![mode("jwks,hs256,session"), secret, url],
            Self::Password => vec![mode("password"), secret, own_secret],
            Self::AllModes => vec![mode("jwks,hs256,session,password"), secret, own_secret, url],
        };
        variables.push(("DATABASE_URL", database_url.to_owned()));
        variables
    }

    /// A token that must still be accepted after every attack.
    pub(crate) fn good_token(self) -> String {
        match self {
            Self::Secret | Self::SecretWithOrigin | Self::SecretWithLeeway => by_secret(hs256(), claims()),
            Self::Keys | Self::Everything => by_key(&ED25519, header("EdDSA", "ed"), claims()),
            Self::OneKey => by_key(&ED25519, header("EdDSA", "only"), claims()),
            Self::Sessions | Self::RawSessions => SESSION.to_owned(),
            Self::Password | Self::AllModes => by_hmac(Algorithm::HS256, OWN_SECRET.as_bytes(), hs256(), own_claims()),
        }
    }
}

/// The keys of [`Setup::WITH_KEYS`]. The last three name their algorithm differently, or not at all.
pub(crate) fn good_keys() -> Vec<Value> {
    vec![
        ED25519.jwk_with(&json!({"kid": "ed", "alg": "EdDSA"})),
        P256.jwk_with(&json!({"kid": "ec", "alg": "ES256", "use": "sig"})),
        RSA.jwk_with(&json!({"kid": "rs", "alg": "RS256"})),
        RSA.jwk_with(&json!({"kid": "ps", "alg": "PS256", "key_ops": ["verify"]})),
        ED25519.jwk_with(&json!({"kid": "ed-without-alg"})),
        ED25519.jwk_with(&json!({"kid": "ed-rfc9864", "alg": "Ed25519"})),
        RSA.jwk_with(&json!({"kid": "rsa-without-alg"})),
    ]
}

/// Inserts users, keys and sessions.
pub(crate) async fn fill(database: &AuthDatabase, cases: &[Case]) {
    let mut users = vec![ADA.to_owned(), EVE.to_owned()];
    users.extend(cases.iter().filter_map(|case| match &case.expected {
        Expected::TasksOf(user) => Some(user.clone()),
        Expected::Refused => None,
    }));
    users.sort_unstable();
    users.dedup();
    for user in users {
        database.add_user(&user).await;
    }
    for jwk in good_keys() {
        database.add_key(jwk["kid"].as_str().expect("a name"), &jwk).await;
    }
    database.add_key_text("broken", "{").await;
    database.add_session(SESSION, ADA, 3600.0).await;
    database.add_session(SESSION_OF_EVE, EVE, 3600.0).await;
    database.add_session(EXPIRED_SESSION, ADA, -1.0).await;
}
