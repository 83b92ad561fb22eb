//! A database for one test, and queries that describe it.

use std::time::Duration;

use dev::testing::function::{Function, event};
use dev::testing::new_database;
use dev::tokens::mint;
use migrations::{Choice, Difference, MigrateError, Options, Plan, Report, Verification};
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use dev::testing::database::Layout;

/// Creates the table of users of Better Auth, as far as a foreign key needs it.
pub(crate) const USER_TABLE: &str = r#"create table "user" (id text primary key)"#;

/// The names of all migrations.
pub(crate) const MIGRATIONS: [&str; 28] = [
    "tasks",
    "task indexes",
    "task changes",
    "safe repeats",
    "task changes for all layouts",
    "index for updated order",
    "index for due date descending",
    "index for title order",
    "index for priority ascending",
    "index for priority descending",
    "index for pending",
    "task fences",
    "tasks api schema",
    "due date kinds",
    "index for completed",
    "half the indexes",
    "cheaper change trigger",
    "one index for due dates",
    "task changes feed",
    "index for changes",
    "idempotency keys",
    "task fields",
    "next dates",
    "task tags",
    "recurring tasks",
    "sign in",
    "extra members",
    "account deletion",
];

pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Database {
    /// A new database in which `sql` has been run.
    pub(crate) async fn with_sql(sql: &str) -> Self {
        let url = new_database().await;
        let database = Self { client: connect(&url).await, url };
        database.run(sql).await;
        database
    }

    /// A new database with the tables of another back end.
    pub(crate) async fn with_layout(layout: &Layout) -> Self {
        Self::with_sql(layout.tables).await
    }

    /// A new database with the tables of another back end and their rows.
    pub(crate) async fn with_rows(layout: &Layout) -> Self {
        let database = Self::with_layout(layout).await;
        database.run(layout.users).await;
        database.run(layout.tasks).await;
        database
    }

    /// A new, migrated database with one task: number 1, of the user `ann`.
    pub(crate) async fn with_a_task() -> Self {
        let database = Self::with_sql(USER_TABLE).await;
        database.up().await.expect("a fresh database");
        database
            .run(
                "insert into \"user\" values ('ann');
                insert into tasks (user_id, title) values ('ann', 'Buy milk')",
            )
            .await;
        database
    }

    pub(crate) async fn up(&self) -> Result<Report, MigrateError> {
        migrations::up(&self.url, &Options::default()).await
    }

    pub(crate) async fn up_with(&self, auth_user_table: &str) -> Result<Report, MigrateError> {
        migrations::up(&self.url, &Options { auth_user_table: Some(auth_user_table.to_owned()), ..Options::default() })
            .await
    }

    pub(crate) async fn down(&self) -> Result<Report, MigrateError> {
        migrations::down(&self.url).await
    }

    /// Reverts migrations until the one with this name is the newest.
    pub(crate) async fn down_to(&self, name: &str) {
        let later = MIGRATIONS.iter().rev().take_while(|later| **later != name);
        for later in later {
            self.down().await.unwrap_or_else(|error| unreachable!("{later}: {error}"));
        }
    }

    /// [`Database::up`] that waits at most two seconds for a lock.
    pub(crate) async fn up_with_short_timeout(&self) -> Result<Report, MigrateError> {
        migrations::up_with_lock_timeout(&self.url, &Options::default(), Duration::from_secs(2)).await
    }

    pub(crate) async fn verify(&self) -> Verification {
        migrations::verify(&self.url, &Options::default()).await.expect("a database that can be read")
    }

    /// The notes of `verify` and the descriptions of its differences, with this `TASK_EXTRA_FIELDS`.
    pub(crate) async fn verify_extra_fields(&self, setting: &str) -> (Vec<String>, Vec<String>) {
        let options = Options { task_extra_fields: Some(setting.to_owned()), ..Options::default() };
        let Verification { notes, differences } =
            migrations::verify(&self.url, &options).await.expect("a database that can be read");
        (notes, differences.iter().map(|difference| difference.description().to_owned()).collect())
    }

    pub(crate) async fn plan(&self) -> Plan {
        migrations::plan(&self.url, &Options::default()).await.expect("a database that can be read")
    }

    /// Runs the statements of the plan.
    pub(crate) async fn run_plan(&self) {
        for statement in self.plan().await.changes.iter().flat_map(|change| &change.statements) {
            self.run(statement).await;
        }
    }

    /// The descriptions of the differences that [`Database::verify`] finds.
    pub(crate) async fn differences(&self) -> Vec<String> {
        self.verify().await.differences.iter().map(|difference| difference.description().to_owned()).collect()
    }

    /// The differences for which `up` refuses to run.
    pub(crate) async fn refusal(&self) -> Vec<Difference> {
        match self.up().await {
            Err(MigrateError::CannotAdopt { differences, .. } | MigrateError::TasksElsewhere { differences }) => {
                differences
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// Runs the SQL that `up` offers: the choice whose condition contains `condition`, of the difference whose description
    /// contains `description`.
    pub(crate) async fn choose(&self, description: &str, condition: &str) {
        let differences = self.refusal().await;
        self.run(sql_of_choice(&differences, description, condition)).await;
    }

    /// Runs the SQL that the difference names as its fix, or the first of its choices.
    pub(crate) async fn apply_fix(&self, difference: &Difference) {
        let fix = difference.fix();
        if let Some(sql) = difference.choices().iter().find_map(Choice::sql) {
            self.run(sql).await;
        } else if fix.contains("concurrently") {
            for statement in fix.lines() {
                self.run(statement).await;
            }
        } else {
            self.run(&fix).await;
        }
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| unreachable!("{sql}: {error:?}"));
    }

    /// The name of the constraint that a statement violates.
    pub(crate) async fn violated_constraint(&self, sql: &str) -> String {
        let error = self.client.batch_execute(sql).await.expect_err(sql);
        let constraint = error.as_db_error().and_then(|error| error.constraint());
        constraint.unwrap_or_else(|| unreachable!("{sql}: {error:?}")).to_owned()
    }

    /// The rows of a query, their columns separated by ` | `.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let messages = self.client.simple_query(sql).await.unwrap_or_else(|error| unreachable!("{sql}: {error:?}"));
        messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .map(|row| (0..row.len()).map(|column| row.get(column).unwrap_or("null")).collect::<Vec<_>>().join(" | "))
            .collect()
    }

    /// The last row of a query.
    pub(crate) async fn row(&self, sql: &str) -> String {
        self.rows(sql).await.pop().expect("a row")
    }

    /// All relations, columns, constraints, indexes, triggers and functions of the schema `public`, and of the tables for
    /// the functions in `tasks_api`, one line each.
    pub(crate) async fn catalog(&self) -> Vec<String> {
        self.rows(
            "with relation as (
                select oid, relname
                from pg_class
                where relnamespace = 'public'::regnamespace
                    or relnamespace = to_regnamespace('tasks_api')
                    and relname in (
                        'task_tombstones', 'sync_epoch', 'idempotency_keys', 'task_tags',
                        'sign_in_buckets', 'revoked_tokens', 'token_versions', 'reset_codes'
                    )
            )
            select 'relation', relname, relkind::text
                from relation
                join pg_class using (oid, relname)
            union all
            select 'column', relname || '.' || attname, concat_ws(' ',
                    format_type(atttypid, atttypmod),
                    case when attnotnull then 'not null' end,
                    nullif(attidentity, ''),
                    pg_get_expr(adbin, adrelid))
                from relation
                join pg_attribute on attrelid = relation.oid
                left join pg_attrdef on adrelid = attrelid and adnum = attnum
                where attnum > 0 and not attisdropped
            union all
            select 'constraint', conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid)
                from pg_constraint
                where conrelid in (select oid from relation)
            union all
            select 'index', relname, pg_get_indexdef(indexrelid)
                from pg_index
                join pg_class on pg_class.oid = indexrelid
                where indrelid in (select oid from relation)
            union all
            select 'trigger', tgname, pg_get_triggerdef(pg_trigger.oid)
                from relation
                join pg_trigger on tgrelid = relation.oid
                where not tgisinternal
            union all
            select 'function', proname, pg_get_functiondef(oid)
                from pg_proc
                where pronamespace in ('public'::regnamespace, to_regnamespace('tasks_api'))
            order by 1, 2, 3",
        )
        .await
    }

    pub(crate) async fn type_of_user_id(&self) -> String {
        self.row(
            "select format_type(atttypid, atttypmod)
            from pg_attribute
            where attrelid = 'tasks'::regclass and attname = 'user_id'",
        )
        .await
    }

    pub(crate) async fn foreign_keys(&self) -> Vec<String> {
        self.rows(
            "select conname, pg_get_constraintdef(oid)
            from pg_constraint
            where conrelid = 'tasks'::regclass and contype = 'f'",
        )
        .await
    }
}

