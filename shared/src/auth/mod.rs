//! Who is calling: from an `Authorization` header to a [`VerifiedUser`].
//!
//! A Better Auth front end sends four kinds of tokens: JWTs that the auth service signed (`jwks`), JWTs that the
//! application or the cookie cache signed with the shared secret (`hs256`), and session tokens, raw or signed (`session`).
//! A front end without Better Auth sends JWTs that this API signed at sign-in (`password`), which can be revoked. The settings say which are accepted. What a token says about itself is a claim until its signature is verified.

mod authenticator;
mod bearer;
mod claims;
mod error;
mod jwks;
mod jwt;
mod jwt_crypto;
mod members;
mod public_key;
mod session;
mod shared_secret;
#[cfg(feature = "proof")]
mod sign_in_tables;
mod table_forms;
mod tables;
mod user;

pub(crate) use authenticator::Authenticator;
pub(crate) use error::AuthError;
#[cfg(feature = "proof")]
pub(crate) use sign_in_tables::check_tables;
pub use user::{RevocableToken, VerifiedUser};
