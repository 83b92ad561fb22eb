//! The forms of Better Auth's tables: its adapters and generators name them differently.

use dev::testing::database::TestDatabase;
use serde_json::json;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{StatusFor, list_tasks};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, SECRET, by_key, claims};

/// A name, and the statements that create both tables with a key `ed` and the session [`SESSION`] of a user. `$KEY` is the
/// key, `$USER` the user.
const FORMS: [(&str, &str); 10] = [
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
    (
        "a key of type json, times as milliseconds",
        r#"create table jwks (id varchar(36) primary key, public_key json not null, private_key text not null,
               created_at bigint not null, expires_at bigint);
           create table session (id varchar(36) primary key, expires_at bigint not null,
               token varchar(64) not null unique, user_id varchar(36) not null);
           insert into jwks values ('ed', '$KEY', 'encrypted', 0, extract(epoch from now()) * 1000 + 60000);
           insert into session values ('s', extract(epoch from now()) * 1000 + 60000, '$SESSION', '$USER')"#,
    ),
    (
        "a key as a string of type jsonb, times as text",
        r#"create table jwks (id text primary key, "publicKey" jsonb not null, "privateKey" text not null,
               "createdAt" text not null, "expiresAt" text);
           create table session (id text primary key, "expiresAt" text not null, token text not null unique,
               "userId" text not null);
           insert into jwks values ('ed', to_jsonb('$KEY'::text), 'encrypted', '', null);
           insert into session values ('s', to_char(now() at time zone 'UTC' + interval '1 minute',
               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '$SESSION', '$USER')"#,
    ),
    (
        "a schema in the search path of the role",
        r#"create schema app_auth;
           create table app_auth.jwks (id text primary key, public_key text not null, private_key text not null);
           create table app_auth.session (id text primary key, expires_at timestamptz not null,
               token text not null unique, user_id text not null);
           insert into app_auth.jwks values ('ed', '$KEY', 'encrypted');
           insert into app_auth.session values ('s', now() + interval '1 minute', '$SESSION', '$USER');
           do $$ begin
               execute format('alter database %I set search_path = app_auth, public', current_database());
           end $$"#,
    ),
    (
        "columns and a table with names of one's own, and the views of docs/settings.md",
        r#"create table signing_key (id text primary key, public_jwk text not null, private_jwk text not null);
           create table session (id text primary key, "expiresAt" timestamptz not null, token text not null unique,
               owner text not null);
           insert into signing_key values ('ed', '$KEY', 'encrypted');
           insert into session values ('s', now() + interval '1 minute', '$SESSION', '$USER');
           create view jwks as select id, public_jwk as "publicKey", null::timestamptz as "expiresAt" from signing_key;
           create view sessions as select token, owner as "userId", "expiresAt" from session"#,
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

/// Moves the expiry of all sessions of tables with this name, whatever the type of the column is, into the past.
fn expire(table: &str) -> String {
    format!(
        "do $$ declare found record; begin
             for found in select c.oid::regclass as name, a.attname as expires,
                     case a.atttypid
                         when 'bigint'::regtype then '0'
                         when 'text'::regtype then quote_literal('2001-02-03T04:05:06.789Z')
                         else format('%I - interval ''1 day''', a.attname)
                     end as time
                 from pg_class c join pg_attribute a on a.attrelid = c.oid
                 where c.relname = '{table}' and replace(lower(a.attname), '_', '') = 'expiresat' and c.relkind = 'r'
             loop execute format('update %s set %I = %s', found.name, found.expires, found.time); end loop;
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
