//! Sentences that name a setting, without it.

use shared::{DocsConfig, PasswordScheme};

use crate::json::Json;

/// Replaces the parts of descriptions that depend on settings.
pub(super) fn adapt(document: &mut Json, config: &DocsConfig) {
    let replacements = replacements(config);
    document.walk(&mut |value| {
        let Some(Json::Text(text)) = value.as_object_mut().and_then(|object| object.get_mut("description")) else {
            return;
        };
        for (part, replacement) in &replacements {
            if text.contains(part) {
                *text = text.replace(part, replacement).trim().to_owned();
            }
        }
    });
}

/// Parts of descriptions in `openapi.yaml`, and what stands there instead.
fn replacements(config: &DocsConfig) -> Vec<(&'static str, String)> {
    let api = &config.api;
    let words = api.priorities.list();
    let shape = if api.json.list_object {
        "A page of the caller's tasks, with counts."
    } else {
        "A page of the caller's tasks."
    };
    let default = match api.priorities.default_word() {
        Some(word) => format!("A new task without one gets `{word}`."),
        None => String::new(),
    };
    let if_match = if api.require_if_match {
        "Without this header the response is 428."
    } else {
        "Without it the last change wins."
    };
    let passwords = match api.passwords.scheme {
        PasswordScheme::Bcrypt => "72 bytes of UTF-8",
        PasswordScheme::Argon2id => "1024 bytes of UTF-8",
    };
    let (zones, due_dates, due_date) = if api.json.instant_due_dates {
        ("Has no effect on due dates, which are instants.", "such a time is UTC", "An instant in UTC.")
    } else {
        (
            "",
            "it is returned without an offset",
            "An instant in UTC, or a time on the user's clock, which has no `Z`. Which of the two depends on how it was sent.",
        )
    };
    vec![
        (
            "A page of the caller's tasks. An array, or with TASK_LIST_SHAPE=object an object with counts.",
            shape.to_owned(),
        ),
        ("TASK_PRIORITIES sets the words.", format!("One of {words}.")),
        (
            "One of the words of TASK_PRIORITIES, which are low, medium and high by default, in the spelling that is stored.",
            format!("One of {words}."),
        ),
        (
            "One of the words of TASK_PRIORITIES, which are low, medium and high by default, in upper or lower case.",
            format!("One of {words}, in upper or lower case."),
        ),
        (" A new task without one gets TASK_PRIORITY_DEFAULT, if that is set.", format!(" {default}")),
        ("for each of TASK_PRIORITIES,", "for each priority,".to_owned()),
        ("Has no effect with TASK_DUE_DATES=instant.", zones.to_owned()),
        ("it is returned without an offset. With TASK_DUE_DATES=instant such a time is UTC.", format!("{due_dates}.")),
        (
            "An instant in UTC, or a time on the user's clock, which has no `Z`. Which of the two depends on how it was sent.",
            due_date.to_owned(),
        ),
        ("A deployment can require this header (REQUIRE_IF_MATCH).", if_match.to_owned()),
        (
            "The deployment requires If-Match (REQUIRE_IF_MATCH), and the request",
            "The request must have If-Match, and".to_owned(),
        ),
        (
            "1 to 200 Unicode code points after trimming (TASK_TITLE_MAX).",
            format!("1 to {} Unicode code points after trimming.", api.limits.title_max),
        ),
        (
            "Up to 1000 Unicode code points (TASK_DESCRIPTION_MAX).",
            format!("Up to {} Unicode code points.", api.limits.description_max),
        ),
        ("At least PASSWORD_MIN_LENGTH characters", format!("At least {} characters", api.passwords.min_length)),
        (
            " Only with `AUTH_MODE=password`: where Better Auth owns the users, the paths of accounts answer 404.",
            String::new(),
        ),
        ("72 bytes of UTF-8 (1024 with PASSWORD_HASH=argon2id)", passwords.to_owned()),
    ]
}
