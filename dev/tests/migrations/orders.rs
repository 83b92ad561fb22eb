//! Every list reads its page from an index, one user's among many.

use crate::kit::Database;
use crate::layouts::LAYOUTS;

const RANK: &str = "case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end";

/// The plan of a page, as the functions ask for it.
async fn plan(database: &Database, completed: &str, order: &str) -> String {
    let sql = format!(
        "explain (costs off)
        select id, title, coalesce(completed, false)
        from tasks
        where user_id = 'user-1'
            and ({completed}::boolean is null or (completed is true) = {completed}::boolean)
            and (null::text is null or priority = null::text)
        order by {order}
        limit 50::bigint offset 0::bigint"
    );
    database.rows(&sql).await.join("\n")
}

#[tokio::test]
async fn each_order_has_its_index() {
    let database = Database::filled(&LAYOUTS[2]).await;
    database.up().await.expect("a table to adopt");
    database
        .run(
            "insert into tasks (user_id, title, completed, priority, due_date, created_at, updated_at)
            select
                'user-' || case n % 100 when 0 then 1 else n % 19 + 2 end,
                md5(n::text),
                case n / 100 % 10 when 0 then null when 1 then false else true end,
                (array['low', 'medium', 'high'])[n / 100 % 4],
                case n % 3 when 0 then now() + n * interval '1 minute' end,
                now() - n * interval '1 minute',
                now() - n * interval '7 minutes'
            from generate_series(1, 100000) as n;
            analyze tasks",
        )
        .await;
    for (completed, order, index) in [
        ("null", "created_at desc, id desc".to_owned(), "Index Scan using idx_tasks_user_newest"),
        ("null", "created_at asc, id asc".to_owned(), "Index Scan Backward using idx_tasks_user_newest"),
        ("null", "updated_at desc, id desc".to_owned(), "Index Scan using idx_tasks_user_updated"),
        ("null", "updated_at asc, id asc".to_owned(), "Index Scan Backward using idx_tasks_user_updated"),
        ("null", "due_date asc nulls last, id asc".to_owned(), "Index Scan using idx_tasks_user_due_date"),
        ("null", "due_date desc nulls last, id desc".to_owned(), "Index Scan using idx_tasks_user_due_date_desc"),
        ("null", "lower(title) asc, id asc".to_owned(), "Index Scan using idx_tasks_user_title"),
        ("null", "lower(title) desc, id desc".to_owned(), "Index Scan Backward using idx_tasks_user_title"),
        ("null", format!("{RANK} asc nulls last, id asc"), "Index Scan using idx_tasks_user_priority"),
        ("null", format!("{RANK} desc nulls last, id desc"), "Index Scan using idx_tasks_user_priority_desc"),
        ("'false'", "created_at desc, id desc".to_owned(), "Index Scan using idx_tasks_user_pending_newest"),
        ("'true'", "created_at desc, id desc".to_owned(), "Index Scan using idx_tasks_user_completed_newest"),
    ] {
        let plan = plan(&database, completed, &order).await;
        assert!(plan.contains(&format!("{index} on tasks")) && !plan.contains("Sort"), "{order}: {plan}");
    }
    let pending = "select count(*) from tasks where user_id = 'user-1' and (completed is true) = 'false'::boolean";
    assert_eq!(
        database.row(pending).await,
        database
            .row("select count(*) from tasks where user_id = 'user-1' and coalesce(completed, false) = false")
            .await
    );
}
