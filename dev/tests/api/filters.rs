//! `GET /api/tasks` and `GET /api/tasks/search`: filters by label, ranges of due dates, and pages by number.

use dev::testing::client::TestUser;
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

/// The titles of a list, alphabetically.
async fn titles(ada: &TestUser, query: &str) -> Vec<String> {
    let list = ada.get(&format!("/api/tasks?sort=title&{query}")).await.expect_status(200);
    list.tasks().iter().map(|task| task["title"].as_str().expect("a title").to_owned()).collect()
}

/// The titles of all pages with one task each.
async fn titles_by_cursor(ada: &TestUser, query: &str) -> Vec<String> {
    let mut path = format!("/api/tasks?sort=title&{query}&limit=1");
    let mut titles = Vec::new();
    loop {
        let page = ada.get(&path).await.expect_status(200);
        titles.extend(page.tasks().iter().map(|task| task["title"].as_str().expect("a title").to_owned()));
        let Some(link) = page.header("link") else { return titles };
        let (_, query) = link.trim_end_matches(r#">; rel="next""#).split_once('?').expect("a query");
        path = format!("/api/tasks?{query}");
    }
}

async fn user_with_labels() -> TestUser {
    let ada = api().new_user().await;
    let values = "title, tags::text[], category from (values
        ('home', '{Home}', 'private'), ('none', null, null), ('none left', '{}', 'Private'),
        ('other', '{homework,\"two words\"}', 'all'), ('work', '{work,ÄRGER}', null), ('work at home', '{WORK,home}', 'job'))
        tasks (title, tags, category)";
    database::insert_tasks(&ada, "title, tags, category", values).await;
    ada
}

#[tokio::test]
async fn tags_match_in_any_case_and_any_of_them() {
    let ada = user_with_labels().await;
    for (query, expected) in [
        ("tag=home", &["home", "work at home"][..]),
        ("tags=HOME", &["home", "work at home"]),
        ("tags=home,work", &["home", "work", "work at home"]),
        ("tag=home&tag=two+words", &["home", "other", "work at home"]),
        ("tags[]=work&tags[]=homework", &["other", "work", "work at home"]),
        ("tags=%C3%84RGER", &["work"]),
        ("tag=hom", &[]),
        ("tag=%25", &[]),
        ("tag=home&status=completed", &[]),
        ("tag=home&category=job", &["work at home"]),
        ("category=private", &["home"]),
        ("category=Private", &["none left"]),
        ("category=job&q=work", &["work at home"]),
    ] {
        assert_eq!(titles(&ada, query).await, expected, "{query}");
        assert_eq!(titles_by_cursor(&ada, query).await, expected, "{query}");
    }
    for query in ["tag=all", "tags=home,ALL", "category=All", "tag=&category=&tags=", "due=all"] {
        assert_eq!(titles(&ada, query).await.len(), 6, "{query}");
    }
    let grace = api().new_user().await;
    assert_eq!(titles(&grace, "tags=home,work").await, [""; 0]);
}

#[tokio::test]
async fn totals_count_what_the_filter_selects() {
    let ada = user_with_labels().await;
    let ada = api_with(&[("TASK_LIST_SHAPE", "object")]).user(&ada.id);
    for (query, total) in [("tags=home,work", 3), ("category=job", 1), ("due=today", 0), ("due_to=2026-11-21", 0)] {
        let list = ada.get(&format!("/api/tasks?limit=1&{query}")).await.expect_status(200);
        assert_eq!(list["total"], total, "{query}");
    }
}

