//! What the log says about a token that the settings do not accept: the client learns nothing.

use serde_json::json;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{StatusFor, list_tasks};
use crate::keys::{ED25519, P256};
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, claims_with, header, hs256, signed_session};

#[tokio::test]
async fn refusal_names_the_algorithm_and_the_setting() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_key("ed", &ED25519.jwk).await;
    database.add_key("p", &P256.jwk).await;
    let (by_ed, by_p) =
        (by_key(&ED25519, header("EdDSA", "ed"), claims()), by_key(&P256, header("ES256", "p"), claims()));
    let hs256_token = by_secret(hs256(), claims());
    let foreign = by_key(&ED25519, header("EdDSA", "ed"), claims_with(&json!({"iss": "https://other.example.com"})));
    let (url, secret) = (("BETTER_AUTH_URL", ORIGIN), ("BETTER_AUTH_SECRET", SECRET));
    let mode = |mode| ("AUTH_MODE", mode);
    for (settings, token, cause) in [
        // The settings of the front end, whose tokens are signed by a route of its own.
        (vec![url, secret], &hs256_token, "signed with HS256, and AUTH_MODE does not contain hs256"),
        (vec![secret], &by_ed, "signed with EdDSA, and AUTH_MODE does not contain jwks"),
        (vec![secret, mode("hs256,session")], &by_p, "signed with ES256, and AUTH_MODE does not contain jwks"),
        (vec![url], &SESSION.to_owned(), "not a JWT, and AUTH_MODE does not contain session"),
        (vec![mode("session")], &signed_session(SESSION, SECRET), "BETTER_AUTH_SECRET is not set"),
        (vec![secret, mode("password")], &hs256_token, "signed with HS256, and AUTH_MODE does not contain hs256"),
        (vec![secret, mode("password")], &by_ed, "signed with EdDSA, and AUTH_MODE does not contain jwks"),
        (vec![url], &foreign, "than BETTER_AUTH_URL, JWT_ISSUER or JWT_AUDIENCE says"),
    ] {
        let variables = [&settings[..], &[("DATABASE_URL", database.url())]].concat();
        let mut function = list_tasks(&variables).await;
        assert_eq!(function.status_for(token).await, 401);
        let log = function.kill().await;
        assert!(log.contains(cause), "{settings:?}: {cause}: {log}");
    }
}
