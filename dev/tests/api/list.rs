//! `GET /api/tasks`: filters, order and pages.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use dev::testing::client::{TaskId, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

async fn list(ada: &TestUser, query: &str) -> TestResponse {
    ada.get(&format!("/api/tasks{query}")).await.expect_status(200)
}

/// A user with tasks of every kind. Many of them have equal sort keys.
async fn user_with_30_tasks() -> (TestUser, Vec<Value>) {
    let ada = api().new_user().await;
    let columns = "title, completed, priority, due_date, created_at, updated_at";
    let values = "(array['beta', 'Beta', 'alpha', 'Gamma 2', 'gamma 10', 'ALPHA'])[1 + n % 6], n % 3 = 0,
        (array['low', 'medium', 'high', null])[1 + n % 4],
        (array['2026-11-21', '2026-11-20 23:59:59.999999', null, '2027-01-01'])[1 + n / 2 % 4]::timestamptz,
        timestamptz '2026-01-01' + n / 5 * interval '1 day', timestamptz '2026-06-01' - n % 5 * interval '1 microsecond'
        from generate_series(0, 29) n";
    database::insert_tasks(&ada, columns, values).await;
    let tasks = list(&ada, "").await.json;
    let tasks = tasks.as_array().expect("a bare array").clone();
    assert_eq!(tasks.len(), 30);
    (ada, tasks)
}

#[tokio::test]
async fn newest_task_comes_first() {
    let ada = api().new_user().await;
    assert_eq!(list(&ada, "").await.json, json!([]));
    let mut tasks = Vec::new();
    for title in ["one", "two", "three"] {
        tasks.insert(0, ada.create(json!({"title": title})).await);
    }
    for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
        let response = ada.get(&path).await.expect_status(200);
        assert_eq!(response.json, json!(tasks));
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    }
}

/// Whether a task has a due date that fulfils the condition.
fn due(task: &Value, like: fn(&str) -> bool) -> bool {
    task["due_date"].as_str().is_some_and(like)
}

/// Whether a task must be in the response.
type Condition = Box<dyn Fn(&Value) -> bool>;

#[tokio::test]
async fn filters_keep_the_order() {
    let (ada, tasks) = user_with_30_tasks().await;
    let completed = |value: bool| move |task: &Value| task["completed"] == value;
    let priority = |value: &'static str| move |task: &Value| task["priority"] == value;
    let cases: Vec<(&str, Condition)> = vec![
        ("?status=all", Box::new(|_| true)),
        ("?status=ALL", Box::new(|_| true)),
        ("?status=pending", Box::new(completed(false))),
        ("?status=Pending", Box::new(completed(false))),
        ("?status=completed", Box::new(completed(true))),
        ("?status=COMPLETED", Box::new(completed(true))),
        ("?completed=true", Box::new(completed(true))),
        ("?completed=True", Box::new(completed(true))),
        ("?completed=false", Box::new(completed(false))),
        ("?completed=FALSE", Box::new(completed(false))),
        ("?status=completed&completed=true", Box::new(completed(true))),
        ("?status=all&completed=false", Box::new(completed(false))),
        ("?priority=low", Box::new(priority("low"))),
        ("?priority=MEDIUM", Box::new(priority("medium"))),
        ("?priority=High", Box::new(priority("high"))),
        ("?priority=high&status=pending", Box::new(|task| task["priority"] == "high" && task["completed"] == false)),
        ("?priority=low&completed=true", Box::new(|task| task["priority"] == "low" && task["completed"] == true)),
        // Midnight of 2026-11-21 is one of the due dates.
        ("?due_before=2026-11-21", Box::new(|task| due(task, |due| due < "2026-11-21"))),
        (
            "?dueBefore=2026-11-21T02:00:00.000001%2B02:00",
            Box::new(|task| due(task, |due| due < "2026-11-21T00:00:01")),
        ),
        ("?dueBefore=2026-11-21T02:00:00.000001+02:00", Box::new(|task| due(task, |due| due < "2026-11-21T00:00:01"))),
        ("?due_after=2026-11-21", Box::new(|task| due(task, |due| due > "2026-11-21T00:00:01"))),
        ("?dueAfter=2026-11-20T23:59:59.999998Z", Box::new(|task| due(task, |_| true))),
        ("?due_after=2026-11-20&due_before=2026-12-31", Box::new(|task| due(task, |due| due < "2026-12"))),
        ("?search=ALPHA", Box::new(|task| task["title"] == "alpha" || task["title"] == "ALPHA")),
        (
            "?q=am+g&status=pending",
            Box::new(|task| task["completed"] == false && task["title"].as_str().unwrap().len() > 5),
        ),
        ("?search=2", Box::new(|task| task["title"] == "Gamma 2")),
        ("?search=", Box::new(|_| true)),
        ("?search=%20%09", Box::new(|_| true)),
        // The last of duplicate parameters counts.
        ("?status=pending&status=completed", Box::new(completed(true))),
        ("?status=nonsense&status=pending", Box::new(completed(false))),
        ("?priority=low&priority=high", Box::new(priority("high"))),
        // However it is encoded.
        ("?%73tatus=%70ending", Box::new(completed(false))),
        ("?status=pending&", Box::new(completed(false))),
        ("?&&status=pending", Box::new(completed(false))),
        // Unknown parameters are ignored.
        ("?Status=pending", Box::new(|_| true)),
        ("?statuses=x&pages=2&colour=5&_=123&flag&=x&%ff=%ff", Box::new(|_| true)),
    ];
    for (query, is_expected) in cases {
        let expected: Vec<&Value> = tasks.iter().filter(|task| is_expected(task)).collect();
        assert!(!expected.is_empty());
        assert_eq!(list(&ada, query).await.ids(), TaskId::from_tasks(expected), "{query}");
    }
}

