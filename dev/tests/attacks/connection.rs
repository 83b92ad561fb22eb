//! What a refused signature does to the connection with the database.

use dev::testing::database::TestServer;
use serde_json::json;

use crate::database::AuthDatabase;
use crate::function::{StatusFor, list_tasks};
use crate::keys::{P256, RSA};
use crate::token::{ADA, ORIGIN, by_key, by_key_and, claims, encode, header, with_signature};

/// OpenSSL reports errors of signatures and of TLS in the same queue.
#[tokio::test]
async fn refused_signatures_keep_the_tls_connection() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    let keys = [P256.jwk_with(&json!({"kid": "ec"})), RSA.jwk_with(&json!({"kid": "rsa"}))];
    let authorities = TestServer::shared().await.postgres().ca_file();
    let mut function = list_tasks(&[
        ("BETTER_AUTH_URL", ORIGIN),
        ("JWKS_JSON", &json!({"keys": keys}).to_string()),
        ("DATABASE_URL", &database.url().replace("sslmode=disable", "sslmode=require")),
        ("SSL_CERT_FILE", authorities.to_str().expect("a path in UTF-8")),
    ])
    .await;
    let good = by_key(&P256, header("ES256", "ec"), claims());
    assert_eq!(function.status_for(&good).await, 200);
    let session = "select pid::bigint from pg_stat_ssl join pg_stat_activity using (pid)
        where ssl and datname = current_database()";
    let before = database.number(session).await;
    for good in [
        good,
        by_key(&RSA, header("RS256", "rsa"), claims()),
        by_key_and(&RSA, jsonwebtoken::Algorithm::PS256, header("PS256", "rsa"), claims()),
    ] {
        let (message, signature) = good.rsplit_once('.').expect("a signature");
        let size = signature.len() * 3 / 4;
        for byte in [0, 1, 0xff] {
            let bad = with_signature(message, &encode(vec![byte; size]));
            assert_eq!(function.status_for(&bad).await, 401);
            assert_eq!(function.status_for(&good).await, 200);
        }
    }
    assert_eq!(database.number(session).await, before, "{}", function.output());
}