#[tokio::test]
async fn due_ranges_include_their_bounds() {
    let ada = api().new_user().await;
    for due_date in [
        "2026-11-20T23:59:59",
        "2026-11-21",
        "2026-11-21T17:30:00",
        "2026-11-21T23:59:59.999999",
        "2026-11-22",
        "2026-11-21T23:30:00Z",
    ] {
        ada.create(json!({"title": due_date, "due_date": due_date})).await;
    }
    ada.create(json!({"title": "never"})).await;
    let day = ["2026-11-21", "2026-11-21T17:30:00", "2026-11-21T23:30:00Z", "2026-11-21T23:59:59.999999"];
    for (query, expected) in [
        ("due_from=2026-11-21&due_to=2026-11-21", &day[..]),
        ("dueFrom=2026-11-21&dueTo=2026-11-21", &day),
        ("due_date_from=2026-11-21&due_date_to=2026-11-21&tz=UTC", &day),
        // 23:30Z is on the next day in Tokyo.
        ("due_from=2026-11-21&due_to=2026-11-21&tz=Asia/Tokyo", &[day[0], day[1], day[3]]),
        ("due_from=2026-11-22&tz=Asia/Tokyo", &[day[2], "2026-11-22"]),
        ("due_from=2026-11-21T17:30:00&due_to=2026-11-21T17:30:00", &["2026-11-21T17:30:00"]),
        // 17:30 in New York is 22:30Z.
        ("due_from=2026-11-21T22:30:00Z&due_to=2026-11-21T22:30:00Z&tz=America/New_York", &["2026-11-21T17:30:00"]),
        ("due_from=2026-11-21&due_before=2026-11-21T23:00:00", &day[..2]),
        ("due_to=2026-11-20", &["2026-11-20T23:59:59"]),
        ("due_from=2026-11-23", &[]),
    ] {
        assert_eq!(titles(&ada, query).await, expected, "{query}");
        assert_eq!(titles_by_cursor(&ada, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn today_and_the_week_are_those_of_the_zone() {
    let sql = database::connect().await;
    for variables in [&[][..], &[("TASK_DUE_DATES", "instant")]] {
        let ada = api_with(variables).new_user().await;
        // Around the next eight days on the clocks of all zones.
        let times = "select to_char(now() at time zone 'UTC' + n * interval '7 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS')
            from generate_series(-6, 32) n";
        for row in sql.query(times, &[]).await.expect("times") {
            let time: String = row.get(0);
            for due_date in [time[..10].to_owned(), format!("{time}Z"), time] {
                ada.create(json!({"title": due_date, "due_date": due_date})).await;
            }
        }
        for zone in ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/GMT%2B12"] {
            let name = if variables.is_empty() { zone.replace("%2B", "+") } else { "UTC".to_owned() };
            let today = async || -> String {
                let today = "select (now() at time zone $1)::date::text";
                sql.query_one(today, &[&name]).await.expect("a date").get(0)
            };
            loop {
                let date = today().await;
                let lists = [
                    titles(&ada, &format!("due=today&tz={zone}")).await,
                    titles(&ada, &format!("due=week&tz={zone}")).await,
                ];
                if today().await != date {
                    // Midnight has passed between the requests.
                    continue;
                }
                for (found, days) in lists.iter().zip([1, 7]) {
                    let expected = "select title from tasks where user_id::text = $1 and
                        (case when title like '%Z' then title::timestamptz at time zone $2 else title::timestamp end)::date
                        between $3::text::date and $3::text::date + $4::integer - 1 order by lower(title), id";
                    let rows = sql.query(expected, &[&ada.id, &name, &date, &days]).await.expect("titles");
                    let expected: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                    assert!(!expected.is_empty());
                    assert_eq!(found, &expected, "{zone} {days}");
                }
                break;
            }
        }
        assert_eq!(titles(&ada, "due=overdue").await, titles(&ada, "overdue=true").await);
        let whole = titles(&ada, "due=week").await;
        assert_eq!(titles_by_cursor(&ada, "due=week").await, whole);
    }
}

#[tokio::test]
async fn pages_have_numbers() {
    let ada = api().new_user().await;
    database::insert_tasks(&ada, "title", "n::text from generate_series(1, 5) n").await;
    for (query, expected) in [
        ("page=1&limit=2", &["1", "2"][..]),
        ("page=2&limit=2", &["3", "4"]),
        ("page=3&per_page=2", &["5"]),
        ("page=2&page_size=4", &["5"]),
        ("page=4&limit=2", &[]),
        ("page=1", &["1", "2", "3", "4", "5"]),
        ("page=2", &[]),
        ("page=1&offset=4", &["5"]),
        ("skip=3&limit=1", &["4"]),
    ] {
        assert_eq!(titles(&ada, query).await, expected, "{query}");
    }
    let descending = ada.get("/api/tasks?sort=title&sort_direction=desc&limit=1&page=2").await.expect_status(200);
    assert_eq!(descending.json[0]["title"], "4");
}

#[tokio::test]
async fn invalid_filters_are_rejected() {
    let ada = api().new_user().await;
    for (query, pointers) in [
        ("tag=a%00b", &["/tag"][..]),
        ("tags=a%00b&category=%00", &["/tag", "/category"]),
        ("due=tomorrow", &["/due"]),
        ("due=overdue&overdue=false", &["/due"]),
        ("due_from=soon&due_to=late", &["/due_from", "/due_to"]),
        ("page=0", &["/page"]),
        ("page=-1&limit=x", &["/limit", "/page"]),
        ("page=2&offset=2", &["/page"]),
        ("sort_direction=up", &["/order"]),
        ("due=today&tz=Nowhere/Nothing", &["/tz"]),
        ("due_to=2026-11-21&tz=Nowhere/Nothing", &["/tz"]),
    ] {
        for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
            ada.get(&format!("{path}?{query}")).await.expect_invalid_at(pointers);
        }
    }
    ada.get(&format!("/api/tasks?tag={}", "x".repeat(201))).await.expect_invalid_at(&["/tag"]);
}

#[tokio::test]
async fn a_cursor_keeps_labels_and_ranges() {
    let ada = user_with_labels().await;
    ada.create(json!({"title": "today", "due_date": "2026-11-21"})).await;
    database::insert_tasks(&ada, "title, due_date, tags", "'t', timestamp '2026-11-21', '{home}'").await;
    for (list, same, other) in [
        ("tags=home,work", "tag=work&tag=home", "tag=home"),
        ("tags=home,work", "sort_direction=desc", "tag=all"),
        ("due_to=2026-11-21", "dueTo=2026-11-21", "due_to=2026-11-22"),
        ("due_from=2026-11-21", "due_from=2026-11-21T00:00", "due_from=2026-11-21T00:00:00Z"),
        ("category=all", "category=all", "category=job"),
    ] {
        let first = ada.get(&format!("/api/tasks?limit=1&{list}")).await.expect_status(200);
        let cursor = first.header("link").expect("more tasks").split("cursor=").nth(1).expect("a cursor").to_owned();
        let cursor = cursor.split('>').next().expect("a cursor");
        ada.get(&format!("/api/tasks?{same}&cursor={cursor}")).await.expect_status(200);
        let response = ada.get(&format!("/api/tasks?{other}&cursor={cursor}")).await.expect_status(400);
        assert_eq!(response["code"], "invalid_cursor", "{other}");
        ada.get(&format!("/api/tasks?page=2&cursor={cursor}")).await.expect_invalid_at(&["/page"]);
    }
}

/// What is not part of a task changes the list, and so its entity tag.
#[tokio::test]
async fn another_filter_has_another_entity_tag() {
    let ada = user_with_labels().await;
    let home = ada.get("/api/tasks?tag=home").await.expect_status(200);
    let etag = home.header("etag").expect("an entity tag").to_owned();
    let with_etag = |path: &str| ada.request("GET", path).header("if-none-match", &etag);
    ada.send(with_etag("/api/tasks?tags=HOME")).await.expect_status(304);
    let work: Value = ada.send(with_etag("/api/tasks?tag=work")).await.expect_status(200).json;
    assert_ne!(work, home.json);
}

#[tokio::test]
async fn search_is_the_list_under_another_name() {
    let ada = user_with_labels().await;
    let id = &ada.id;
    for query in
        ["q=work", "search=home&limit=1", "", "tag=home&page=2&limit=1", "q=nothing", "q=o&sort=title&order=asc"]
    {
        let list = ada.get(&format!("/api/tasks?{query}")).await.expect_status(200);
        for path in ["/api/tasks/search", &format!("/api/{id}/tasks/search"), "/api/v1/tasks/search"] {
            let found = ada.get(&format!("{path}?{query}")).await.expect_status(200);
            assert_eq!((&found.json, found.header("etag")), (&list.json, list.header("etag")), "{path}?{query}");
            assert_eq!(found.header("link"), list.header("link"), "relative to the request");
        }
    }
    ada.get("/api/tasks/search?sort=color").await.expect_invalid_at(&["/sort"]);
    let grace = api().new_user().await;
    ada.get(&format!("/api/{}/tasks/search?q=work", grace.id)).await.expect_status(403);
    // The name is no id of a task for other methods.
    ada.put("/api/tasks/search", &json!({"title": "Buy milk"})).await.expect_status(404);
}
