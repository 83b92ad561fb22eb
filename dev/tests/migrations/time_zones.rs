//! Columns without a zone, whose defaults store what the clock of a session shows.

use crate::kit::Database;
use crate::layouts::LAYOUTS;

/// What is noted about time zones, and the statement that it offers.
async fn notes(database: &Database) -> Vec<(String, String)> {
    let notes = database.verify().await.notes.into_iter();
    let split =
        |note: String| note.split_once(", and it is read as UTC: ").map(|(what, fix)| (what.into(), fix.into()));
    notes.filter_map(split).collect()
}

#[tokio::test]
async fn a_zone_in_which_a_default_stores_another_time_than_utc_is_noted_with_its_remedy() {
    let database = Database::filled(&LAYOUTS[0]).await;
    let name = database.row("select current_database()").await;
    let role = format!("role_of_{name}");
    database
        .run(&format!(
            "create role {role};
            alter database {name} set timezone = 'Europe/Berlin';
            alter role {role} set timezone = 'Asia/Tokyo'"
        ))
        .await;
    // The same before the adoption and after it.
    for round in 0..2 {
        let found = notes(&database).await;
        let what: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
        let of = |zone: &str, whose: &str| {
            let columns = "the default of created_at and updated_at";
            format!("{columns} stores the time of day in {zone}, the time zone of {whose}")
        };
        assert_eq!(what, [of("Europe/Berlin", "this database"), of("Asia/Tokyo", &format!("the role {role}"))]);
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
async fn times_with_a_zone_and_defaults_in_utc_need_no_note() {
    // One layout has times with a zone, and in the other there are no defaults but ours.
    for layout in [&LAYOUTS[1], &LAYOUTS[2]] {
        let database = Database::filled(layout).await;
        let name = database.row("select current_database()").await;
        database.run(&format!("alter database {name} set timezone = 'Europe/Berlin'")).await;
        database.up().await.expect(layout.name);
        assert_eq!(notes(&database).await, [], "{}", layout.name);
    }
}

#[tokio::test]
async fn a_role_that_may_not_ask_for_the_servers_settings_can_verify() {
    let database = Database::filled(&LAYOUTS[0]).await;
    let role = format!("guest_of_{}", database.row("select current_database()").await);
    let grants =
        format!("create role {role} login password 'guest'; grant select on all tables in schema public to {role}");
    database.run(&grants).await;
    let (_, rest) = database.url.split_once('@').expect("a URL");
    let url = format!("postgres://{role}:guest@{rest}");
    migrations::verify(&url, &migrations::Options::default()).await.expect("a database that can be read");
}