#[tokio::test]
async fn invalid_parameters_are_rejected() {
    let ada = api().new_user().await;
    for (query, pointers) in [
        ("status=done", &["/status"][..]),
        ("status=true", &["/status"]),
        ("status=pending,completed", &["/status"]),
        ("status=%00", &["/status"]),
        ("status=%ff", &["/status"]),
        ("completed=1", &["/completed"]),
        ("completed=yes", &["/completed"]),
        ("priority=urgent", &["/priority"]),
        ("priority=high+", &["/priority"]),
        ("priority=none", &["/priority"]),
        ("search=a%00b", &["/search"]),
        ("due_before=tomorrow", &["/due_before"]),
        ("overdue=now", &["/overdue"]),
        ("sort=id", &["/sort"]),
        ("sort=user_id", &["/sort"]),
        ("sort=-created", &["/sort"]),
        ("sort=created,title", &["/sort"]),
        ("sort=created%20desc", &["/sort"]),
        ("sort_by=color", &["/sort"]),
        ("order=up", &["/order"]),
        ("order=ascending", &["/order"]),
        ("sort_order=1", &["/order"]),
        ("limit=0", &["/limit"]),
        ("limit=-1", &["/limit"]),
        ("limit=1001", &["/limit"]),
        ("limit=abc", &["/limit"]),
        ("limit=1.5", &["/limit"]),
        ("limit=1e2", &["/limit"]),
        ("limit=%201", &["/limit"]),
        ("limit=99999999999999999999", &["/limit"]),
        ("limit=5&limit=0", &["/limit"]),
        ("offset=-1", &["/offset"]),
        ("offset=abc", &["/offset"]),
        ("offset=99999999999999999999", &["/offset"]),
        ("status=pending&completed=true", &["/completed"]),
        ("status=completed&completed=false", &["/completed"]),
        (
            "status=x&completed=x&priority=x&sort=x&order=x&limit=x&offset=x",
            &["/status", "/completed", "/priority", "/sort", "/order", "/limit", "/offset"],
        ),
    ] {
        for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
            ada.get(&format!("{path}?{query}")).await.expect_invalid_at(pointers);
        }
    }
}

/// The sort key of a task. Tasks without one come last in both orders.
fn key(sort: &str, task: &Value) -> Option<String> {
    let text = |name: &str| task[name].as_str().map(str::to_owned);
    match sort {
        "created" => text("created_at"),
        "updated" => text("updated_at"),
        "due_date" => text("due_date"),
        "title" => text("title").map(|title| title.to_lowercase()),
        "priority" => {
            let urgency = ["low", "medium", "high"].iter().position(|priority| task["priority"] == *priority);
            urgency.map(|urgency| urgency.to_string())
        }
        _ => panic!("{sort}"),
    }
}

