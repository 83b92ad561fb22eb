//! CORS, which an HTTP API handles without a function.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};

/// The `CorsConfiguration` of the template.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// The allowed origins, which are compared exactly. `*` stands for every origin.
    pub origins: Vec<String>,
    /// The methods that a page may use.
    pub methods: Vec<String>,
    /// The request headers that a page may send.
    pub headers: Vec<String>,
    /// The response headers that a page may read.
    pub exposed: Vec<String>,
    /// Whether a page may send cookies.
    pub credentials: bool,
    /// How long a browser may cache the response to a preflight request, in seconds.
    pub max_age: Option<u64>,
}

/// Reads a comma list of origins as people paste it: quotes and slashes at the end are removed.
///
/// # Errors
/// What is wrong, as a predicate that names the item. Origins are compared exactly, so an item that is not an origin would
/// never match.
pub fn parse_origins(list: &str) -> Result<Vec<String>, String> {
    let items = list.split(',').map(|item| item.trim().trim_matches(['"', '\'']).trim().trim_end_matches('/'));
    let origins = items.filter(|item| !item.is_empty()).map(|item| {
        if item.contains('*') {
            return Err(format!("must name each origin: there are no wildcards, as in {item}"));
        }
        let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"));
        let is_host = |host: &str| {
            !host.is_empty()
                && !host.contains(|character: char| character.is_whitespace() || "/?#@\\".contains(character))
        };
        if host.is_some_and(is_host) {
            // Browsers send scheme and host in lower case.
            Ok(item.to_ascii_lowercase())
        } else {
            Err(format!("must be a comma list of origins such as https://app.example.com, and {item} is none"))
        }
    });
    origins.collect()
}

/// Whether this is a preflight request, to which the gateway responds without a function.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// Adds the headers of [`Cors::allow`] and those of a response to a preflight request.
    pub fn allow_preflight(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if !self.allow(origin, response) {
            return;
        }
        insert_list(response, ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
        insert_list(response, ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        if let Some(seconds) = self.max_age {
            response.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
    }

    /// Replaces the CORS headers of a response with those of the gateway. Returns whether the origin is allowed.
    pub fn allow(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) -> bool {
        let from_function: Vec<HeaderName> =
            response.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in from_function {
            response.remove(name);
        }
        // Also without an origin: a cache must not serve this response to a page that sends one.
        vary_by_origin(response);
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else { return false };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        insert_list(response, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        true
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
            return Some(origin.clone());
        }
        self.origins.iter().any(|allowed| allowed == "*").then(|| HeaderValue::from_static("*"))
    }
}

fn insert_list(response: &mut HeaderMap, name: HeaderName, items: &[String]) {
    if let Ok(value) = HeaderValue::from_str(&items.join(","))
        && !items.is_empty()
    {
        response.insert(name, value);
    }
}

fn vary_by_origin(response: &mut HeaderMap) {
    let names =
        response.get_all(VARY).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !names.map(str::trim).any(|name| name == "*" || name.eq_ignore_ascii_case("origin")) {
        response.append(VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_origins_are_cleaned() {
        let origins = |list: &str| parse_origins(list).expect("origins").join(" ");
        assert_eq!(origins("http://localhost:3000/"), "http://localhost:3000");
        assert_eq!(
            origins("\"https://App.example.com\", 'https://b.test:8443/'"),
            "https://app.example.com https://b.test:8443"
        );
        assert_eq!(origins(" , https://a.test ,"), "https://a.test");
    }

    #[test]
    fn what_would_never_match_is_rejected() {
        for item in
            ["*", "https://*.vercel.app", "app.example.com", "https://a.test/app", "ftp://a.test", "https://", "null"]
        {
            let problem = parse_origins(&format!("https://a.test,{item}")).expect_err("no origin");
            assert!(problem.contains(item.trim_end_matches('/')), "{problem}");
        }
    }

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
    fn allowed_origin_is_returned() {
        let mut response = HeaderMap::new();
        assert!(rules().allow(Some(&HeaderValue::from_static("https://a.test")), &mut response));
        assert_eq!(
            text(&response),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://a.test",
                "access-control-expose-headers: etag,link",
                "vary: Origin",
            ]
        );
    }

    #[test]
    fn preflight_response_has_methods_headers_and_age() {
        let mut response = HeaderMap::new();
        rules().allow_preflight(Some(&HeaderValue::from_static("http://localhost:3000")), &mut response);
        let lines = text(&response);
        for line in [
            "access-control-allow-headers: authorization,if-match",
            "access-control-allow-methods: GET,PATCH",
            "access-control-max-age: 3600",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
    }

    #[test]
    fn other_origins_get_no_headers() {
        for origin in ["https://A.test", "https://a.test/", "http://a.test", "https://a.test:443", "null", "*", ""] {
            let mut response = HeaderMap::new();
            assert!(!rules().allow(Some(&HeaderValue::from_static(origin)), &mut response), "{origin}");
            assert_eq!(text(&response), ["vary: Origin"], "{origin}");
        }
    }

    #[test]
    fn cors_headers_of_the_function_are_removed() {
        let mut response = HeaderMap::new();
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response.insert(VARY, HeaderValue::from_static("accept, origin"));
        assert!(!rules().allow(None, &mut response));
        assert_eq!(text(&response), ["vary: accept, origin"]);
    }

    #[test]
    fn wildcard_without_credentials_is_sent() {
        let rules = Cors { origins: vec!["*".to_owned()], ..Cors::default() };
        let mut response = HeaderMap::new();
        assert!(rules.allow(Some(&HeaderValue::from_static("https://any.test")), &mut response));
        assert_eq!(text(&response), ["access-control-allow-origin: *", "vary: Origin"]);
    }

    #[test]
    fn options_request_alone_is_no_preflight() {
        let mut headers = HeaderMap::new();
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(ORIGIN, HeaderValue::from_static("https://a.test"));
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
        assert!(is_preflight(&Method::OPTIONS, &headers) && !is_preflight(&Method::GET, &headers));
    }
}
