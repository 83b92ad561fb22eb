//! Which function answers a request: the rules by which an HTTP API chooses a route.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// One route of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `None` is any method.
    method: Option<String>,
    /// `None` is `$default`.
    path: Option<Vec<Segment>>,
    /// As the event shows it: `GET /api/tasks/{id}` or `$default`.
    pub key: String,
    /// The function behind it.
    pub function: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Parameter(String),
    /// `{name+}`: the rest of the path.
    Rest(String),
}

/// A route and what its parameters stand for.
#[derive(Debug)]
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    /// The parameters of the path, decoded.
    pub parameters: BTreeMap<String, String>,
}

impl Route {
    /// A route such as `GET /api/tasks/{id}`; the method `ANY` stands for all of them.
    pub fn new(method: &str, path: &str, function: &str) -> Self {
        let method = method.to_ascii_uppercase();
        let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            None => Segment::Fixed(text.to_owned()),
            Some(name) => match name.strip_suffix('+') {
                None => Segment::Parameter(name.to_owned()),
                Some(name) => Segment::Rest(name.to_owned()),
            },
        };
        Self {
            key: format!("{method} {path}"),
            path: Some(segments(path).map(segment).collect()),
            method: (method != "ANY" && method != "*").then_some(method),
            function: function.to_owned(),
        }
    }

    /// The route `$default`, for what no other route takes.
    pub fn fallback(function: &str) -> Self {
        Self { method: None, path: None, key: "$default".to_owned(), function: function.to_owned() }
    }

    /// Whether this is `$default`.
    pub fn is_fallback(&self) -> bool {
        self.path.is_none()
    }

    fn parameters(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        let Some(pattern) = &self.path else { return Some(BTreeMap::new()) };
        if self.method.as_ref().is_some_and(|own| own != method) {
            return None;
        }
        let mut parameters = BTreeMap::new();
        let mut rest = segments(path);
        for (index, expected) in pattern.iter().enumerate() {
            let given = rest.next()?;
            match expected {
                Segment::Fixed(text) if text == given => {}
                Segment::Parameter(name) if !given.is_empty() => drop(parameters.insert(name.clone(), decoded(given))),
                Segment::Rest(name) if !given.is_empty() => {
                    let given: Vec<&str> = segments(path).skip(index).collect();
                    parameters.insert(name.clone(), decoded(&given.join("/")));
                    return Some(parameters);
                }
                _ => return None,
            }
        }
        rest.next().is_none().then_some(parameters)
    }

    /// Smaller is more specific: fixed text before a parameter before the rest of the path, from left to right,
    /// then a named method before any.
    fn order(&self) -> (Vec<u8>, bool) {
        let rank = |segment: &Segment| match segment {
            Segment::Fixed(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Rest(_) => 2,
        };
        let ranks = self.path.as_ref().map_or(vec![u8::MAX], |path| path.iter().map(rank).collect());
        (ranks, self.method.is_none())
    }
}

/// The most specific route for a request. `path` is as sent, still percent-encoded.
pub fn find<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<Match<'a>> {
    let matches = routes.iter().filter_map(|route| Some(Match { route, parameters: route.parameters(method, path)? }));
    matches.min_by_key(|found| found.route.order())
}

/// Percent-decoded text; what is not UTF-8 becomes replacement characters.
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Vec<Route> {
        [
            ("GET", "/api/{user_id}/tasks"),
            ("GET", "/api/tasks"),
            ("POST", "/api/tasks"),
            ("PATCH", "/api/{user_id}/tasks/{id}"),
            ("PATCH", "/api/tasks/{id}/complete"),
            ("GET", "/api/tasks/{id}"),
            ("ANY", "/files/{name+}"),
        ]
        .map(|(method, path)| Route::new(method, path, "f"))
        .into()
    }

    fn key(method: &str, path: &str) -> String {
        let mut routes = routes();
        routes.push(Route::fallback("f"));
        find(&routes, method, path).expect("the fallback at least").route.key.clone()
    }

    #[test]
    fn the_most_specific_route_wins() {
        for (method, path, expected) in [
            ("GET", "/api/tasks", "GET /api/tasks"),
            ("GET", "/api/ada/tasks", "GET /api/{user_id}/tasks"),
            ("GET", "/api/tasks/tasks", "GET /api/tasks/{id}"),
            ("PATCH", "/api/tasks/7/complete", "PATCH /api/tasks/{id}/complete"),
            ("PATCH", "/api/ada/tasks/complete", "PATCH /api/{user_id}/tasks/{id}"),
            ("PATCH", "/api/tasks/tasks/complete", "PATCH /api/tasks/{id}/complete"),
            ("PUT", "/files/a/b", "ANY /files/{name+}"),
        ] {
            assert_eq!(key(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn other_methods_and_paths_take_the_fallback() {
        for (method, path) in [
            ("HEAD", "/api/tasks"),
            ("get", "/api/tasks"),
            ("DELETE", "/api/tasks"),
            ("GET", "/api/tasks/"),
            ("GET", "/api//tasks"),
            ("GET", "/"),
            ("OPTIONS", "*"),
            ("GET", "/files/"),
        ] {
            assert_eq!(key(method, path), "$default", "{method} {path}");
        }
    }

    #[test]
    fn without_a_fallback_there_is_no_match() {
        assert!(find(&routes(), "GET", "/nowhere").is_none());
    }

    #[test]
    fn parameters_are_decoded() {
        let routes = routes();
        let found = |path| find(&routes, "GET", path).expect("a route").parameters;
        assert_eq!(found("/api/tasks/a%2Fb%20c+d")["id"], "a/b c+d");
        assert_eq!(found("/api/tasks/%ff")["id"], "\u{fffd}");
        assert_eq!(found("/files/a/b%3F")["name"], "a/b?");
    }
}
