//! TLS between the functions and PostgreSQL.

use dev::workspace::root;
use serde_json::json;

use crate::kit::{Api, api, database};

#[tokio::test]
async fn sslmode_require_encrypts_the_connection() {
    let common = api();
    let ca_file = common.stack().ready().ca_file.clone().expect("an authority");
    let url = common.stack().database_url();
    let url = format!("{}&application_name=with_tls", url.replace("sslmode=disable", "sslmode=require"));
    let api = Api::start(&url, &[("SSL_CERT_FILE", ca_file.to_str().expect("text"))]).await;
    let ada = api.new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    assert_eq!(ada.get("/api/tasks").await.expect_status(200).json, json!([task]));
    let statement =
        "select ssl, version from pg_stat_ssl join pg_stat_activity using (pid) where application_name = $1";
    let connections = database::connect().await.query(statement, &[&"with_tls"]).await.expect("rows");
    // At least `health`, `create-task` and `list-tasks` have connected.
    assert!(connections.len() >= 3);
    for connection in connections {
        assert!(connection.get::<_, bool>(0) && connection.get::<_, &str>(1).starts_with("TLSv1."));
    }
}

/// The functions do not trust the authority that signed the certificate of the server on this machine.
#[tokio::test]
async fn sslmode_prefer_needs_no_certificate_on_this_machine() {
    let common = api();
    let url = common.stack().database_url();
    for mode in ["sslmode=prefer&", ""] {
        let name = format!("with_{}", mode.len());
        let url = format!(
            "{}&application_name={name}",
            url.replace("sslmode=disable&", mode).replace("sslmode=disable", mode)
        );
        let roots = root().join("shared/roots");
        let roots = [("SSL_CERT_DIR", roots.to_str().expect("text")), ("SSL_CERT_FILE", "/dev/null")];
        let api = Api::start(&url, &roots).await;
        api.new_user().await.create(json!({"title": "Buy milk"})).await;
        migrations::status(&url).await.expect("the same server");
        let statement =
            "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = $1";
        let is_encrypted: Option<bool> =
            database::connect().await.query_one(statement, &[&name]).await.expect("a row").get(0);
        assert_eq!(is_encrypted, Some(true), "{url}");
    }
}
