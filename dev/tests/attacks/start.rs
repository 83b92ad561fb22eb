//! How many round trips to the database a start and the first request take.

use dev::testing::fault_proxy::FaultProxy;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{StatusFor, list_tasks};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, header, hs256};

/// The round trips of a start, and of the first request.
async fn round_trips(database: &AuthDatabase, mode: &str, token: &str) -> (usize, usize) {
    let proxy = FaultProxy::in_front_of(database.url()).await.expect("a free port");
    let url = proxy.redirect(database.url());
    let variables = [
        ("AUTH_MODE", mode),
        ("BETTER_AUTH_URL", ORIGIN),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", url.as_str()),
    ];
    let mut function = list_tasks(&variables).await;
    let at_start = proxy.round_trips();
    assert_eq!(function.status_for(token).await, 200, "{mode}: {}", function.output());
    (at_start, proxy.round_trips() - at_start)
}

#[tokio::test]
async fn start_reads_keys_and_catalog_in_one_round_trip() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_key("ed", &ED25519.jwk).await;
    database.add_session(SESSION, ADA, 3600.0).await;
    let (by_secret, by_key) = (by_secret(hs256(), claims()), by_key(&ED25519, header("EdDSA", "ed"), claims()));
    let (start, first) = round_trips(&database, "hs256", &by_secret).await;
    assert_eq!(first, 1);
    assert_eq!(round_trips(&database, "jwks", &by_key).await, (start, 1));
    assert_eq!(round_trips(&database, "session", SESSION).await, (start, 2));
    // Tables of another form cost the start two more, if they have the keys, and the first request none.
    database.run(r#"alter table jwks rename "publicKey" to public_key; alter table session rename to sessions"#).await;
    assert_eq!(round_trips(&database, "jwks", &by_key).await, (start + 2, 1));
    assert_eq!(round_trips(&database, "session", SESSION).await, (start, 2));
}