fn sorted(tasks: &[Value], sort: &str, order: &str) -> Vec<TaskId> {
    let mut tasks: Vec<&Value> = tasks.iter().collect();
    let in_order = |ordering: Ordering| if order == "desc" { ordering.reverse() } else { ordering };
    tasks.sort_by(|one, other| {
        let by_key = match (key(sort, one), key(sort, other)) {
            (Some(one), Some(other)) => in_order(one.cmp(&other)),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        by_key.then(in_order(TaskId::from_task(one).cmp(&TaskId::from_task(other))))
    });
    TaskId::from_tasks(tasks)
}

const SORTS: [(&str, &str, &[&str]); 5] = [
    ("created", "desc", &["created", "created_at", "createdAt", "CREATED"]),
    ("updated", "desc", &["updated", "updated_at", "updatedAt", "Updated_At"]),
    ("due_date", "asc", &["due_date", "dueDate", "DUE_DATE"]),
    ("title", "asc", &["title", "Title"]),
    ("priority", "desc", &["priority", "PRIORITY"]),
];

#[tokio::test]
async fn overdue_tasks_are_pending_and_past_due() {
    let ada = api().new_user().await;
    let values = "kind, due_date, completed from (values
        ('past', timestamptz '2000-01-01', false), ('done', '2000-01-01', true), ('ahead', '9000-01-01', false),
        ('never', null, false)) tasks (kind, due_date, completed)";
    database::insert_tasks(&ada, "title, due_date, completed", values).await;
    for (query, titles) in [
        ("?overdue=true", &["past"][..]),
        ("?overdue=TRUE&status=pending", &["past"]),
        ("?overdue=true&status=completed", &[]),
        ("?overdue=false", &["ahead", "done", "never"]),
        ("?overdue=false&status=pending", &["ahead", "never"]),
        ("?overdue=true&due_before=1999-12-31", &[]),
    ] {
        let response = list(&ada, &format!("{query}&sort=title")).await;
        let found: Vec<&str> = response.tasks().iter().map(|task| task["title"].as_str().unwrap()).collect();
        assert_eq!(found, titles, "{query}");
    }
}

#[tokio::test]
async fn search_matches_all_words_literally() {
    let ada = api().new_user().await;
    for (title, description) in [
        ("100% wool", json!(null)),
        ("snake_case", json!("C:\\dir \"quoted\" {1,2}")),
        ("Zoë's Übung", json!("Bring milk\nand bread")),
        ("Milk", json!("")),
    ] {
        ada.create(json!({"title": title, "description": description})).await;
    }
    for (query, titles) in [
        ("%25", &["100% wool"][..]),
        ("100%25+WOOL", &["100% wool"]),
        ("0%25w", &[]),
        ("_", &["snake_case"]),
        ("%5C", &["snake_case"]),
        ("C:%5Cdir", &["snake_case"]),
        ("%22quoted%22", &["snake_case"]),
        ("%7B1,2%7D", &["snake_case"]),
        ("milk", &["Milk", "Zoë's Übung"]),
        ("bread+milk", &["Zoë's Übung"]),
        ("milk+zoë%27s", &["Zoë's Übung"]),
        ("milk+wool", &[]),
        ("null", &[]),
        (&"x".repeat(200), &[]),
    ] {
        let response = list(&ada, &format!("?sort=title&search={}", query.replace('ë', "%C3%AB"))).await;
        let found: Vec<&str> = response.tasks().iter().map(|task| task["title"].as_str().unwrap()).collect();
        assert_eq!(found, titles, "{query}");
    }
    ada.get(&format!("/api/tasks?q={}", "x".repeat(201))).await.expect_invalid_at(&["/search"]);
    let grace = api().new_user().await;
    assert_eq!(list(&grace, "?search=milk").await.json, json!([]));
}

#[tokio::test]
async fn every_spelling_of_an_order_sorts_alike() {
    let (ada, tasks) = user_with_30_tasks().await;
    for (sort, usual_order, spellings) in SORTS {
        for (order, order_spellings) in [("asc", ["asc", "ASC"]), ("desc", ["desc", "Desc"])] {
            let expected = sorted(&tasks, sort, order);
            for spelling in spellings {
                for name in ["sort", "sort_by", "sortBy"] {
                    assert_eq!(list(&ada, &format!("?{name}={spelling}&order={order}")).await.ids(), expected);
                }
            }
            for spelling in order_spellings {
                for name in ["order", "sort_order", "sortOrder"] {
                    let query = format!("?{name}={spelling}&sort={sort}");
                    assert_eq!(list(&ada, &query).await.ids(), expected, "{query}");
                }
            }
        }
        assert_eq!(list(&ada, &format!("?sort={sort}")).await.ids(), sorted(&tasks, sort, usual_order), "{sort}");
    }
    assert_eq!(list(&ada, "?order=asc").await.ids(), sorted(&tasks, "created", "asc"));
    assert_eq!(list(&ada, "?sort=title&sort_by=priority").await.ids(), sorted(&tasks, "priority", "desc"));
    assert_eq!(list(&ada, "?sort_by=priority&sort=title").await.ids(), sorted(&tasks, "title", "asc"));
}

