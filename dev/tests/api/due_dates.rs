//! Due dates with and without an offset: an offset makes an instant, and without one it is the time on the user's clock.

use dev::testing::client::{TaskId, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

const FLOATING: &str = "2026-12-05T17:30:00";
const INSTANT: &str = "2026-12-05T17:30:00.000000Z";

async fn create(user: &TestUser, title: &str, due_date: &str) -> String {
    user.create_path(json!({"title": title, "due_date": due_date})).await
}

/// The titles of a list, in alphabetical order.
async fn titles(user: &TestUser, query: &str) -> Vec<String> {
    let list = user.get(&format!("/api/tasks?sort=title&{query}")).await.expect_status(200);
    list.tasks().iter().map(|task| task["title"].as_str().expect("text").to_owned()).collect()
}

/// A time relative to now as PostgreSQL prints it in UTC.
async fn time(expression: &str) -> String {
    let query = format!("select to_char({expression}, 'YYYY-MM-DD\"T\"HH24:MI:SS')");
    database::connect().await.query_one(&query, &[]).await.expect("a time").get(0)
}

#[tokio::test]
async fn offset_decides_the_kind() {
    let ada = api().new_user().await;
    for (sent, kept) in [
        ("2026-12-05", "2026-12-05T00:00:00"),
        ("2026-12-05T17:30", FLOATING),
        ("2026-12-05T17:30:00.5", "2026-12-05T17:30:00.5"),
        ("2026-12-05T17:30:00Z", INSTANT),
        ("2026-12-05T19:30:00+02:00", INSTANT),
    ] {
        let path = create(&ada, "Buy milk", sent).await;
        assert_eq!(ada.get(&path).await["due_date"], kept, "{sent}");
        let changed = ada.put(&path, &json!({"due_date": null})).await.expect_status(200);
        assert_eq!(changed["due_date"], Value::Null);
        let changed = ada.patch(&path, &json!({"dueDate": sent})).await.expect_status(200);
        assert_eq!(changed["due_date"], kept, "{sent}");
    }
}

#[tokio::test]
async fn kind_changes_without_the_time() {
    let ada = api().new_user().await;
    let path = create(&ada, "Buy milk", FLOATING).await;
    for kept in [INSTANT, FLOATING, FLOATING, INSTANT, INSTANT] {
        let etag = |response: &TestResponse| response.header("etag").expect("an entity tag").to_owned();
        let before = ada.get(&path).await;
        let changed = ada.put(&path, &json!({"due_date": kept})).await.expect_status(200);
        assert_eq!(changed["due_date"], kept);
        assert_eq!(etag(&changed) == etag(&before), before["due_date"] == kept, "only a change has a new version");
        assert_eq!(ada.get(&path).await.json, changed.json);
    }
}

#[tokio::test]
async fn conditional_change_keeps_the_kind() {
    let ada = api().new_user().await;
    let path = create(&ada, "Buy milk", INSTANT).await;
    for due_date in [FLOATING, INSTANT] {
        let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
        let change = ada.request("PATCH", &path).json(&json!({"due_date": due_date})).header("if-match", etag);
        assert_eq!(ada.send(change).await.expect_status(200)["due_date"], due_date);
    }
}

/// In a column with a time zone they are instants, in one without they are floating.
#[tokio::test]
async fn another_programs_due_dates_are_of_the_columns_kind() {
    let ada = api().new_user().await;
    let client = database::connect().await;
    let has_zone = database::due_dates_have_a_zone().await;
    for sent in [FLOATING, INSTANT] {
        let path = create(&ada, "Buy milk", sent).await;
        let update = "update tasks set due_date = '2026-12-06 08:00:00' where user_id::text = $1";
        client.execute(update, &[&ada.id]).await.expect("a change");
        let expected = if has_zone { "2026-12-06T08:00:00.000000Z" } else { "2026-12-06T08:00:00" };
        assert_eq!(ada.get(&path).await["due_date"], expected, "{sent}");
        ada.delete(&path).await.expect_status(204);
    }
}

#[tokio::test]
async fn filters_compare_in_the_given_zone() {
    let ada = api().new_user().await;
    create(&ada, "floating", FLOATING).await;
    create(&ada, "instant", INSTANT).await;
    ada.create(json!({"title": "never"})).await;
    for (bound, before) in [
        // 17:30 is 08:30Z in Tokyo and 22:30Z in New York.
        ("2026-12-05T12:00:00Z&tz=Asia/Tokyo", &["floating"][..]),
        ("2026-12-05T18:00:00Z&tz=Asia/Tokyo", &["floating", "instant"]),
        ("2026-12-05T18:00:00Z&tz=America/New_York", &["instant"]),
        ("2026-12-05T17:45&tz=Asia/Tokyo", &["floating"]),
        ("2026-12-05T17:45&tz=America/New_York", &["floating", "instant"]),
        ("2026-12-05T17:15&tz=America/New_York", &["instant"]),
        ("2026-12-05T17:45&tz=UTC", &["floating", "instant"]),
        ("2026-12-05T17:45", &["floating", "instant"]),
        ("2026-12-05T17:30", &[]),
        ("2026-12-06&tz=Pacific/Kiritimati", &["floating"]),
        ("2026-12-04&tz=Etc/GMT-14", &[]),
        ("2026-12-05T12:00:00Z&tz=Etc/GMT-9", &["floating"]),
        ("2026-12-05T17:45&tz=undefined", &["floating", "instant"]),
    ] {
        assert_eq!(titles(&ada, &format!("due_before={bound}")).await, before, "{bound}");
        let is_after = |title: &&str| !before.contains(title) && bound != "2026-12-05T17:30";
        let after: Vec<&str> = ["floating", "instant"].into_iter().filter(is_after).collect();
        assert_eq!(titles(&ada, &format!("due_after={bound}")).await, after, "{bound}");
    }
}

#[tokio::test]
async fn overdue_is_decided_on_the_users_clock() {
    let ada = api().new_user().await;
    let soon = time("now() at time zone 'UTC' + interval '3 hours 1 second'").await;
    create(&ada, "floating", &soon).await;
    create(&ada, "instant", &format!("{soon}Z")).await;
    assert_eq!(titles(&ada, "overdue=true").await, [""; 0]);
    assert_eq!(titles(&ada, "overdue=true&tz=Asia/Tokyo").await, ["floating"]);
    assert_eq!(titles(&ada, "overdue=false&tz=Asia/Tokyo").await, ["instant"]);
    assert_eq!(titles(&ada, "overdue=true&tz=America/New_York").await, [""; 0]);
    assert_eq!(titles(&ada, "overdue=false").await, ["floating", "instant"]);
}

#[tokio::test]
async fn time_zone_of_a_task_decides_whether_it_is_overdue() {
    let ada = api_with(&[("TASK_FIELDS", "is_overdue")]).new_user().await;
    let soon = time("now() at time zone 'UTC' + interval '3 hours 1 second'").await;
    let before = time("now() at time zone 'UTC' - interval '2 hours 1 second'").await;
    for (title, due_date, zone) in [
        ("soon in Tokyo", soon.clone(), json!("Asia/Tokyo")),
        ("soon", soon.clone(), json!(null)),
        ("instant in Tokyo", format!("{soon}Z"), json!("Asia/Tokyo")),
        ("past in Hawaii", before.clone(), json!("Pacific/Honolulu")),
        ("past", before, json!(null)),
    ] {
        ada.create(json!({"title": title, "due_date": due_date, "time_zone": zone})).await;
    }
    assert_eq!(titles(&ada, "overdue=true").await, ["past", "soon in Tokyo"]);
    assert_eq!(titles(&ada, "overdue=true&tz=Asia/Tokyo").await, ["past", "soon", "soon in Tokyo"]);
    assert_eq!(ada.get("/api/tasks/stats").await["overdue"], 2);
    let list = ada.get("/api/tasks").await;
    let overdue = list.tasks().into_iter().filter(|task| task["is_overdue"] == true).map(|task| task["title"].clone());
    assert_eq!(overdue.collect::<Value>(), json!(["past", "soon in Tokyo"]));
    let completed =
        ada.put(&format!("/api/tasks/{}", TaskId::from_task(list.tasks()[0])), &json!({"completed": true})).await;
    assert_eq!((&completed["title"], &completed["is_overdue"]), (&json!("past"), &json!(false)));
}

#[tokio::test]
async fn date_is_overdue_when_its_day_has_ended() {
    let ada = api().new_user().await;
    // Each is still right if a day begins during the test.
    let ended = time("date_trunc('day', now() at time zone 'UTC' - interval '25 hours')").await;
    let current = time("date_trunc('day', now() at time zone 'UTC' + interval '1 hour')").await;
    create(&ada, "ended", &ended[..10]).await;
    create(&ada, "current", &current[..10]).await;
    create(&ada, "instant", &format!("{ended}Z")).await;
    assert_eq!(titles(&ada, "overdue=true").await, ["ended", "instant"]);
    assert_eq!(titles(&ada, "overdue=false").await, ["current"]);
}

#[tokio::test]
async fn sort_is_by_the_clocks_time() {
    let ada = api().new_user().await;
    for (title, due_date) in [
        ("3", "2026-12-05T18:00"),
        ("1", "2026-12-05"),
        ("2", "2026-12-05T17:00:00Z"),
        ("4", "2026-12-05T21:00:00+02:00"),
    ] {
        create(&ada, title, due_date).await;
    }
    ada.create(json!({"title": "5"})).await;
    let sorted = async |order: &str| -> String {
        let list = ada.get(&format!("/api/tasks?sort=due_date&order={order}")).await.expect_status(200);
        list.tasks().iter().map(|task| task["title"].as_str().expect("text")).collect()
    };
    assert_eq!((sorted("asc").await, sorted("desc").await), ("12345".to_owned(), "43215".to_owned()));
}

#[tokio::test]
async fn unknown_time_zone_is_rejected() {
    let ada = api().new_user().await;
    for zone in [
        "Europe/Atlantis",
        "EST5EDT",
        "nowhere",
        "%3C-03%3E3",
        "Europe/Berlin%00",
        "Here/There-20",
        "Etc/GMT+99",
        "'; drop table tasks; --",
    ] {
        let zone = zone.replace(' ', "%20").replace('\'', "%27");
        let response = ada.get(&format!("/api/tasks?overdue=true&tz={zone}")).await.expect_invalid_at(&["/tz"]);
        assert_eq!(response["detail"], "tz must be the name of a time zone such as Europe/Berlin", "{zone}");
    }
}

#[tokio::test]
async fn kinds_can_be_turned_off() {
    let ada = api_with(&[("TASK_DUE_DATES", "instant")]).new_user().await;
    for (sent, kept) in
        [("2026-12-05", "2026-12-05T00:00:00.000000Z"), ("2026-12-05T17:30", INSTANT), (INSTANT, INSTANT)]
    {
        let path = create(&ada, "Buy milk", sent).await;
        assert_eq!(ada.get(&path).await["due_date"], kept, "{sent}");
        let etag = ada.get(&path).await.header("etag").map(str::to_owned);
        assert_eq!(ada.put(&path, &json!({"due_date": sent})).await.header("etag").map(str::to_owned), etag, "{sent}");
    }
    assert_eq!(ada.get("/api/tasks?due_before=2026-12-05T12:00&tz=Asia/Tokyo").await.tasks().len(), 1);
    assert_eq!(ada.get("/api/tasks?overdue=false&tz=Asia/Tokyo").await.expect_status(200).tasks().len(), 3);
}

#[tokio::test]
async fn of_two_spellings_of_a_new_due_date_one_counts() {
    let ada = api().new_user().await;
    for body in [
        json!({"title": "Buy milk", "dueDate": null, "due_date": FLOATING}),
        json!({"title": "Buy milk", "dueDate": FLOATING, "due_date": ""}),
        json!({"title": "Buy milk", "dueDate": FLOATING, "due_date": INSTANT}),
    ] {
        assert_eq!(ada.create(body.clone()).await["due_date"], FLOATING, "{body}");
    }
}
