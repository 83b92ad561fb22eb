//! The forms of Better Auth's tables: its adapters and generators name them differently.

use dev::testing::database::TestDatabase;
use serde_json::json;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{StatusFor, bearing, list_tasks};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, SECRET, by_key, claims, header};

/// A name, and the statements that create both tables with a key `ed` and the session [`SESSION`] of a user. `$KEY` is the
/// key, `$USER` the user.
const FORMS: [(&str, &str); 6] = [
    (
        "snake_case, as Drizzle's generator writes it",
        r#"create table jwks (id text primary key, public_key text not null, private_key text not null,
               created_at timestamp not null, expires_at timestamp);
           create table session (id text primary key, expires_at timestamp not null, token text not null unique,
               user_id text not null);
           insert into jwks values ('ed', '$KEY', 'encrypted', now(), null);
           insert into session values ('s', (now() at time zone 'UTC') + interval '1 minute', '$SESSION', '$USER')"#,
    ),
    (
        "usePlural",
        r#"create table jwkss (id text primary key, "publicKey" text not null, "privateKey" text not null,
               "createdAt" timestamptz not null, "expiresAt" timestamptz);
           create table sessions (id text primary key, "expiresAt" timestamptz not null, token text not null unique,
               "userId" text not null);
           insert into jwkss values ('ed', '$KEY', 'encrypted', now(), now() + interval '1 day');
           insert into sessions values ('s', now() + interval '1 minute', '$SESSION', '$USER')"#,
    ),
    (
        "the schema of Neon's managed Better Auth",
        r#"create schema neon_auth;
           create table neon_auth.jwks (id uuid primary key, "publicKey" text not null, "privateKey" text not null,
               "createdAt" timestamptz not null, "expiresAt" timestamptz);
           create table neon_auth.session (id uuid primary key, "expiresAt" timestamptz not null,
               token text not null unique, "userId" text not null);
           insert into neon_auth.jwks values (gen_random_uuid(), '$KEY', 'encrypted', now(), null);
           insert into neon_auth.session values (gen_random_uuid(), now() + interval '1 minute', '$SESSION', '$USER')"#,
    ),
    (
        "without the expiry of keys, before Better Auth 1.4",
        r#"create table jwks (id text primary key, "publicKey" text not null, "privateKey" text not null,
               "createdAt" timestamptz not null);
           create table session (id text primary key, "expiresAt" timestamptz not null, token text not null unique,
               "userId" text not null);
           insert into jwks values ('ed', '$KEY', 'encrypted', now());
           insert into session values ('s', now() + interval '1 minute', '$SESSION', '$USER')"#,
    ),
    (
        "camelCase without a time zone, as Prisma writes it",
        r#"create table jwks (id text primary key, "publicKey" text not null, "privateKey" text not null,
               "createdAt" timestamp(3) not null, "expiresAt" timestamp(3));
           create table session (id text primary key, "expiresAt" timestamp(3) not null, token text not null unique,
               "userId" text not null);
           insert into jwks values ('ed', '$KEY', 'encrypted', now(), null);
           insert into session values ('s', (now() at time zone 'UTC') + interval '1 minute', '$SESSION', '$USER')"#,
    ),
    (
        "integer ids, and a table of sessions that is not Better Auth's",
        r#"create table jwks (id serial primary key, public_key text not null, private_key text not null);
           create table session (sid text primary key, sess json);
           create table sessions (id serial primary key, expires_at timestamptz not null, token text not null unique,
               user_id text not null);
           insert into jwks (public_key, private_key) values ('$KEY', 'encrypted');
           insert into sessions (expires_at, token, user_id) values (now() + interval '1 minute', '$SESSION', '$USER')"#,
    ),
];

