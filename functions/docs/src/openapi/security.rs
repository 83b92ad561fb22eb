//! Which tokens are accepted, and where they come from.

use crate::json::Json;

/// Describes the accepted tokens. With passwords a client can also sign in: the page does it for its user.
pub(super) fn adapt(document: &mut Json, auth_modes: &[String], base: &str) -> Option<()> {
    let sources: Vec<&str> = auth_modes.iter().filter_map(|mode| source(mode)).collect();
    let description = format!("The token of a signed-in user, who is the caller. Accepted: {}.", sources.join("; or "));
    let bearer = document.at(&["components", "securitySchemes", "bearer"])?.as_object_mut()?;
    bearer.insert("description".to_owned(), description.into());
    if auth_modes.iter().any(|mode| mode == "session") {
        bearer.shift_remove("bearerFormat");
    }
    if auth_modes.iter().any(|mode| mode == "password") {
        let flow = [("tokenUrl", format!("{base}/api/auth/login").into()), ("scopes", Json::object([]))];
        let scheme = Json::object([
            ("type", "oauth2".into()),
            ("description", "Signs in with the e-mail address and the password of an account.".into()),
            ("flows", Json::object([("password", Json::object(flow))])),
        ]);
        document.at(&["components", "securitySchemes"])?.as_object_mut()?.insert("password".to_owned(), scheme);
        let alternative = Json::object([("password", Json::List(Vec::new()))]);
        document.at(&["security"])?.as_list_mut()?.push(alternative);
    }
    Some(())
}

fn source(mode: &str) -> Option<&'static str> {
    match mode {
        "jwks" => Some("a JWT of Better Auth's plugin `jwt()`, which `authClient.token()` returns"),
        "hs256" => Some("a JWT that the front end signs with its secret (HS256)"),
        "session" => Some("a session token of Better Auth's plugin `bearer()`"),
        "password" => Some("the `access_token` that `POST /api/auth/login` returns"),
        _ => None,
    }
}
