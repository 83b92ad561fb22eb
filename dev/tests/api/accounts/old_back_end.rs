//! An old back end and this API share a table of users: a user who signed up at one signs in at the other.

use std::process::Stdio;

use dev::install::python::OLD_BACK_END;
use dev::testing::database::TestDatabase;
use migrations::Options;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::kit::{Accounts, PASSWORD, new_email};

/// The program, and what it prints.
struct OldBackEnd {
    _process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// How the old back end was written.
struct Variant {
    table: &'static str,
    id: &'static str,
    scheme: &'static str,
}

const VARIANTS: [Variant; 3] = [
    Variant { table: "user", id: "integer", scheme: "bcrypt" },
    Variant { table: "users", id: "uuid", scheme: "bcrypt" },
    Variant { table: "users", id: "text", scheme: "pbkdf2_sha256" },
];

impl OldBackEnd {
    async fn start(database_url: &str, variant: &Variant) -> Self {
        let python = OLD_BACK_END.folder().await.expect("the packages").join("bin/python");
        let mut process = Command::new(python)
            .args(["-W", "ignore", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/accounts/old_back_end.py")])
            .env("URL", database_url.replacen("postgres://", "postgresql+psycopg://", 1))
            .envs([("TABLE", variant.table), ("ID", variant.id), ("SCHEME", variant.scheme)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program");
        let stdin = process.stdin.take().expect("a pipe");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Self { _process: process, stdin, stdout }
    }

    async fn call(&mut self, command: &[&str]) -> Value {
        self.stdin.write_all(format!("{}\n", json!(command)).as_bytes()).await.expect("a running program");
        let line = self.stdout.next_line().await.expect("a pipe").expect("the program prints an answer");
        serde_json::from_str(&line).expect("JSON")
    }

    async fn signs_in(&mut self, email: &str, password: &str) -> bool {
        self.call(&["login", email, password]).await == json!(true)
    }
}

#[tokio::test]
async fn each_signs_in_whom_the_other_has_signed_up() {
    for variant in &VARIANTS {
        let database = TestDatabase::empty().await;
        let mut old = OldBackEnd::start(&database.url, variant).await;
        old.call(&["make_tables"]).await;
        let ada = new_email();
        assert_eq!(old.call(&["register", &ada, "correct horse"]).await, json!(true));
        let options = Options { auth_mode: Some("password".to_owned()), ..Options::default() };
        migrations::up(&database.url, &options).await.expect("an adoption");
        let accounts = Accounts::on(&database.url, &[]);
        let status = async |email: &str, password: &str| accounts.sign_in(email, password).await.status;

        // Whom the old one has signed up, here and there. Sign-in here may store another hash.
        assert_eq!(status(&ada, "correct horse").await, 200, "{}", variant.scheme);
        assert!(old.signs_in(&ada, "correct horse").await, "{}", variant.scheme);
        assert!(!old.signs_in(&ada, "wrong horse").await);
        assert_eq!(status(&ada, "wrong horse").await, 401);
        if variant.scheme != "bcrypt" {
            // It reads no other hashes than its own, and those are all that it has.
            continue;
        }

        let (bob, _) = accounts.new_account().await;
        assert!(old.signs_in(&bob, PASSWORD).await);
        assert_eq!(old.call(&["register", &bob, "another horse"]).await, json!(false));
        accounts
            .post("/api/auth/register", &json!({"email": ada, "password": "another horse"}))
            .await
            .expect_status(409);

        // In turn, each changes the password of a user of the other.
        let mut password = PASSWORD.to_owned();
        for round in 0..3 {
            let new = format!("of the old one {round}");
            old.call(&["change_password", &bob, &new]).await;
            assert_eq!(status(&bob, &password).await, 401);
            let signed_in = accounts.sign_in(&bob, &new).await.expect_status(200);
            password = format!("of this one {round}");
            let body = json!({"current_password": new, "new_password": password});
            let changed = accounts.as_user(&signed_in, "POST", "/api/auth/change-password", Some(&body)).await;
            changed.expect_status(200);
            assert!(old.signs_in(&bob, &password).await && !old.signs_in(&bob, &new).await);
        }

        old.call(&["deactivate", &bob]).await;
        assert_eq!(status(&bob, &password).await, 401);
        let ada = accounts.user(&accounts.sign_in(&ada, "correct horse").await.expect_status(200));
        ada.create(json!({"title": "Buy milk"})).await;
        let stored = "select title from tasks where user_id::text = $1";
        let title: String = database.client.query_one(stored, &[&ada.id]).await.expect("a task").get(0);
        assert_eq!(title, "Buy milk");
    }
}
