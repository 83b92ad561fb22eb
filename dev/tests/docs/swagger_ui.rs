//! The files of Swagger UI that are committed.

use dev::generate::stale_swagger_ui;

#[tokio::test]
async fn files_are_those_of_the_package() {
    let stale = stale_swagger_ui().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(stale.is_empty(), "run `make swagger-ui` and commit what it writes; out of date: {}", stale.join(", "));
}
