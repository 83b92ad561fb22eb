//! `GET /api/tasks`: the pages of a list, followed by `Link` and by cursor.

use std::collections::BTreeSet;

use dev::testing::client::{TaskId, TestResponse, TestUser};
use dev::testing::database::{LAYOUTS, TestDatabase};
use dev::testing::random::SeededRandom;
use reqwest::Url;
use serde_json::{Value, json};

use crate::kit::{Api, api, api_with, database};

const SORTS: [&str; 5] = ["created", "updated", "due_date", "title", "priority"];
const ORDERS: [&str; 2] = ["asc", "desc"];
const FILTERS: [&str; 10] = [
    "",
    "&status=pending",
    "&status=completed&tz=Europe/Berlin",
    "&priority=low",
    "&due_before=2026-11-21T12:00:00%2B02:00",
    "&due_after=2026-11-20T12:00:00&tz=America/Los_Angeles",
    "&overdue=true",
    "&overdue=false&tz=Asia/Tokyo",
    "&q=a+A",
    "&search=%C3%A4",
];

/// The address of the next page as a client computes it, and the cursor in it.
fn next_page(path: &str, response: &TestResponse) -> Option<(String, String)> {
    let link = response.header("link")?;
    let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(r#">; rel="next""#)).expect(link);
    let url = Url::parse("https://api.example").unwrap().join(path).unwrap().join(target).expect(target);
    let cursor = url.query_pairs().find(|(name, _)| name == "cursor").expect("a cursor").1.into_owned();
    Some((url.as_str().strip_prefix("https://api.example").expect("the same origin").to_owned(), cursor))
}

/// The cursor of the second page.
async fn cursor_of(ada: &TestUser, path: &str) -> String {
    next_page(path, &ada.get(path).await.expect_status(200)).expect("a second page").1
}

/// The ids of all pages from `path` on, and their number. Each page but the last is as long as `limit`.
async fn follow(ada: &TestUser, path: &str, limit: usize) -> Vec<TaskId> {
    let (mut path, mut ids) = (path.to_owned(), Vec::new());
    loop {
        let response = ada.get(&path).await.expect_status(200);
        let page = response.ids();
        let next = next_page(&path, &response);
        assert!(page.len() == limit || next.is_none(), "{path} has {} tasks, and a next page", page.len());
        ids.extend(page);
        match next {
            Some((next, _)) => path = next,
            None => return ids,
        }
    }
}

/// A user with tasks of every kind. Many have equal keys, or keys that differ only in the last decimals.
async fn user_with_40_tasks(api: &Api) -> TestUser {
    let ada = api.new_user().await;
    let columns = "title, completed, priority, due_date, created_at, updated_at";
    let values = r#"(array['beta', 'Beta', 'alpha', 'Ä+/', 'ä+/', 'null', '"%_\', repeat('ä', 200)])[1 + n % 8], n % 3 = 0,
        (array['low', 'medium', 'high', null])[1 + n % 4],
        (array['2026-11-21', '2026-11-20 23:59:59.999999', null, '2027-01-01', '2026-11-21 00:00:00.000001'])
            [1 + n / 2 % 5]::timestamptz,
        timestamptz '2026-01-01' + n / 5 * interval '1 microsecond', timestamptz '2026-06-01' - n % 5 * interval '1 day'
        from generate_series(0, 39) n"#;
    database::insert_tasks(&ada, columns, values).await;
    // What only another back end stores.
    let sql = database::connect().await;
    for column in ["created_at", "updated_at"] {
        let is_nullable = "select not attnotnull from pg_attribute where attrelid = 'tasks'::regclass and attname = $1";
        if sql.query_one(is_nullable, &[&column]).await.expect("a column").get(0) {
            let remove = format!("update tasks set {column} = null where user_id::text = $1 and length(title) = 4");
            sql.execute(&remove, &[&ada.id]).await.expect("a column that can be null");
        }
    }
    ada
}

#[tokio::test]
async fn pages_are_the_whole_list_in_every_order() {
    let ada = user_with_40_tasks(&api()).await;
    for sort in SORTS {
        for order in ORDERS {
            for filter in FILTERS {
                let list = format!("/api/tasks?sort={sort}&order={order}{filter}");
                let whole = ada.get(&list).await.expect_status(200).ids();
                for limit in [1, 7, 39, 40] {
                    assert_eq!(follow(&ada, &format!("{list}&limit={limit}"), limit).await, whole, "{list} {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn words_without_a_rank_come_last_and_once() {
    // Medium is a word of the database only.
    let ada = user_with_40_tasks(&api_with(&[("TASK_PRIORITIES", "low,high")])).await;
    for order in ORDERS {
        let list = format!("/api/tasks?sort=priority&order={order}");
        let response = ada.get(&list).await;
        let ranked: Vec<bool> =
            response.tasks().iter().map(|task| matches!(task["priority"].as_str(), Some("low" | "high"))).collect();
        assert!(ranked.iter().rev().is_sorted() && ranked.iter().filter(|ranked| **ranked).count() == 20);
        assert_eq!(follow(&ada, &format!("{list}&limit=1"), 1).await, response.ids());
    }
}

#[tokio::test]
async fn pages_of_every_layout_are_the_whole_list() {
    for layout in &LAYOUTS {
        let database = TestDatabase::adopted(layout).await;
        let api = Api::start(&database.url, &[]).await;
        let ada = api.user(layout.user);
        for sort in SORTS {
            for order in ORDERS {
                let list = format!("/api/tasks?sort={sort}&order={order}");
                let whole = ada.get(&list).await.expect_status(200).ids();
                assert_eq!(whole.len(), 150);
                assert_eq!(follow(&ada, &format!("{list}&limit=4"), 4).await, whole, "{}: {list}", layout.name);
            }
        }
    }
}

/// Times that RFC 3339 cannot represent, times with more decimals than JavaScript or `timestamp(3)` keep, and ids that
/// JavaScript rounds.
#[tokio::test]
async fn extreme_keys_are_exact() {
    for time in ["timestamptz", "timestamp", "timestamp(3)", "timestamptz(0)"] {
        let database = TestDatabase::migrated().await;
        database
            .run(&format!(
                "alter table tasks
                    alter id type bigint, alter created_at drop not null, alter updated_at drop not null,
                    alter created_at type {time}, alter updated_at type {time}, alter due_date type {time};
                insert into \"user\" (id, name, email) values ('ada', 'Ada', 'ada@example.com');
                insert into tasks (id, user_id, title, created_at, updated_at, due_date)
                select 9007199254740990 + row_number() over (), 'ada', title, time, time, time
                from unnest('{{İ,i,I,ß,SS,\"null\",undefined}}'::text[]) as title,
                    unnest('{{infinity,-infinity,294276-12-31 23:59:58.999999,4714-11-24 BC,0001-01-01,
                        2026-11-21 17:30:00.000001,2026-11-21 17:30:00.000002,2026-11-21 17:30:00.0015,
                        2026-11-21 17:30:00.0014999,10000-01-01,NULL}}'::timestamp[]) as time"
            ))
            .await;
        let api = Api::start(&database.url, &[]).await;
        let ada = api.user("ada");
        for sort in SORTS {
            for order in ORDERS {
                let list = format!("/api/tasks?sort={sort}&order={order}");
                let whole = ada.get(&list).await.expect_status(200).ids();
                assert_eq!(whole.len(), 77);
                assert_eq!(follow(&ada, &format!("{list}&limit=1"), 1).await, whole, "{time}: {list}");
            }
        }
    }
}

/// A list in which text is compared by the rules of a language.
#[tokio::test]
async fn titles_and_ids_follow_the_collation_of_their_column() {
    let database = TestDatabase::migrated().await;
    database
        .run(
            "alter table tasks alter id drop identity;
            alter table tasks alter id type text collate \"en-x-icu\",
                alter title type varchar(255) collate \"tr-x-icu\";
            insert into \"user\" (id, name, email) values ('ada', 'Ada', 'ada@example.com');
            insert into tasks (id, user_id, title)
            select id || n || title, 'ada', title from generate_series(1, 2) as n,
                unnest('{a,B,c d,ä/é,-,A,_}'::text[]) as id, unnest('{I,ı,i,İ,co-op,coop,CO OP,ä,z}'::text[]) as title",
        )
        .await;
    let api = Api::start(&database.url, &[]).await;
    let ada = api.user("ada");
    for sort in SORTS {
        for order in ORDERS {
            let list = format!("/api/tasks?sort={sort}&order={order}");
            let whole = ada.get(&list).await.expect_status(200).ids();
            assert_eq!(whole.len(), 126);
            assert_eq!(follow(&ada, &format!("{list}&limit=5"), 5).await, whole, "{list}");
        }
    }
}

/// Random tasks are inserted and deleted between the pages.
#[tokio::test]
async fn tasks_that_stay_come_exactly_once() {
    let mut random = SeededRandom::new(7);
    let sql = database::connect().await;
    for sort in SORTS {
        for order in ORDERS {
            let ada = user_with_40_tasks(&api()).await;
            let list = format!("/api/tasks?sort={sort}&order={order}");
            let before = ada.get(&list).await.ids();
            let (mut seen, mut deleted) = (Vec::new(), BTreeSet::new());
            let mut path = Some(format!("{list}&limit=1"));
            while let Some(current) = path.take() {
                let response = ada.get(&current).await.expect_status(200);
                path = next_page(&current, &response).map(|(path, _)| path);
                seen.extend(response.ids());
                // Often that at which the cursor is.
                let id = if random.percent(50) { seen.last() } else { before.get(random.below(before.len())) };
                if random.percent(40)
                    && let Some(id) = id
                    && deleted.insert(id.clone())
                {
                    let delete = "delete from tasks where user_id::text = $1 and id::text = $2";
                    sql.execute(delete, &[&ada.id, &id.to_string()]).await.expect("a delete");
                }
                if random.percent(30) && seen.len() < 60 {
                    let values = format!(
                        "(array['beta', 'C', 'Ä+/', 'zz'])[{}], (array['low', 'high', null])[{}],
                        (array['2026-11-21', null, '2027-06-01'])[{}]::timestamptz,
                        timestamptz '2026-01-01' + {} * interval '1 microsecond', '2026-05-31'",
                        random.below(4) + 1,
                        random.below(3) + 1,
                        random.below(3) + 1,
                        random.below(9)
                    );
                    database::insert_tasks(&ada, "title, priority, due_date, created_at, updated_at", &values).await;
                }
            }
            let unique: BTreeSet<&TaskId> = seen.iter().collect();
            assert_eq!(unique.len(), seen.len(), "{list}: a task came twice");
            let stayed: Vec<&TaskId> = before.iter().filter(|id| !deleted.contains(id)).collect();
            let came: Vec<&TaskId> = seen.iter().filter(|id| stayed.contains(id)).collect();
            assert_eq!(came, stayed, "{list}");
        }
    }
}

#[tokio::test]
async fn random_lists_are_the_same_by_cursor_and_by_offset() {
    let ada = user_with_40_tasks(&api()).await;
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut random = SeededRandom::new(seed);
    for _ in 0..60 {
        let parameters = format!(
            "sort={}&order={}{}{}",
            random.pick(&SORTS),
            random.pick(&ORDERS),
            random.pick(&FILTERS),
            random.pick(&["", "&completed=all", "&status=all"])
        );
        let mut cursor = String::new();
        let mut offset = random.below(5);
        let mut path = format!("/api/tasks?{parameters}&limit={}&offset={offset}", random.below(9) + 1);
        loop {
            let page = ada.get(&path).await.expect_status(200);
            let limit: usize = path.split("limit=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
            let same = ada.get(&format!("/api/tasks?{parameters}&limit={limit}&offset={offset}")).await;
            assert_eq!(page.json, same.json, "seed {seed}: {path}");
            offset += page.ids().len();
            let Some((_, next)) = next_page(&path, &page) else { break };
            assert_ne!(next, cursor);
            cursor = next;
            // Alone, with all parameters or with some of them, and with another limit.
            let all = format!("{parameters}&");
            let repeated = random.pick(&["", &all, "sort_by=&"]);
            path = format!("/api/tasks?{repeated}cursor={cursor}&limit={}", random.below(9) + 1);
        }
        let whole = ada.get(&format!("/api/tasks?{parameters}")).await.ids();
        assert!(offset >= whole.len(), "seed {seed}: {parameters}");
    }
}

#[tokio::test]
async fn a_link_is_followed_below_every_path() {
    let ada = user_with_40_tasks(&api()).await;
    for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id), "/api/v1/tasks".to_owned()] {
        let whole = ada.get(&path).await.ids();
        assert_eq!(follow(&ada, &format!("{path}?limit=13&_=1"), 13).await, whole, "{path}");
        assert_eq!(follow(&ada, &format!("{path}?limit=13&offset=3"), 13).await, whole[3..], "{path}");
    }
    let last = ada.get("/api/tasks?limit=40").await;
    assert_eq!(last.header("link"), None, "there is no more");
}

#[tokio::test]
async fn an_object_has_the_next_cursor() {
    let ada = user_with_40_tasks(&api_with(&[("TASK_LIST_SHAPE", "object")])).await;
    let first = ada.get("/api/tasks?limit=30&status=all").await;
    let cursor = first["next_cursor"].as_str().expect("more").to_owned();
    assert_eq!(next_page("/api/tasks", &first).map(|(_, cursor)| cursor), Some(cursor.clone()));
    let second = ada.get(&format!("/api/tasks?cursor={cursor}")).await;
    assert_eq!((second.ids().len(), &second["total"], &second["next_cursor"]), (10, &json!(40), &json!(null)));
    assert_eq!(ada.get("/api/tasks?limit=40").await["next_cursor"], json!(null));
}

#[tokio::test]
async fn a_page_that_is_no_longer_the_last_has_another_etag() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "one"})).await;
    let path = "/api/tasks?limit=1&order=asc";
    let last = ada.get(path).await;
    let etag = last.header("etag").expect("an etag").to_owned();
    ada.send(ada.request("GET", path).header("if-none-match", &etag)).await.expect_status(304);
    ada.create(json!({"title": "two"})).await;
    let page = ada.send(ada.request("GET", path).header("if-none-match", &etag)).await.expect_status(200);
    assert_eq!(page.json, last.json);
    let etag = page.header("etag").expect("an etag");
    let unchanged = ada.send(ada.request("GET", path).header("if-none-match", etag)).await.expect_status(304);
    assert!(unchanged.header("link").is_some());
}

