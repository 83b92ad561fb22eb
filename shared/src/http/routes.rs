//! Which paths exist, and with which methods.
//!
//! The functions do not dispatch on this table: the gateway does that. It distinguishes 405 from 404 for requests that
//! match no route.

pub use super::route_table::{ROUTES, Route};

/// The methods with which a path exists, in alphabetical order.
pub(crate) fn methods_of(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<_> =
        ROUTES.iter().filter(|route| matches(route.path, path)).map(|route| route.method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// The functions that are deployed only where users sign in at this API.
const ACCOUNT_FUNCTIONS: [&str; 6] = ["register", "login", "logout", "me", "change-password", "delete-account"];

/// Whether a path belongs to sign-up and sign-in.
pub(crate) fn is_account_path(path: &str) -> bool {
    is_path_of(&ACCOUNT_FUNCTIONS, path)
}

/// Whether a path belongs to the documentation.
pub(crate) fn is_docs_path(path: &str) -> bool {
    is_path_of(&["docs"], path)
}

fn is_path_of(functions: &[&str], path: &str) -> bool {
    ROUTES.iter().any(|route| functions.contains(&route.function) && matches(route.path, path))
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
