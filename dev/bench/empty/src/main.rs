//! A function that does nothing, as a baseline for `make bench`. Never deployed.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(empty)).await
}

async fn empty(_: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(Body::Empty))
}
