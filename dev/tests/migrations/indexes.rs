//! The indexes of the functions beside those of other programs.

use migrations::Difference;

use crate::kit::{Database, USER_TABLE, no_changes};
use dev::testing::database::{LAYOUTS, Layout};

/// The indexes of `tasks` that lead with the user and were made by migrations or adoption, in the order of their names.
const OURS: [&str; 7] = [
    "idx_tasks_completed",
    "idx_tasks_created_at",
    "idx_tasks_due_date",
    "idx_tasks_updated_at",
    "idx_tasks_user_completed",
    "idx_tasks_user_id",
    "idx_tasks_user_idempotency_key",
];

/// The other back end has indexes with most of the names of ours.
fn with_names_taken() -> &'static Layout {
    LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").expect("a layout")
}

/// The indexes of a database with their identity, which changes when one is made again.
async fn indexes(database: &Database) -> Vec<String> {
    let indexes = "select relname, pg_class.oid, pg_get_indexdef(pg_class.oid) from pg_class
        where relkind = 'i' and relnamespace = 'public'::regnamespace order by 1";
    database.rows(indexes).await
}

/// The names of the indexes that are not among these.
async fn added_names(database: &Database, before: &[String]) -> Vec<String> {
    let added = indexes(database).await.into_iter().filter(|index| !before.contains(index));
    added.map(|index| index.split(" | ").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn adoption_keeps_every_index_and_adds_seven() {
    for layout in &LAYOUTS {
        let name = layout.name;
        let database = Database::with_rows(layout).await;
        let before = indexes(&database).await;
        let plan = database.plan().await.to_string();
        database.up().await.expect(name);
        let added = added_names(&database, &before).await;
        assert_eq!(indexes(&database).await.len(), before.len() + OURS.len(), "{name}: {added:?}");
        for index in &added {
            assert!(plan.contains(&format!("\n-- Add the index {index}\n")), "{name}: {plan}");
        }
        assert!(!plan.contains("-- Drop the index"), "{name}: {plan}");
    }
}

#[tokio::test]
async fn an_index_whose_name_is_taken_gets_another() {
    let database = Database::with_layout(with_names_taken()).await;
    // The names of indexes are those of the whole schema.
    database
        .run(
            "create table old_tasks (due_date date);
            create index idx_tasks_due_date on old_tasks (due_date)",
        )
        .await;
    let before = indexes(&database).await;
    let plan = database.plan().await.to_string();
    assert!(plan.contains("-- idx_tasks_completed is another index.\ncreate index concurrently"), "{plan}");
    database.up().await.expect("a table to adopt");
    assert_eq!(
        added_names(&database, &before).await,
        [
            "idx_tasks_user_changed",
            "idx_tasks_user_done",
            "idx_tasks_user_due_date",
            "idx_tasks_user_idempotency_key",
            "idx_tasks_user_newest",
            "idx_tasks_user_pending_newest",
            "idx_tasks_user_updated",
        ]
    );
    assert_eq!(database.differences().await, [""; 0]);
    assert_eq!(database.up().await.expect("nothing is missing"), no_changes());
    database.down().await.expect("an adoption to revert");
    assert_eq!(indexes(&database).await, before);
}

#[tokio::test]
async fn adoption_refuses_if_both_names_are_taken() {
    let database = Database::with_layout(with_names_taken()).await;
    database.run("create index idx_tasks_user_done on tasks (title)").await;
    let differences = database.refusal().await;
    assert_eq!(
        differences.iter().map(Difference::description).collect::<Vec<_>>(),
        [
            "an index on (user_id, created_at desc, id desc) where completed is true is missing, and idx_tasks_user_completed \
          and idx_tasks_user_done are the names of others"
        ]
    );
    assert_eq!(differences[0].fix(), "give one of them another name: alter index idx_tasks_user_done rename to …");
    database.run("alter index idx_tasks_user_done rename to by_title").await;
    database.up().await.expect("a table to adopt");
}

#[tokio::test]
async fn an_index_of_another_name_serves_as_well() {
    let database = Database::with_layout(with_names_taken()).await;
    database.run("create index ix_tasks_list on tasks (user_id, created_at desc, id desc)").await;
    let before = indexes(&database).await;
    database.up().await.expect("a table to adopt");
    let added = added_names(&database, &before).await;
    assert!(added.len() == OURS.len() - 1 && !added.contains(&"idx_tasks_user_newest".to_owned()), "{added:?}");
}

#[tokio::test]
async fn a_migration_keeps_indexes_of_other_programs() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    let revert = async || {
        while database.row("select to_regclass('idx_tasks_user_completed_newest')").await == "null" {
            database.down().await.expect("a migration to revert");
        }
    };
    revert().await;
    let theirs = "create index idx_tasks_report on tasks (priority, completed);
        drop index idx_tasks_due_date;
        create index idx_tasks_due_date on tasks (due_date, title)";
    database.run(theirs).await;
    let before = indexes(&database).await;
    database.up().await.expect("an upgrade");
    let after = indexes(&database).await;
    for name in ["idx_tasks_report", "idx_tasks_due_date", "idx_tasks_user_due_date"] {
        let index = before.iter().find(|index| index.starts_with(&format!("{name} |"))).expect(name);
        assert!(after.contains(index), "{name}: {after:#?}");
    }
    assert_eq!(database.differences().await, [""; 0]);
    revert().await;
    let names = |indexes: &[String]| {
        indexes.iter().filter_map(|index| Some(index.split_once(" | ")?.0.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(names(&indexes(&database).await), names(&before));
}
