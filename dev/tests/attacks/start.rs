//! How many round trips to the database a start and the first request take.

use dev::testing::fault_proxy::FaultProxy;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{StatusFor, list_tasks};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, header, hs256};

/// What a start and the first request cost.
#[derive(Debug, PartialEq)]
struct Cost {
    /// With those of connecting.
    round_trips_of_start: usize,
    statements_of_start: usize,
    round_trips_of_request: usize,
}

async fn cost(database: &AuthDatabase, mode: &str, token: &str) -> Cost {
    let proxy = FaultProxy::in_front_of(database.url()).await.expect("a free port");
    let url = proxy.redirect(database.url());
    let variables = [
        ("AUTH_MODE", mode),
        ("BETTER_AUTH_URL", ORIGIN),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", url.as_str()),
    ];
    let mut function = list_tasks(&variables).await;
    let (round_trips_of_start, statements_of_start) = (proxy.round_trips(), proxy.answered_statements());
    assert_eq!(function.status_for(token).await, 200, "{mode}: {}", function.output());
    let round_trips_of_request = proxy.round_trips() - round_trips_of_start;
    Cost { round_trips_of_start, statements_of_start, round_trips_of_request }
}

#[tokio::test]
async fn start_reads_and_checks_in_one_round_trip() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_key("ed", &ED25519.jwk).await;
    database.add_session(SESSION, ADA, 3600.0).await;
    let (by_secret, by_key) = (by_secret(hs256(), claims()), by_key(&ED25519, header("EdDSA", "ed"), claims()));
    let hs256 = cost(&database, "hs256", &by_secret).await;
    assert_eq!((hs256.statements_of_start, hs256.round_trips_of_request), (1, 1));
    let start = hs256.round_trips_of_start;
    let expected = |round_trips_of_start, statements_of_start, round_trips_of_request| Cost {
        round_trips_of_start,
        statements_of_start,
        round_trips_of_request,
    };
    assert_eq!(cost(&database, "jwks", &by_key).await, expected(start, 2, 1));
    assert_eq!(cost(&database, "session", SESSION).await, expected(start, 1, 2));
    // Tables of another form cost the start one more, and another for the keys, and the first request none.
    database.run(r#"alter table jwks rename "publicKey" to public_key; alter table session rename to sessions"#).await;
    assert_eq!(cost(&database, "jwks", &by_key).await, expected(start + 2, 4, 1));
    let session = cost(&database, "session", SESSION).await;
    assert_eq!((session.round_trips_of_start, session.statements_of_start), (start + 1, 2));
    // Their query is prepared after the first session was looked up. The request does not wait for that.
    assert!((2..=3).contains(&session.round_trips_of_request), "{session:?}");
}
