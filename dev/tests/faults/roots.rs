//! TLS roots: those that a deployment contains, and those of the system as a fallback.

use std::path::{Path, PathBuf};

use dev::deploy::artifacts::copy_roots;
use dev::testing::database::TestServer;
use dev::testing::stack::Settings;
use tempfile::TempDir;

use crate::env::{FaultDatabase, ONE_OF_EACH_FUNCTION, TestEnv};

/// The files of the system's roots that functions read.
const BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// Writes the roots of a deployment to this folder.
fn write_roots(path: PathBuf) -> PathBuf {
    copy_roots(&path).unwrap();
    path
}

/// Runs the stack in a mount namespace in which the system's roots are replaced by those of the test server.
async fn with_replaced_system_roots(settings: Settings, roots: &Path) -> Settings {
    let bundle = BUNDLES.into_iter().find(|path| Path::new(path).exists()).unwrap();
    let script = format!(
        "mount --bind '{}' '{bundle}' && exec '{}' serve --json --until-stdin-closes --port 0 --ephemeral",
        TestServer::shared().await.postgres().ca_file().display(),
        env!("CARGO_BIN_EXE_dev")
    );
    let settings = settings.with_program("unshare").with_arguments(&["--mount", "sh", "-c", &script]);
    // As template.yaml sets them.
    settings.with("SSL_CERT_DIR", roots.to_str().unwrap()).with("SSL_CERT_FILE", "/dev/null")
}

#[tokio::test]
async fn namespace_system_roots_are_the_fallback_for_bundled_roots() {
    // In the folder of the functions, as in a deployment.
    let roots = write_roots(Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("roots"));
    let settings = with_replaced_system_roots(Settings::new(), &roots).await;
    let parameters = "sslmode=require&hostaddr=127.0.0.1";
    let env = TestEnv::start_with(settings, FaultDatabase::new().await, "localhost", parameters).await;
    env.assert_works(&ONE_OF_EACH_FUNCTION).await;
    let warnings = || env.stack.logs().matches("an authority is missing in roots:").count();
    let before = warnings();
    assert!(before >= ONE_OF_EACH_FUNCTION.len(), "{}", env.stack.logs());
    // Later connections use the system's roots immediately.
    env.database.terminate().await;
    let connections = env.proxy.accepted_connections();
    env.assert_works(&ONE_OF_EACH_FUNCTION).await;
    assert_eq!((warnings(), env.proxy.accepted_connections() - connections), (before, ONE_OF_EACH_FUNCTION.len()));
}

#[tokio::test]
async fn namespace_configured_roots_have_no_fallback() {
    let folder = TempDir::new().unwrap();
    let roots = write_roots(folder.path().join("roots"));
    let database = FaultDatabase::new().await;
    let url = database.url(database.port, "localhost", "sslmode=require&hostaddr=127.0.0.1");
    let settings = with_replaced_system_roots(Settings::new(), &roots).await.with_database(&url);
    let stderr =
        dev::testing::stack::Stack::start_async(settings).await.err().map(|error| error.stderr).unwrap_or_default();
    assert!(stderr.contains("unable to get local issuer certificate"), "{stderr}");
}
