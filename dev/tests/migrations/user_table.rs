//! The table of users that a fresh table `tasks` references.

use migrations::MigrateError;

use crate::kit::{Database, USER_TABLE};

#[tokio::test]
async fn user_id_has_the_type_of_the_referenced_column() {
    for (table, id_type, key) in [
        (r#""user""#, "text", r#""user""#),
        ("users", "uuid", "users"),
        ("users", "character varying(255)", "users"),
        ("users", "character varying(36)", "users"),
        ("users", "integer", "users"),
    ] {
        let database = Database::with_sql(&format!("create table {table} (id {id_type} primary key)")).await;
        database.up().await.expect("a table of users");
        assert_eq!(database.type_of_user_id().await, id_type);
        assert_eq!(
            database.foreign_keys().await,
            [format!("fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES {key}(id) ON DELETE CASCADE")]
        );
    }
}

#[tokio::test]
async fn better_auth_user_table_is_preferred() {
    let database = Database::with_sql(&format!("{USER_TABLE}; create table users (id uuid primary key)")).await;
    database.up().await.expect("two tables of users");
    assert_eq!(database.type_of_user_id().await, "text");
}

#[tokio::test]
async fn user_tables_of_neon_and_prisma_are_found() {
    for table in [r#"neon_auth."user""#, r#""User""#] {
        let sql = format!("create schema neon_auth; create table {table} (id uuid primary key)");
        let database = Database::with_sql(&sql).await;
        database.up().await.expect("a table of users");
        assert_eq!(
            database.foreign_keys().await,
            [format!("fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES {table}(id) ON DELETE CASCADE")]
        );
    }
}

#[tokio::test]
async fn the_setting_accepts_another_schema() {
    for name in ["neon_auth.user", r#"neon_auth."user""#, r#" "neon_auth"."user" "#] {
        let database = Database::with_sql(
            r#"create schema neon_auth;
            create table neon_auth."user" (id uuid primary key);
            create table users (id text primary key)"#,
        )
        .await;
        database.up_with(name).await.expect(name);
        assert_eq!(database.type_of_user_id().await, "uuid");
        assert_eq!(
            database.foreign_keys().await,
            [r#"fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES neon_auth."user"(id) ON DELETE CASCADE"#]
        );
    }
}

#[tokio::test]
async fn user_table_names_are_quoted() {
    let database = Database::with_sql(r#"create table "App Users; --" (id text primary key)"#).await;
    database.up_with(r#""App Users; --""#).await.expect("an unusual but valid name");
    assert_eq!(
        database.foreign_keys().await,
        [r#"fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES "App Users; --"(id) ON DELETE CASCADE"#]
    );
}

#[tokio::test]
async fn none_creates_no_foreign_key() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up_with("none").await.expect("no table is needed");
    assert_eq!(database.type_of_user_id().await, "text");
    assert_eq!(database.foreign_keys().await, [""; 0]);
    database.run("insert into tasks (user_id, title) values ('nobody', 'Buy milk')").await;
}

#[tokio::test]
async fn without_a_user_table_nothing_is_created() {
    let database = Database::with_sql("").await;
    let sentence = database.up().await.expect_err("no table").to_string();
    assert!(sentence.contains("run Better Auth's migration first (npx @better-auth/cli migrate)"), "{sentence}");
    assert!(sentence.contains("AUTH_USER_TABLE"), "{sentence}");
    assert_eq!(database.catalog().await, [""; 0]);

    for name in ["missing", "no such name", "a.b.c.d", "\"", "elsewhere.users"] {
        let error = database.up_with(name).await.expect_err(name);
        assert!(matches!(error, MigrateError::UnknownUserTable { .. }), "{error}");
    }
    assert_eq!(database.catalog().await, [""; 0]);
}

#[tokio::test]
async fn an_unusable_user_table_is_explained() {
    for (sql, reason) in [
        ("create view users as select 1 as id", "it is not a table"),
        ("create table users (user_id text primary key)", "it has no column id"),
        ("create table users (id text)", "its column id is neither its primary key nor unique"),
        (
            "create table users (id text, tenant text, primary key (id, tenant))",
            "its column id is neither its primary key nor unique",
        ),
        (
            "create table users (id text); create unique index on users (id) where id <> ''",
            "its column id is neither its primary key nor unique",
        ),
    ] {
        let database = Database::with_sql(sql).await;
        let before = database.catalog().await;
        let sentence = database.up().await.expect_err(sql).to_string();
        assert!(sentence.contains(reason) && sentence.contains("public.users"), "{sentence}");
        assert_eq!(database.catalog().await, before);
    }
}

#[tokio::test]
async fn deleting_a_user_deletes_their_tasks() {
    let database = Database::with_a_task().await;
    database
        .run(
            "insert into \"user\" values ('bob');
            insert into tasks (user_id, title) values ('bob', 'Bake bread');
            delete from \"user\" where id = 'ann'",
        )
        .await;
    assert_eq!(database.rows("select user_id from tasks").await, ["bob"]);
}
