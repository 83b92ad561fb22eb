//! The environment of the functions: the database, its users with their tasks, and the events of their requests.

use std::cell::Cell;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::body::Bytes;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio_postgres::Client;

use super::effort::Effort;
use super::error::BenchError;
use super::operation::{NUMBER, OPERATIONS, Operation, PASSWORD_TABLE, PLAIN_TABLE, Tasks};
use crate::aws::event::{RequestContext, request_event};
use crate::aws::routes::{Route, find};
use crate::aws::template::Template;
use crate::random::letters_and_digits;
use crate::services::database::{self, USER_TABLE, User};
use crate::services::postgres::Postgres;
use crate::tokens;
use crate::workspace::root;

/// The URL of Better Auth: the issuer and the audience of its tokens.
const ISSUER: &str = "http://localhost:3000";

/// The table of sessions of Better Auth, with the columns that the functions read.
const SESSION_TABLE: &str = r#"
    create table session (
        token text primary key,
        "userId" text not null,
        "expiresAt" timestamptz not null default now() + interval '1 day'
    )"#;

/// Everything that exists before a function is started.
#[derive(Debug)]
pub(super) struct BenchEnv {
    /// The version of PostgreSQL: `18.1`.
    pub(super) version: String,
    /// The URL of the database, without TLS.
    url: String,
    /// Where PostgreSQL listens.
    pub(super) address: SocketAddr,
    /// A file with the certificate authority of the server only.
    pub(super) authority: PathBuf,
    /// A file with all authorities that this machine trusts, and that of the server. `None` if this machine has none.
    pub(super) bundle: Option<NamedTempFile>,
    /// One for each of [`OPERATIONS`].
    pub(super) users: Vec<BenchUser>,
    /// The value of `BETTER_AUTH_SECRET`.
    pub(super) secret: String,
    routes: Vec<Route>,
    /// The number of events so far.
    events: Cell<u64>,
}

/// A user for one operation, with the tasks that the operation needs.
#[derive(Debug)]
pub(super) struct BenchUser {
    pub(super) operation: &'static Operation,
    pub(super) account: User,
    task: Cell<i32>,
}

/// How the requests are authenticated.
#[derive(Debug)]
pub(super) struct Authentication {
    /// The mode in `AUTH_MODE`.
    pub(super) name: &'static str,
    /// The settings of the function.
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) token: String,
}

/// How the connection to the database uses TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Without TLS.
    Disabled,
    /// The client asks for TLS with an `SSLRequest`.
    Requested,
    /// The client starts with the TLS handshake.
    Direct,
}

/// Most users of a table have few tasks. PostgreSQL expects as many of a user as there are on average, and decides by that
/// whether it keeps the plan of a list.
const OTHER_USERS: &str = r#"
insert into "user" (id, name, email)
select 'other-' || number, 'Other', number || '@example.com'
from generate_series(1, 2000) as number;
insert into tasks (user_id, title)
select 'other-' || 1 + number % 2000, 'Task ' || number
from generate_series(1, 20000) as number;
"#;

impl BenchEnv {
    pub(super) async fn prepare(postgres: &Postgres, client: &Client, requests: usize) -> Result<Self, BenchError> {
        let url = postgres.url();
        client.batch_execute(USER_TABLE).await?;
        client.batch_execute(SESSION_TABLE).await?;
        migrations::up(&url, &migrations::Options::default()).await?;
        let mut users = Vec::new();
        for operation in &OPERATIONS {
            users.push(BenchUser::prepare(operation, client, Effort::new(requests)).await?);
        }
        client.batch_execute(OTHER_USERS).await?;
        client.batch_execute(PLAIN_TABLE).await?;
        client.batch_execute(PASSWORD_TABLE).await?;
        // The state of a database that has been in use: with statistics, and without dead rows.
        client.batch_execute("vacuum analyze").await?;
        let version: String = client.query_one("show server_version", &[]).await?.try_get(0)?;
        let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        let port: u16 = port.ok_or_else(|| io::Error::other("the URL of PostgreSQL has no port"))?;
        Ok(Self {
            version: version.split(' ').next().unwrap_or_default().to_owned(),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            bundle: bundle_with(&std::fs::read(postgres.ca_file())?)?,
            authority: postgres.ca_file(),
            url,
            users,
            secret: letters_and_digits(48),
            routes: Template::read(root(), |name| (name == "AUTH_MODE").then(|| "password".to_owned()))?.routes,
            events: Cell::new(0),
        })
    }

    /// The major version of PostgreSQL; 0 if it is not known.
    pub(super) fn major_version(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }

