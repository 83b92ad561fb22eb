//! Which paths exist, and with which methods.
//!
//! The functions do not dispatch on this table: the gateway does that. It distinguishes 405 from 404 for requests that
//! match no route.

/// A method and a path, with `{}` around the parameters, and the function that answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// In capitals.
    pub method: &'static str,
    /// As in `template.yaml`.
    pub path: &'static str,
    /// The crate in `functions`.
    pub function: &'static str,
}

macro_rules! routes {
    ($($function:literal: $method:literal $path:literal;)+) => {
        &[$(Route { method: $method, path: $path, function: $function }),+]
    };
}

/// Every route but the default one.
pub const ROUTES: &[Route] = routes! {
    "list-tasks": "GET" "/api/tasks";
    "list-tasks": "GET" "/api/{user_id}/tasks";
    "create-task": "POST" "/api/tasks";
    "create-task": "POST" "/api/{user_id}/tasks";
    "get-task": "GET" "/api/tasks/{id}";
    "get-task": "GET" "/api/{user_id}/tasks/{id}";
    "update-task": "PUT" "/api/tasks/{id}";
    "update-task": "PUT" "/api/{user_id}/tasks/{id}";
    "update-task": "PATCH" "/api/tasks/{id}";
    "update-task": "PATCH" "/api/{user_id}/tasks/{id}";
    "complete-task": "PATCH" "/api/tasks/{id}/complete";
    "complete-task": "PATCH" "/api/{user_id}/tasks/{id}/complete";
    "complete-task": "PATCH" "/api/tasks/{id}/toggle";
    "complete-task": "PATCH" "/api/{user_id}/tasks/{id}/toggle";
    "complete-task": "PATCH" "/api/tasks/{id}/status";
    "complete-task": "PATCH" "/api/{user_id}/tasks/{id}/status";
    "delete-task": "DELETE" "/api/tasks/{id}";
    "delete-task": "DELETE" "/api/{user_id}/tasks/{id}";
    "health": "GET" "/health";
    "health": "GET" "/health/ready";
};

/// The methods with which a path exists, in alphabetical order.
pub(crate) fn methods_of(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<_> =
        ROUTES.iter().filter(|route| matches(route.path, path)).map(|route| route.method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = |part: &str| {
        segments.next().is_some_and(|segment| part == segment || (part.starts_with('{') && !segment.is_empty()))
    };
    pattern.split('/').all(fits) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_methods() {
        for (path, methods) in [
            ("/api/tasks", vec!["GET", "POST"]),
            ("/api/ada/tasks", vec!["GET", "POST"]),
            ("/api/tasks/42", vec!["DELETE", "GET", "PATCH", "PUT"]),
            ("/api/ada/tasks/42/toggle", vec!["PATCH"]),
            ("/health", vec!["GET"]),
            ("/", vec![]),
            ("/api/tasks/", vec![]),
            ("/api//tasks", vec![]),
            ("/api/tasks/42/complete/now", vec![]),
        ] {
            assert_eq!(methods_of(path), methods, "{path}");
        }
    }
}