#[tokio::test]
async fn a_cursor_of_another_user_shows_own_tasks_only() {
    let (ada, grace) = (user_with_40_tasks(&api()).await, user_with_40_tasks(&api()).await);
    for sort in SORTS {
        let cursor = cursor_of(&ada, &format!("/api/tasks?sort={sort}&limit=20")).await;
        // `TestUser` fails on a task of another user.
        follow(&grace, &format!("/api/tasks?cursor={cursor}&limit=10"), 10).await;
    }
    let nobody = api().new_user().await;
    let cursor = cursor_of(&ada, "/api/tasks?limit=20").await;
    assert_eq!(nobody.get(&format!("/api/tasks?cursor={cursor}")).await.expect_status(200).json, json!([]));
    let foreign = format!("/api/{}/tasks?cursor={cursor}", ada.id);
    assert_eq!(nobody.get(&foreign).await.expect_status(403)["code"], "foreign_user");
}

/// A cursor is opaque to clients. This is the time that it keeps.
#[tokio::test]
async fn later_pages_have_the_time_of_the_first() {
    let ada = api().new_user().await;
    let values = "n::text, timestamptz '2000-01-01' + n * interval '1 year' from generate_series(0, 9) n";
    database::insert_tasks(&ada, "title, due_date", values).await;
    let path = "/api/tasks?overdue=true&sort=due_date&limit=2";
    let cursor = cursor_of(&ada, path).await;
    assert_eq!(ada.get(&format!("/api/tasks?cursor={cursor}")).await.ids().len(), 8);
    let earlier = changed(&cursor, |members| members["now"] = json!("2005-06-01T00:00:00.000000Z"));
    assert_eq!(ada.get(&format!("/api/tasks?cursor={earlier}")).await.ids().len(), 4);
}

/// A cursor with another content.
pub(crate) fn changed(cursor: &str, change: impl FnOnce(&mut Value)) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut members = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).expect("base64url")).expect("JSON");
    change(&mut members);
    URL_SAFE_NO_PAD.encode(members.to_string())
}
