//! Databases of other back ends: their tables and rows, and the statements that those back ends continue to send.

/// One layout. Its tables are in the SQL file of its name.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The name, by which the environment variable `LAYOUT` chooses it.
    pub name: &'static str,
    /// Creates the tables of users and of tasks.
    pub tables: &'static str,
    /// Inserts twenty users. The first is [`Layout::user`].
    pub users: &'static str,
    /// Inserts three thousand tasks of those users, with every extreme value that the layout allows.
    pub tasks: &'static str,
    /// The id of the first user.
    pub user: &'static str,
    /// The table of users, quoted for SQL.
    pub user_table: &'static str,
    /// Inserts another user. `$1` is the id as text.
    pub new_user: &'static str,
    /// Whether the keys of users are UUIDs; otherwise they are text.
    pub has_uuid_users: bool,
    /// The maximum number of characters of the column `title`.
    pub longest_title: usize,
    /// An insert as SQLAlchemy and asyncpg send it. `$1` is the user, `$2` the title, `$3` the time, and `$4` the id
    /// where the back end generates it.
    pub insert: &'static str,
    /// An update. `$1` is the id, `$2` the title, `$3` the time.
    pub update: &'static str,
    /// A list of the tasks of a user: `$1` is the user.
    pub select: &'static str,
    /// A delete: `$1` is the id.
    pub delete: &'static str,
    /// Whether the back end generates the ids.
    pub makes_ids: bool,
}

/// The id of the first user where ids are UUIDs.
const FIRST_UUID: &str = "00000000-0000-4000-8000-000000000001";

