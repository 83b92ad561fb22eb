//! Columns without a time zone, whose defaults store the local time of the session.

use crate::kit::Database;
use crate::layouts::LAYOUTS;

/// The notes about time zones, each with the statement that fixes it.
async fn notes(database: &Database) -> Vec<(String, String)> {
    let notes = database.verify().await.notes.into_iter();
    let split = |note: String| {
        note.split_once(", and it is read as UTC: ").map(|(description, fix)| (description.into(), fix.into()))
    };
    notes.filter_map(split).collect()
}

#[tokio::test]
async fn a_default_in_local_time_is_noted_with_its_fix() {
    let database = Database::with_rows(&LAYOUTS[0]).await;
    let name = database.row("select current_database()").await;
    let role = format!("role_of_{name}");
    database
        .run(&format!(
            "create role {role};
            alter database {name} set timezone = 'Europe/Berlin';
            alter role {role} set timezone = 'Asia/Tokyo'"
        ))
        .await;
    // Adoption does not change the notes.
    for round in 0..2 {
        let found = notes(&database).await;
        let descriptions: Vec<&str> = found.iter().map(|(description, _)| description.as_str()).collect();
        let note = |zone: &str, scope: &str| {
            let columns = "the default of created_at and updated_at";
            format!("{columns} stores the time of day in {zone}, the time zone of {scope}")
        };
        assert_eq!(
            descriptions,
            [note("Europe/Berlin", "this database"), note("Asia/Tokyo", &format!("the role {role}"))]
        );
        if round == 0 {
            database.up().await.expect("a table to adopt");
        } else {
            for (_, fix) in found {
                database.run(&fix).await;
            }
        }
    }
    assert_eq!(notes(&database).await, []);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn utc_times_need_no_note() {
    // One layout has times with a zone, and the other has no defaults but those of the adoption.
    for layout in [&LAYOUTS[1], &LAYOUTS[2]] {
        let database = Database::with_rows(layout).await;
        let name = database.row("select current_database()").await;
        database.run(&format!("alter database {name} set timezone = 'Europe/Berlin'")).await;
        database.up().await.expect(layout.name);
        assert_eq!(notes(&database).await, [], "{}", layout.name);
    }
}

#[tokio::test]
async fn verify_works_without_access_to_server_settings() {
    let database = Database::with_rows(&LAYOUTS[0]).await;
    let role = format!("guest_of_{}", database.row("select current_database()").await);
    let grants =
        format!("create role {role} login password 'guest'; grant select on all tables in schema public to {role}");
    database.run(&grants).await;
    let (_, rest) = database.url.split_once('@').expect("a URL");
    let url = format!("postgres://{role}:guest@{rest}");
    migrations::verify(&url, &migrations::Options::default()).await.expect("a database that can be read");
}
