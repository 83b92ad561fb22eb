//! The requests that are measured, and the statements with which the baselines do the same.

/// One operation of the API.
#[derive(Debug)]
pub(super) struct Operation {
    /// The name of the function.
    pub(super) function: &'static str,
    pub(super) method: &'static str,
    /// The path, with `{id}` for the id of a task.
    pub(super) path: &'static str,
    /// The body of the request, with [`NUMBER`] for a number that no other request has.
    pub(super) body: &'static str,
    /// The status of the response.
    pub(super) status: u16,
    /// How many tasks the user has.
    pub(super) tasks: Tasks,
    /// The statement of the baselines, on [`PLAIN_TABLE`]. `$1` is the user and `$2` the task.
    pub(super) statement: &'static str,
    /// The most that its latency may be, compared with that of the floor.
    pub(super) goal: Option<f64>,
}

/// Stands for a number in [`Operation::body`].
pub(super) const NUMBER: &str = "{number}";

/// The table of the baselines: the columns and rows of `tasks`, with what the operations cannot do without. There is one
/// index, for the list, and no trigger.
pub(super) const PLAIN_TABLE: &str = r#"
    create table plain_tasks (like tasks including defaults including identity);
    alter table plain_tasks
        add primary key (id),
        add foreign key (user_id) references "user" (id) on delete cascade;
    create index on plain_tasks (user_id, created_at desc, id desc);
    insert into plain_tasks select * from tasks;
    select setval(pg_get_serial_sequence('plain_tasks', 'id'), (select max(id) from plain_tasks));"#;

/// Users with passwords of their own, beside those of Better Auth. The hash is that of `secret`.
pub(super) const PASSWORD_TABLE: &str = "
    create table users (
        id text primary key default gen_random_uuid()::text,
        email text not null unique,
        password_hash text not null
    );
    create unique index on users (lower(email));
    insert into users (email, password_hash)
    select 'known-' || number || '@example.com', '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'
    from generate_series(1, 200) as number";

/// How many tasks a user needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    /// This number.
    Some(usize),
    /// One for each request, because the request deletes it.
    OnePerRequest,
}

/// Creates a task.
pub(super) const CREATE_TASK: Operation = Operation {
    function: "create-task",
    method: "POST",
    path: "/api/tasks",
    body: r#"{"title": "Buy milk", "description": "Two litres", "priority": "high"}"#,
    status: 201,
    tasks: Tasks::Some(0),
    statement: "insert into plain_tasks (user_id, title, description, priority)
         values ($1, 'Buy milk', 'Two litres', 'high')
         returning id, title, description, completed, priority, due_date, created_at, updated_at",
    goal: Some(1.6),
};

/// The operations on tasks.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation {
        function: "list-tasks",
        method: "GET",
        path: "/api/tasks",
        body: "",
        status: 200,
        tasks: Tasks::Some(50),
        statement: "select id, title, description, completed, priority, due_date, created_at, updated_at
             from plain_tasks
             where user_id = $1
             order by created_at desc, id desc
             limit 100",
        goal: Some(1.8),
    },
    Operation {
        function: "get-task",
        method: "GET",
        path: "/api/tasks/{id}",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: "select id, title, description, completed, priority, due_date, created_at, updated_at
             from plain_tasks
             where user_id = $1 and id = $2",
        goal: Some(1.2),
    },
    CREATE_TASK,
    Operation {
        function: "update-task",
        method: "PATCH",
        path: "/api/tasks/{id}",
        body: r#"{"title": "Buy bread {number}"}"#,
        status: 200,
        tasks: Tasks::Some(1),
        statement: "update plain_tasks
             set title = 'Buy bread ' || version, version = version + 1, updated_at = now()
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
        goal: Some(1.6),
    },
    Operation {
        function: "complete-task",
        method: "PATCH",
        path: "/api/tasks/{id}/complete",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: "update plain_tasks
             set completed = not completed, version = version + 1, updated_at = now()
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
        goal: Some(1.6),
    },
    Operation {
        function: "delete-task",
        method: "DELETE",
        path: "/api/tasks/{id}",
        body: "",
        status: 204,
        tasks: Tasks::OnePerRequest,
        statement: "delete from plain_tasks
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
        goal: Some(1.2),
    },
];

/// The operation that needs no database.
pub(super) const HEALTH: Operation = Operation {
    function: "health",
    method: "GET",
    path: "/health",
    body: "",
    status: 200,
    tasks: Tasks::Some(0),
    statement: "",
    goal: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_a_route() {
        for operation in OPERATIONS.iter().chain([&HEALTH]) {
            let key = (operation.function, operation.method, operation.path);
            let is_route = shared::routes::ROUTES.iter().any(|route| (route.function, route.method, route.path) == key);
            assert!(is_route, "{key:?}");
        }
    }
}