/// All layouts.
pub const LAYOUTS: [Layout; 5] = [
    Layout {
        name: "integer_ids_of_uuid_users",
        tables: include_str!("../../../tests/layouts/integer_ids_of_uuid_users.sql"),
        users: "insert into users (id, email)
            select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com'
            from generate_series(1, 20) as n",
        tasks: "insert into tasks (title, description, completed, due_date, created_at, updated_at, user_id)
            select
                case n % 50 when 0 then repeat('ä', 200) else 'Task ' || n end,
                case n % 4 when 0 then null when 1 then repeat('ö', 1000) else 'Words' end,
                case n % 3 when 0 then null when 1 then true else false end,
                case n % 5 when 0 then timestamp '2026-01-01' + n * interval '1 hour' end,
                timestamp '2025-01-01' + n * interval '1 minute',
                timestamp '2025-01-01' + n * interval '2 minutes',
                ('00000000-0000-4000-8000-' || lpad((n % 20 + 1)::text, 12, '0'))::uuid
            from generate_series(1, 3000) as n",
        user: FIRST_UUID,
        user_table: "users",
        new_user: "insert into users (id, email) values ($1::text::uuid, $1 || '@example.com')",
        has_uuid_users: true,
        longest_title: 200,
        insert: "INSERT INTO tasks (title, description, completed, due_date, created_at, updated_at, user_id)
            VALUES ($2::VARCHAR, NULL::VARCHAR, false::BOOLEAN, NULL::TIMESTAMP WITHOUT TIME ZONE,
                $3::TIMESTAMP WITHOUT TIME ZONE, $3::TIMESTAMP WITHOUT TIME ZONE, $1::UUID)
            RETURNING tasks.id",
        update: "UPDATE tasks SET title=$2::VARCHAR, updated_at=$3::TIMESTAMP WITHOUT TIME ZONE
            WHERE tasks.id = $1::INTEGER",
        select: "SELECT tasks.id, tasks.title, tasks.description, tasks.completed, tasks.due_date, tasks.created_at,
                tasks.updated_at, tasks.user_id
            FROM tasks WHERE tasks.user_id = $1::UUID ORDER BY tasks.created_at DESC",
        delete: "DELETE FROM tasks WHERE tasks.id = $1::INTEGER",
        makes_ids: false,
    },
    Layout {
        name: "own_users_with_passwords",
        tables: include_str!("../../../tests/layouts/own_users_with_passwords.sql"),
        users: "insert into users (id, email, password_hash)
            select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', '$2b$12$'
            from generate_series(1, 20) as n",
        tasks: "insert into tasks (title, description, completed, created_at, updated_at, user_id)
            select
                case n % 50 when 0 then repeat('ä', 255) else 'Task ' || n end,
                case n % 4 when 0 then null when 1 then repeat('ö', 5000) else 'Words' end,
                n % 3 = 0,
                case n % 7 when 0 then null else timestamptz '2025-01-01 00:00Z' + n * interval '1 minute' end,
                case n % 11 when 0 then null else timestamptz '2025-01-01 00:00Z' + n * interval '2 minutes' end,
                ('00000000-0000-4000-8000-' || lpad((n % 20 + 1)::text, 12, '0'))::uuid
            from generate_series(1, 3000) as n",
        user: FIRST_UUID,
        user_table: "users",
        new_user: "insert into users (id, email, password_hash) values ($1::text::uuid, $1 || '@example.com', '$2b$12$')",
        has_uuid_users: true,
        longest_title: 255,
        insert: "INSERT INTO tasks (title, description, completed, user_id, created_at, updated_at)
            VALUES ($2::VARCHAR, NULL::VARCHAR, false::BOOLEAN, $1::UUID, $3::TIMESTAMP WITH TIME ZONE,
                $3::TIMESTAMP WITH TIME ZONE)
            RETURNING tasks.id",
        update: "UPDATE tasks SET title=$2::VARCHAR, updated_at=$3::TIMESTAMP WITH TIME ZONE
            WHERE tasks.id = $1::INTEGER",
        select: "SELECT tasks.title, tasks.description, tasks.completed, tasks.id, tasks.user_id, tasks.created_at,
                tasks.updated_at
            FROM tasks WHERE tasks.user_id = $1::UUID",
        delete: "DELETE FROM tasks WHERE tasks.id = $1::INTEGER",
        makes_ids: false,
    },
    Layout {
        name: "alembic_beside_better_auth",
        tables: include_str!("../../../tests/layouts/alembic_beside_better_auth.sql"),
        users: r#"insert into "user" (id, email) select 'user-' || n, n || '@example.com' from generate_series(1, 20) as n"#,
        tasks: "insert into tasks (title, description, completed, created_at, updated_at, user_id)
            select
                case n % 50 when 0 then repeat('ä', 200) else 'Task ' || n end,
                case n % 4 when 0 then null when 1 then repeat('ö', 5000) else 'Words' end,
                case n % 3 when 0 then null when 1 then true else false end,
                case n % 7 when 0 then null else timestamp '2025-01-01' + n * interval '1 minute' end,
                case n % 11 when 0 then null else timestamp '2025-01-01' + n * interval '2 minutes' end,
                'user-' || (n % 20 + 1)
            from generate_series(1, 3000) as n",
        user: "user-1",
        user_table: "\"user\"",
        new_user: r#"insert into "user" (id, email) values ($1::text, $1 || '@example.com')"#,
        has_uuid_users: false,
        longest_title: 200,
        insert: "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
            VALUES ($1::VARCHAR, $2::VARCHAR, NULL::VARCHAR, false::BOOLEAN, $3::TIMESTAMP WITHOUT TIME ZONE,
                $3::TIMESTAMP WITHOUT TIME ZONE)
            RETURNING tasks.id",
        update: "UPDATE tasks SET title=$2::VARCHAR, updated_at=$3::TIMESTAMP WITHOUT TIME ZONE
            WHERE tasks.id = $1::INTEGER",
        select: "SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed, tasks.created_at,
                tasks.updated_at
            FROM tasks WHERE tasks.user_id = $1::VARCHAR ORDER BY tasks.created_at DESC",
        delete: "DELETE FROM tasks WHERE tasks.id = $1::INTEGER",
        makes_ids: false,
    },
    Layout {
        name: "sqlmodel_with_asyncpg",
        tables: include_str!("../../../tests/layouts/sqlmodel_with_asyncpg.sql"),
        users: "insert into users (id, email) select 'user-' || n, n || '@example.com' from generate_series(1, 20) as n",
        tasks: "insert into tasks (title, description, completed, created_at, updated_at, user_id)
            select
                case n % 50 when 0 then repeat('ä', 200) else 'Task ' || n end,
                case n % 4 when 0 then null when 1 then repeat('ö', 1000) else 'Words' end,
                n % 3 = 0,
                case n % 7 when 0 then null else timestamp '2025-01-01' + n * interval '1 minute' end,
                case n % 11 when 0 then null else timestamp '2025-01-01' + n * interval '2 minutes' end,
                'user-' || (n % 20 + 1)
            from generate_series(1, 3000) as n",
        user: "user-1",
        user_table: "users",
        new_user: "insert into users (id, email) values ($1::text, $1 || '@example.com')",
        has_uuid_users: false,
        longest_title: 200,
        insert: "INSERT INTO tasks (user_id, title, description, completed, updated_at)
            VALUES ($1::VARCHAR, $2::VARCHAR, NULL::VARCHAR, false::BOOLEAN, $3::TIMESTAMP WITHOUT TIME ZONE)
            RETURNING tasks.id, tasks.created_at",
        update: "UPDATE tasks SET title=$2::VARCHAR, updated_at=$3::TIMESTAMP WITHOUT TIME ZONE
            WHERE tasks.id = $1::INTEGER",
        select: "SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed, tasks.created_at,
                tasks.updated_at
            FROM tasks WHERE tasks.user_id = $1::VARCHAR",
        delete: "DELETE FROM tasks WHERE tasks.id = $1::INTEGER",
        makes_ids: false,
    },
    Layout {
        name: "text_ids",
        tables: include_str!("../../../tests/layouts/text_ids.sql"),
        users: "insert into users (id, email, name)
            select 'user-' || n, n || '@example.com', 'Name' from generate_series(1, 20) as n",
        tasks: "insert into tasks
                (id, title, description, completed, priority, due_date, created_at, updated_at, user_id)
            select
                'task-' || n,
                case n % 50 when 0 then repeat('ä', 200) else 'Task ' || n end,
                case n % 4 when 0 then null when 1 then repeat('ö', 5000) else 'Words' end,
                n % 3 = 0,
                (array['low', 'medium', 'high'])[n % 4],
                case n % 5 when 0 then timestamp '2026-01-01' + n * interval '1 hour' end,
                timestamp '2025-01-01' + n * interval '1 minute',
                timestamp '2025-01-01' + n * interval '2 minutes',
                'user-' || (n % 20 + 1)
            from generate_series(1, 3000) as n",
        user: "user-1",
        user_table: "users",
        new_user: "insert into users (id, email, name) values ($1::text, $1 || '@example.com', 'Name')",
        has_uuid_users: false,
        longest_title: 200,
        insert:
            "INSERT INTO tasks (id, user_id, title, description, completed, priority, due_date, created_at, updated_at)
            VALUES ($4::VARCHAR, $1::VARCHAR, $2::VARCHAR, NULL::VARCHAR, false::BOOLEAN, 'low'::VARCHAR,
                NULL::TIMESTAMP WITHOUT TIME ZONE, $3::TIMESTAMP WITHOUT TIME ZONE, $3::TIMESTAMP WITHOUT TIME ZONE)
            RETURNING tasks.id",
        update: "UPDATE tasks SET title=$2::VARCHAR, updated_at=$3::TIMESTAMP WITHOUT TIME ZONE
            WHERE tasks.id = $1::VARCHAR",
        select: "SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed, tasks.priority,
                tasks.due_date, tasks.created_at, tasks.updated_at
            FROM tasks WHERE tasks.id IS NOT NULL AND tasks.user_id = $1::VARCHAR",
        delete: "DELETE FROM tasks WHERE tasks.id = $1::VARCHAR",
        makes_ids: true,
    },
];
