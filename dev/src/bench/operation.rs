//! What is asked of the functions, and the statement by which the bare function does the same.

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// The binary.
    pub(super) function: &'static str,
    pub(super) method: &'static str,
    /// With `{id}` where the task stands.
    pub(super) path: &'static str,
    pub(super) body: &'static str,
    /// Of the answer.
    pub(super) status: u16,
    /// How many tasks its user has.
    pub(super) tasks: Tasks,
    /// For the bare function: `$1` is the user and `$2` the task.
    pub(super) statement: &'static str,
}

/// How many tasks a user needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    /// So many, always.
    Some(usize),
    /// One for each request.
    OneEach,
}

macro_rules! columns {
    () => {
        "id, title, description, completed, priority, due_date, created_at, updated_at"
    };
}

/// Those on tasks.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation {
        function: "list-tasks",
        method: "GET",
        path: "/api/tasks",
        body: "",
        status: 200,
        tasks: Tasks::Some(20),
        statement: concat!(
            "select ",
            columns!(),
            " from tasks where user_id = $1 order by created_at desc, id desc limit 100"
        ),
    },
    Operation {
        function: "get-task",
        method: "GET",
        path: "/api/tasks/{id}",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: concat!("select ", columns!(), " from tasks where user_id = $1 and id = $2"),
    },
    Operation {
        function: "create-task",
        method: "POST",
        path: "/api/tasks",
        body: r#"{"title": "Buy milk", "description": "Two litres", "priority": "high"}"#,
        status: 201,
        tasks: Tasks::Some(0),
        statement: concat!(
            "insert into tasks (user_id, title, description, priority)
             values ($1, 'Buy milk', 'Two litres', 'high')
             returning ",
            columns!()
        ),
    },
    Operation {
        function: "update-task",
        method: "PATCH",
        path: "/api/tasks/{id}",
        body: r#"{"title": "Buy bread"}"#,
        status: 200,
        tasks: Tasks::Some(1),
        statement: concat!(
            "update tasks set title = 'Buy bread' where user_id = $1 and id = $2 returning ",
            columns!()
        ),
    },
    Operation {
        function: "complete-task",
        method: "PATCH",
        path: "/api/tasks/{id}/complete",
        body: "",
        status: 200,
        tasks: Tasks::Some(1),
        statement: concat!(
            "update tasks set completed = not completed where user_id = $1 and id = $2 returning ",
            columns!()
        ),
    },
    Operation {
        function: "delete-task",
        method: "DELETE",
        path: "/api/tasks/{id}",
        body: "",
        status: 204,
        tasks: Tasks::OneEach,
        statement: concat!("delete from tasks where user_id = $1 and id = $2 returning ", columns!()),
    },
];

/// The one without a database.
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
