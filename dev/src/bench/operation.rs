//! The requests that are measured, and the statements with which the bare function does the same.

/// One operation of the API.
#[derive(Debug)]
pub(super) struct Operation {
    /// The name of the function.
    pub(super) function: &'static str,
    pub(super) method: &'static str,
    /// The path, with `{id}` for the id of a task.
    pub(super) path: &'static str,
    /// The body of the request.
    pub(super) body: &'static str,
    /// The status of the response.
    pub(super) status: u16,
    /// How many tasks the user has.
    pub(super) tasks: Tasks,
    /// The statement of the bare function. `$1` is the user and `$2` the task.
    pub(super) statement: &'static str,
}

/// How many tasks a user needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    /// This number.
    Some(usize),
    /// One for each request, because the request deletes it.
    OnePerRequest,
}

/// The operations on tasks.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation {
        function: "list-tasks",
        method: "GET",
        path: "/api/tasks",
        body: "",
        status: 200,
        tasks: Tasks::Some(20),
        statement: "select id, title, description, completed, priority, due_date, created_at, updated_at
             from tasks
             where user_id = $1
             order by created_at desc, id desc
             limit 100",
    },
    Operation {
        function: "get-task",
        method: "GET",
        path: "/api/tasks/{id}",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: "select id, title, description, completed, priority, due_date, created_at, updated_at
             from tasks
             where user_id = $1 and id = $2",
    },
    Operation {
        function: "create-task",
        method: "POST",
        path: "/api/tasks",
        body: r#"{"title": "Buy milk", "description": "Two litres", "priority": "high"}"#,
        status: 201,
        tasks: Tasks::Some(0),
        statement: "insert into tasks (user_id, title, description, priority)
             values ($1, 'Buy milk', 'Two litres', 'high')
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
    },
    Operation {
        function: "update-task",
        method: "PATCH",
        path: "/api/tasks/{id}",
        body: r#"{"title": "Buy bread"}"#,
        status: 200,
        tasks: Tasks::Some(1),
        statement: "update tasks
             set title = 'Buy bread'
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
    },
    Operation {
        function: "complete-task",
        method: "PATCH",
        path: "/api/tasks/{id}/complete",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: "update tasks
             set completed = not completed
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
    },
    Operation {
        function: "delete-task",
        method: "DELETE",
        path: "/api/tasks/{id}",
        body: "",
        status: 204,
        tasks: Tasks::OnePerRequest,
        statement: "delete from tasks
             where user_id = $1 and id = $2
             returning id, title, description, completed, priority, due_date, created_at, updated_at",
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