#[tokio::test]
async fn null_values_come_last_in_both_orders() {
    let (ada, _) = user_with_30_tasks().await;
    for name in ["due_date", "priority"] {
        for order in ["asc", "desc"] {
            let response = list(&ada, &format!("?sort={name}&order={order}")).await;
            let is_null: Vec<bool> = response.tasks().iter().map(|task| task[name].is_null()).collect();
            assert!(is_null.is_sorted() && is_null.contains(&true) && is_null.contains(&false), "{name} {order}");
        }
    }
    let response = list(&ada, "?sort=priority").await;
    let mut priorities: Vec<&Value> = response.tasks().iter().map(|task| &task["priority"]).collect();
    priorities.dedup();
    assert_eq!(priorities, [&json!("high"), &json!("medium"), &json!("low"), &json!(null)]);
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_tasks() {
    let ada = api().new_user().await;
    // Some without a due date, so that pages end within both parts, between them, and have some of both.
    let values = "'same', 'low', case when n % 3 > 0 then timestamptz '2026-11-21' end, '2026-01-01', '2026-01-01'
        from generate_series(1, 25) as n";
    database::insert_tasks(&ada, "title, priority, due_date, created_at, updated_at", values).await;
    for (sort, _, _) in SORTS {
        for order in ["asc", "desc"] {
            let whole = list(&ada, &format!("?sort={sort}&order={order}")).await.ids();
            assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 25);
            for limit in [1, 4, 24, 25, 26] {
                let mut pages = Vec::new();
                for offset in (0..25).step_by(limit) {
                    let query = format!("?sort={sort}&order={order}&limit={limit}&offset={offset}");
                    let page = list(&ada, &query).await.ids();
                    assert_eq!(page.len(), limit.min(25 - offset), "{query}");
                    pages.extend(page);
                }
                assert_eq!(pages, whole, "{sort} {order} {limit}");
            }
        }
    }
}

#[tokio::test]
async fn page_beyond_the_end_is_empty() {
    let (ada, _) = user_with_30_tasks().await;
    for query in ["?offset=30", "?offset=4294967295", "?limit=1000&offset=31", "?status=completed&offset=10"] {
        assert_eq!(list(&ada, query).await.json, json!([]), "{query}");
    }
    assert_eq!(list(&ada, "?offset=29").await.ids().len(), 1);
    assert_eq!(list(&ada, "?limit=1000").await.ids().len(), 30);
    // The limit applies after the filter.
    assert_eq!(list(&ada, "?status=completed&limit=4&offset=8").await.ids().len(), 2);
}

#[tokio::test]
async fn page_has_at_most_1000_tasks() {
    let ada = api().new_user().await;
    database::insert_tasks(&ada, "title", "n::text from generate_series(1, 1001) n").await;
    let first = list(&ada, "").await.ids();
    assert_eq!(first.len(), 1000);
    assert_eq!(list(&ada, "?limit=1000").await.ids(), first);
    let last = list(&ada, "?offset=1000").await.ids();
    assert_eq!(last.len(), 1);
    assert!(!first.contains(&last[0]));
}

#[tokio::test]
async fn list_can_be_an_object_with_counts() {
    let api = api_with(&[("TASK_LIST_SHAPE", "object")]);
    let ada = api.new_user().await;
    database::insert_tasks(&ada, "title, completed", "n::text, n % 3 = 0 from generate_series(1, 9) n").await;
    for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
        for (query, total, count) in [
            ("", 9, 9),
            ("?limit=4", 9, 4),
            ("?limit=4&offset=8", 9, 1),
            ("?offset=9", 9, 0),
            ("?offset=4000000000", 9, 0),
            ("?status=completed", 3, 3),
            ("?status=completed&limit=1&offset=1", 3, 1),
            ("?priority=high", 0, 0),
        ] {
            let response = ada.get(&format!("{path}{query}")).await.expect_status(200);
            assert_eq!((&response["total"], &response["count"]), (&json!(total), &json!(count)), "{query}");
            assert_eq!(response.ids().len(), count, "{query}");
        }
    }
    let response = ada.get("/api/tasks?sort=title&order=desc&limit=2").await;
    assert_eq!(response.tasks().iter().map(|task| &task["title"]).collect::<Vec<_>>(), [&json!("9"), &json!("8")]);
    let nobody = api.new_user().await;
    assert_eq!(nobody.get("/api/tasks").await.json, json!({"tasks": [], "total": 0, "count": 0, "next_cursor": null}));
    nobody.get("/api/tasks?limit=0").await.expect_invalid_at(&["/limit"]);
}