/// The SQL of the choice whose condition contains `condition`, of the difference whose description contains `description`.
pub(crate) fn sql_of_choice<'a>(differences: &'a [Difference], description: &str, condition: &str) -> &'a str {
    let difference = differences.iter().find(|difference| difference.description().contains(description));
    let choices = difference.map(Difference::choices).unwrap_or_default();
    let choice = choices.iter().find(|choice| choice.condition().contains(condition));
    choice.and_then(Choice::sql).unwrap_or_else(|| unreachable!("no {description}, {condition}: {differences:#?}"))
}

/// The tasks of a user as the function `list-tasks` responds with them. `query` starts with `?` or is empty.
pub(crate) async fn listed(database: &Database, user: &str, query: &str) -> Vec<Value> {
    const SECRET: &str = "the secret of a test, which is long enough";
    let variables = [("DATABASE_URL", database.url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    let mut function = Function::start_built("list-tasks", &variables).await;
    let mut event = event("GET", &format!("/api/tasks{query}"));
    event["headers"]["authorization"] = format!("Bearer {}", mint(SECRET, user)).into();
    let response = function.invoke(&event).await.unwrap_or_else(|error| unreachable!("{error}: {}", function.output()));
    response.json.as_array().unwrap_or_else(|| unreachable!("{response:?}")).clone()
}

pub(crate) async fn connect(url: &str) -> Client {
    dev::services::database::connect(url).await.expect("a running server")
}

pub(crate) fn migration_names(report: &Report) -> Vec<&str> {
    report.migrations.iter().map(|migration| migration.name.as_str()).collect()
}

/// The report of a run that had nothing to do.
pub(crate) fn no_changes() -> Report {
    Report::default()
}