    /// The URL of the database through this port.
    pub(super) fn url(&self, port: u16, tls: TlsMode) -> String {
        let url = self.url.replace(&format!(":{}/", self.address.port()), &format!(":{port}/"));
        let mode = match tls {
            TlsMode::Disabled => "sslmode=disable",
            TlsMode::Requested => "sslmode=require",
            TlsMode::Direct => "sslmode=require&sslnegotiation=direct",
        };
        url.replace("sslmode=disable", mode)
    }

    /// The event that API Gateway makes of a request for the operation.
    pub(super) fn event(&self, operation: &Operation, task: i32, token: Option<&str>) -> Result<Vec<u8>, BenchError> {
        let path = operation.path.replace("{id}", &task.to_string());
        let mut request = Request::builder()
            .method(operation.method)
            .uri(&path)
            .header(HOST, "api.example.com")
            .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
            .header("accept", "*/*")
            .header("origin", ISSUER);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !operation.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let (parts, ()) = request.body(()).map_err(io::Error::other)?.into_parts();
        let found = find(&self.routes, operation.method, &path).ok_or_else(|| io::Error::other("no such route"))?;
        let context = RequestContext {
            client: (Ipv4Addr::new(192, 0, 2, 1), 50_000).into(),
            port: 443,
            request_id: "JKJaXmPLvHcESHA=",
            trace_id: "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            now: Timestamp::now(),
        };
        self.events.set(self.events.get() + 1);
        let body = Bytes::from(operation.body.replace(NUMBER, &self.events.get().to_string()));
        Ok(request_event(&parts, &body, &found, &context).to_string().into_bytes())
    }

    /// HS256 with the secret of Better Auth: the cheapest token to verify.
    pub(super) fn hs256(&self, user: &User) -> Authentication {
        Authentication {
            name: "hs256",
            variables: vec![("BETTER_AUTH_SECRET", self.secret.clone())],
            token: tokens::mint(&self.secret, &user.id),
        }
    }

    /// EdDSA with a key of Better Auth, which is in the settings of the function.
    pub(super) fn jwks(user: &User) -> Result<Authentication, BenchError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let x = BASE64_URL_SAFE_NO_PAD.encode(key.der_bytes());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "bench", "x": x }] });
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let now = tokens::now();
        let claims = json!({ "sub": user.id, "iat": now, "exp": now + 86_400, "iss": ISSUER, "aud": ISSUER });
        let variables = [("BETTER_AUTH_URL", ISSUER.to_owned()), ("JWKS_SOURCE", "inline".to_owned())];
        Ok(Authentication {
            name: "jwks",
            variables: variables.into_iter().chain([("JWKS_JSON", keys.to_string())]).collect(),
            token: jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key.serialize_der()))?,
        })
    }

    /// The token of a session, which the function looks up in the database.
    pub(super) fn session(&self, user: &User) -> Authentication {
        Authentication {
            name: "session",
            variables: vec![("AUTH_MODE", "session".to_owned()), ("BETTER_AUTH_SECRET", self.secret.clone())],
            token: session_token(user),
        }
    }
}

impl BenchUser {
    async fn prepare(operation: &'static Operation, client: &Client, effort: Effort) -> Result<Self, BenchError> {
        let account = database::new_user(client).await?;
        let count = match operation.tasks {
            Tasks::Some(count) => count,
            Tasks::OnePerRequest => effort.max_requests_per_operation(),
        };
        let insert = "insert into tasks (user_id, title, description, priority, due_date)
            select $1, 'Task ' || number, 'What is to be done', 'medium', now() + interval '1 day'
            from generate_series(1, $2::bigint) number
            returning id";
        let rows = client.query(insert, &[&account.id, &i64::try_from(count).unwrap_or(i64::MAX)]).await?;
        let task = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        let session = r#"insert into session (token, "userId") values ($1, $2)"#;
        client.execute(session, &[&session_token(&account), &account.id]).await?;
        Ok(Self { operation, account, task: Cell::new(task) })
    }

    /// The task of the next request.
    pub(super) fn task(&self) -> i32 {
        let task = self.task.get();
        if self.operation.tasks == Tasks::OnePerRequest {
            self.task.set(task + 1);
        }
        task
    }
}

fn session_token(user: &User) -> String {
    format!("session-{}", user.id)
}

/// A file with the authorities that this machine trusts, and one more.
fn bundle_with(authority: &[u8]) -> io::Result<Option<NamedTempFile>> {
    // Debian, Fedora and Amazon Linux, SUSE.
    let paths = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
    let Some(bundle) = paths.iter().find_map(|path| std::fs::read(path).ok()) else { return Ok(None) };
    let mut file = NamedTempFile::new()?;
    file.write_all(&bundle)?;
    file.write_all(authority)?;
    Ok(Some(file))
}
