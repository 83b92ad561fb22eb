//! Who vouches for the database: the authorities that a deployment brings, and the system's if they do not suffice.

use std::path::{Path, PathBuf};

use dev::testing::stack::Settings;
use tempfile::TempDir;

use crate::site::{Database, ONE_OF_EACH_FUNCTION, Site, postgres};

/// Where functions find the system's authorities.
const BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// Puts the deployment's authorities there.
fn write_roots(path: PathBuf) -> PathBuf {
    std::fs::write(&path, include_str!("../../../shared/roots.pem")).unwrap();
    path
}

/// A machine whose own authorities are those of the tests' PostgreSQL: a mount namespace, in which they take the place
/// of the real ones.
async fn in_another_system(settings: Settings, roots: &Path) -> Settings {
    let bundle = BUNDLES.into_iter().find(|path| Path::new(path).exists()).unwrap();
    let script = format!(
        "mount --bind '{}' '{bundle}' && exec '{}' serve --json --until-stdin-closes --port 0 --ephemeral",
        postgres().await.ca_file().display(),
        env!("CARGO_BIN_EXE_dev")
    );
    let settings = settings.with_program("unshare").with_arguments(&["--mount", "sh", "-c", &script]);
    settings.with("SSL_CERT_FILE", roots.to_str().unwrap())
}

#[tokio::test]
async fn namespace_where_the_brought_authorities_do_not_suffice_the_systems_are_asked_once() {
    // Where Lambda unpacks a deployment: the folder of the functions.
    let roots = write_roots(Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("roots.pem"));
    let settings = in_another_system(Settings::new(env!("CARGO_BIN_EXE_dev")), &roots).await;
    let parameters = "sslmode=require&hostaddr=127.0.0.1";
    let site = Site::start_with(settings, Database::new().await, "localhost", parameters).await;
    site.works(&ONE_OF_EACH_FUNCTION).await;
    let warnings = || site.stack.logs().matches("an authority is missing in roots.pem").count();
    let before = warnings();
    assert!(before >= ONE_OF_EACH_FUNCTION.len(), "{}", site.stack.logs());
    // From then on they are asked at once.
    site.database.terminate().await;
    let connections = site.proxy.accepted_connections();
    site.works(&ONE_OF_EACH_FUNCTION).await;
    assert_eq!((warnings(), site.proxy.accepted_connections() - connections), (before, ONE_OF_EACH_FUNCTION.len()));
}

#[tokio::test]
async fn namespace_authorities_that_somebody_has_chosen_are_not_widened() {
    let folder = TempDir::new().unwrap();
    let roots = write_roots(folder.path().join("roots.pem"));
    let database = Database::new().await;
    let url = database.url(database.port, "localhost", "sslmode=require&hostaddr=127.0.0.1");
    let settings = in_another_system(Settings::new(env!("CARGO_BIN_EXE_dev")), &roots).await.with_database(&url);
    let stderr =
        dev::testing::stack::Stack::start_async(settings).await.err().map(|error| error.stderr).unwrap_or_default();
    assert!(stderr.contains("unable to get local issuer certificate"), "{stderr}");
}
