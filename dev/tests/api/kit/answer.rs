//! An answer, after it was held against the contract.

use std::fmt;
use std::ops::Index;

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `GET /api/tasks`, for messages.
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Null where there is no body, or none that is JSON.
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of plain text"))
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} was answered with {}", self.call, String::from_utf8_lossy(&self.body));
        self
    }

    /// The answer, if it is the problem with this code and sentence.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str, detail: &str) -> Self {
        let answer = self.is(status);
        assert_eq!((answer["code"].as_str(), answer["detail"].as_str()), (Some(code), Some(detail)), "{}", answer.call);
        answer
    }

    /// The answer, if it says that the input is wrong, at exactly these places.
    #[track_caller]
    pub(crate) fn invalid_at(self, pointers: &[&str]) -> Self {
        let answer = self.is(422);
        let found: Vec<&str> =
            members(&answer["errors"], "pointer").iter().filter_map(|value| value.as_str()).collect();
        assert_eq!(found, pointers, "{} was answered with {}", answer.call, answer.json);
        answer
    }

    /// The tasks of a list in either shape, or the one task.
    pub(crate) fn tasks(&self) -> Vec<&Value> {
        let list = self.json.as_array().or_else(|| self.json.get("tasks")?.as_array());
        match list {
            Some(tasks) => tasks.iter().collect(),
            None => Some(&self.json).filter(|value| value.get("user_id").is_some()).into_iter().collect(),
        }
    }

    /// The ids of the tasks, in order.
    pub(crate) fn ids(&self) -> Vec<Id> {
        ids(self.tasks())
    }

    /// All that must not tell one answer from another: status, headers and body but for what names the request.
    pub(crate) fn without_request(&self) -> (u16, Vec<(String, String)>, Value) {
        const OF_REQUEST: [&str; 4] = ["x-request-id", "apigw-requestid", "date", "content-length"];
        let headers = self.headers.iter().filter(|(name, _)| !OF_REQUEST.contains(&name.as_str()));
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned())).collect();
        headers.sort();
        let mut json = self.json.clone();
        if let Some(problem) = json.as_object_mut() {
            problem.remove("request_id");
        }
        (self.status, headers, json)
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}

/// One member of each of the objects in a list.
fn members<'a>(list: &'a Value, name: &str) -> Vec<&'a Value> {
    list.as_array().into_iter().flatten().map(|object| &object[name]).collect()
}

/// The ids of tasks.
pub(crate) fn ids<'a>(tasks: impl IntoIterator<Item = &'a Value>) -> Vec<Id> {
    tasks.into_iter().map(Id::of).collect()
}

/// The id of a task, in the order in which the database has them. Displays as in paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Id {
    Number(i64),
    Text(String),
}

impl Id {
    #[track_caller]
    pub(crate) fn of(task: &Value) -> Self {
        match &task["id"] {
            Value::String(text) => Self::Text(text.clone()),
            id => Self::Number(id.as_i64().unwrap_or_else(|| panic!("no id: {task}"))),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}