#[tokio::test]
async fn every_form_is_found() {
    for (name, sql) in FORMS {
        let database = AuthDatabase::on(TestDatabase::migrated().await);
        database.add_user(ADA).await;
        let sql = sql.replace("$KEY", &ED25519.jwk.to_string()).replace("$SESSION", SESSION).replace("$USER", ADA);
        database.run(&sql).await;
        // A session that expires in a minute has expired already, or not, if its time is read in another zone.
        for zone in ["UTC", "America/New_York", "Asia/Tokyo"] {
            let separator = if database.url().contains('?') { '&' } else { '?' };
            let url = format!("{}{separator}options=-cTimeZone%3D{zone}", database.url());
            let variables = [
                ("AUTH_MODE", "jwks,session"),
                ("BETTER_AUTH_URL", ORIGIN),
                ("BETTER_AUTH_SECRET", SECRET),
                ("DATABASE_URL", url.as_str()),
            ];
            let mut function = list_tasks(&variables).await;
            let token = by_key(&ED25519, json!({"alg": "EdDSA", "typ": "JWT"}), claims());
            assert_eq!(function.status_for(&token).await, 200, "{name}, {zone}: a JWT: {}", function.output());
            assert_eq!(function.status_for(SESSION).await, 200, "{name}, {zone}: a session: {}", function.output());
            assert_eq!(function.status_for("unknown").await, 401, "{name}, {zone}: {}", function.output());
        }
        database.run(&format!("{}; {}", expire("session"), expire("sessions"))).await;
        let variables = [("AUTH_MODE", "session"), ("DATABASE_URL", database.url())];
        assert_eq!(list_tasks(&variables).await.status_for(SESSION).await, 401, "{name}: an expired session");
    }
}

/// Moves the expiry of all sessions of tables with this name, whatever the column is called, into the past.
fn expire(table: &str) -> String {
    format!(
        "do $$ declare found record; begin
             for found in select c.oid::regclass as name, a.attname as expires from pg_class c join pg_attribute a on a.attrelid = c.oid
                 where c.relname = '{table}' and replace(lower(a.attname), '_', '') = 'expiresat' and c.relkind = 'r'
             loop execute format('update %s set %I = %I - interval ''1 day''', found.name, found.expires, found.expires); end loop;
         end $$"
    )
}

#[tokio::test]
async fn other_schemas_are_not_trusted() {
    let database = AuthDatabase::on(TestDatabase::migrated().await);
    database.add_user(ADA).await;
    let sql = FORMS[2].1.replace("neon_auth", "planted");
    let sql = sql.replace("$KEY", &ED25519.jwk.to_string()).replace("$SESSION", SESSION).replace("$USER", ADA);
    database.run(&sql).await;
    let variables = [("AUTH_MODE", "jwks,session"), ("BETTER_AUTH_URL", ORIGIN), ("DATABASE_URL", database.url())];
    let mut function = list_tasks(&variables).await;
    let token = by_key(&ED25519, json!({"alg": "EdDSA", "typ": "JWT"}), claims());
    assert_eq!((function.status_for(&token).await, function.status_for(SESSION).await), (500, 500));
}

#[tokio::test]
async fn missing_column_is_named() {
    let database = AuthDatabase::on(TestDatabase::migrated().await);
    database.add_user(ADA).await;
    database.run("create table jwks (id text primary key, key text); create table session (id text, token text)").await;
    let variables = [("AUTH_MODE", "jwks,session"), ("BETTER_AUTH_URL", ORIGIN), ("DATABASE_URL", database.url())];
    let mut function = list_tasks(&variables).await;
    let token = by_key(&ED25519, header("EdDSA", "ed"), claims());
    for (token, problem) in [
        (token.as_str(), "the table public.jwks has no column for publicKey"),
        (SESSION, "the table public.session has no column for userId"),
    ] {
        let response = function.invoke(&bearing(token)).await.expect("a response");
        assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")));
        let log = function.output();
        assert!(log.contains(problem) && log.contains(r#""remedy":"fix""#), "{log}");
    }
}
