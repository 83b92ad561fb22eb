//! The documents about the API: how they are served and cached. What they say is tested in `dev/tests/docs`.

use std::io::Read as _;

use dev::testing::client::{TestRequest, TestResponse};
use dev::testing::function::{Function, event};
use flate2::read::GzDecoder;

use crate::kit::{api, api_with};

const PATHS: [&str; 3] = ["/docs", "/docs/errors", "/openapi.json"];
const SECRET: (&str, &str) = ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef");

fn text(response: &TestResponse) -> &str {
    std::str::from_utf8(&response.body).expect("UTF-8")
}

/// The path of a file of the page.
async fn asset(name: &str) -> String {
    let page = api().client.get("/docs").await.expect_status(200);
    let end = text(&page).find(&format!("/{name}\"")).expect("the name of the file");
    let start = text(&page)[..end].rfind('"').expect("a quote") + 1;
    format!("/{}/{name}", &text(&page)[start..end])
}

#[tokio::test]
async fn stored_documents_are_current() {
    let client = api().client;
    for path in PATHS.map(str::to_owned).into_iter().chain([asset("docs.css").await]) {
        let response = client.get(&path).await.expect_status(200);
        let etag = response.header("etag").expect("an entity tag").to_owned();
        assert!(!etag.starts_with("W/"), "{etag}");
        let request = TestRequest::new("GET", &path).header("if-none-match", &etag);
        let unchanged = client.send(request).await.expect_status(304);
        assert_eq!(unchanged.header("cache-control"), response.header("cache-control"));
        let request = TestRequest::new("HEAD", &path);
        assert_eq!(client.send(request).await.expect_status(200).header("etag"), Some(&*etag));
    }
}

#[tokio::test]
async fn compressed_documents_are_the_same() {
    let client = api().client;
    for path in PATHS.map(str::to_owned).into_iter().chain([asset("swagger-ui-bundle.js").await]) {
        let plain = client.get(&path).await.expect_status(200);
        let compressed = client.send(TestRequest::new("GET", &path).header("accept-encoding", "br, gzip")).await;
        assert_eq!(compressed.header("content-encoding"), Some("gzip"));
        assert_eq!(compressed.header("vary"), plain.header("vary"));
        assert_ne!(compressed.header("etag"), plain.header("etag"));
        let mut content = Vec::new();
        GzDecoder::new(&*compressed.body).read_to_end(&mut content).expect("gzip");
        assert_eq!(content, plain.body, "{path}");
    }
}

#[tokio::test]
async fn only_versioned_files_are_kept_for_long() {
    let client = api().client;
    let cache_control = async |path: &str| {
        let response = client.get(path).await.expect_status(200);
        response.header("cache-control").expect("a header").to_owned()
    };
    assert_eq!(cache_control(&asset("docs.js").await).await, "public, max-age=31536000, immutable");
    assert_eq!(cache_control("/docs/assets/another-version/docs.js").await, "no-cache");
    for path in PATHS {
        assert_eq!(cache_control(path).await, "public, max-age=300");
    }
    let missing = client.get("/docs/assets/1/package.json").await;
    missing.expect_problem(404, "route_not_found", "There is nothing at /docs/assets/1/package.json");
}

#[tokio::test]
async fn documentation_can_be_turned_off() {
    let client = api_with(&[("DOCS", "off")]).client;
    let mut function = Function::start_built("docs", &[SECRET, ("DOCS", "off")]).await;
    for path in PATHS.into_iter().chain(["/docs/assets/1/docs.css"]) {
        let detail = format!("There is nothing at {path}");
        client.get(path).await.expect_problem(404, "route_not_found", &detail);
        client.send(TestRequest::new("POST", path)).await.expect_problem(404, "route_not_found", &detail);
        let response = function.invoke(&event("GET", path)).await.expect("a response");
        response.expect_problem(404, "route_not_found", &detail);
    }
    client.get("/docs/").await.expect_status(404);
}

/// It has not even the address of one.
#[tokio::test]
async fn documentation_needs_no_database() {
    let mut function = Function::start_built("docs", &[SECRET]).await;
    for path in PATHS {
        let response = function.invoke(&event("GET", path)).await.expect("a response");
        assert_eq!(response.status, 200);
    }
}

#[tokio::test]
async fn a_base_path_is_part_of_the_server() {
    let mut function = Function::start_built("docs", &[SECRET]).await;
    for (path, server) in [("/openapi.json", "/"), ("/v2/openapi.json", "/v2")] {
        let response = function.invoke(&event("GET", path)).await.expect("a response");
        assert_eq!(response["servers"][0]["url"], server);
    }
    for path in ["/v2/docs", "/v2/docs/errors", "/v2/docs/assets/1/docs.css"] {
        assert_eq!(function.invoke(&event("GET", path)).await.expect("a response").status, 200);
    }
}
