//! The CORS rules of the gateway, which browsers obey.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};

/// `CorsConfiguration` of the template.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Compared exactly; `*` stands for every origin.
    pub origins: Vec<String>,
    /// The methods a page may use.
    pub methods: Vec<String>,
    /// The request headers a page may send.
    pub headers: Vec<String>,
    /// The response headers a page may read.
    pub exposed: Vec<String>,
    /// Whether a page may send cookies.
    pub credentials: bool,
    /// How long a browser may remember a preflight, in seconds.
    pub max_age: Option<u64>,
}

/// Whether the request asks for permission, which the gateway answers without a function.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// Adds what the answer to a preflight says beyond [`Cors::allow`].
    pub fn allow_preflight(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if !self.allow(origin, answer) {
            return;
        }
        insert_list(answer, ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
        insert_list(answer, ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        if let Some(seconds) = self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
    }

    /// Replaces the CORS headers of an answer by those of the gateway. Returns whether the origin is allowed.
    pub fn allow(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
        let foreign: Vec<HeaderName> =
            answer.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in foreign {
            answer.remove(name);
        }
        // Also without an origin: a cache must not give this answer to a page that sends one.
        vary_by_origin(answer);
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else { return false };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        insert_list(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        true
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
            return Some(origin.clone());
        }
        self.origins.iter().any(|allowed| allowed == "*").then(|| HeaderValue::from_static("*"))
    }
}

fn insert_list(answer: &mut HeaderMap, name: HeaderName, items: &[String]) {
    if let Ok(value) = HeaderValue::from_str(&items.join(","))
        && !items.is_empty()
    {
        answer.insert(name, value);
    }
}

fn vary_by_origin(answer: &mut HeaderMap) {
    let names = answer.get_all(VARY).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !names.map(str::trim).any(|name| name == "*" || name.eq_ignore_ascii_case("origin")) {
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Cors {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Cors {
            origins: list(&["https://a.test", "http://localhost:3000"]),
            methods: list(&["GET", "PATCH"]),
            headers: list(&["authorization", "if-match"]),
            exposed: list(&["etag", "link"]),
            credentials: true,
            max_age: Some(3600),
        }
    }

    fn text(headers: &HeaderMap) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap_or("?"));
        let mut lines: Vec<String> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn an_allowed_origin_is_echoed() {
        let mut answer = HeaderMap::new();
        assert!(rules().allow(Some(&HeaderValue::from_static("https://a.test")), &mut answer));
        assert_eq!(
            text(&answer),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://a.test",
                "access-control-expose-headers: etag,link",
                "vary: Origin",
            ]
        );
    }

    #[test]
    fn a_preflight_names_methods_headers_and_age() {
        let mut answer = HeaderMap::new();
        rules().allow_preflight(Some(&HeaderValue::from_static("http://localhost:3000")), &mut answer);
        let lines = text(&answer);
        for line in [
            "access-control-allow-headers: authorization,if-match",
            "access-control-allow-methods: GET,PATCH",
            "access-control-max-age: 3600",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
    }

    #[test]
    fn foreign_and_similar_origins_get_nothing() {
        for origin in ["https://A.test", "https://a.test/", "http://a.test", "https://a.test:443", "null", "*", ""] {
            let mut answer = HeaderMap::new();
            assert!(!rules().allow(Some(&HeaderValue::from_static(origin)), &mut answer), "{origin}");
            assert_eq!(text(&answer), ["vary: Origin"], "{origin}");
        }
    }

    #[test]
    fn what_the_function_says_about_cors_is_dropped() {
        let mut answer = HeaderMap::new();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        answer.insert(VARY, HeaderValue::from_static("accept, origin"));
        assert!(!rules().allow(None, &mut answer));
        assert_eq!(text(&answer), ["vary: accept, origin"]);
    }

    #[test]
    fn a_wildcard_without_credentials_is_sent_as_it_is() {
        let rules = Cors { origins: vec!["*".to_owned()], ..Cors::default() };
        let mut answer = HeaderMap::new();
        assert!(rules.allow(Some(&HeaderValue::from_static("https://any.test")), &mut answer));
        assert_eq!(text(&answer), ["access-control-allow-origin: *", "vary: Origin"]);
    }

    #[test]
    fn options_alone_is_no_preflight() {
        let mut headers = HeaderMap::new();
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(ORIGIN, HeaderValue::from_static("https://a.test"));
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
        assert!(is_preflight(&Method::OPTIONS, &headers) && !is_preflight(&Method::GET, &headers));
    }
}
