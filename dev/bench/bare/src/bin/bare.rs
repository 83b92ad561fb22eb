//! The bare function with OpenSSL, see the library of this crate.

use lambda_http::Error;
use postgres_native_tls::MakeTlsConnector;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    bare::serve(|| Ok(MakeTlsConnector::new(native_tls::TlsConnector::new()?))).await
}
