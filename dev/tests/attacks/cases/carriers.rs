//! Places of a token in a request. Only a single `Authorization` header counts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::case::{Case, Expected, SESSION, Setup};
use crate::function::{anonymous, authorized, bearing};
use crate::token::{ADA, EVE, by_secret, claims, claims_with, hs256};

/// The setups for HS256 tokens, for keys, for session tokens, and for all of them.
const SETUPS: [Setup; 4] = [Setup::Secret, Setup::Keys, Setup::Sessions, Setup::Everything];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for setup in SETUPS {
        let good = setup.good_token();
        for (name, authorization) in bad_headers(&good) {
            cases.push(Case::new(setup, &name, Expected::Refused, authorized(&authorization)));
        }
        for (name, authorization) in good_headers(&good) {
            let expected = Expected::TasksOf(ADA.to_owned());
            cases.push(Case::new(setup, name, expected, authorized(&authorization)));
        }
        for (name, event) in elsewhere(&good) {
            cases.push(Case::new(setup, name, Expected::Refused, event));
        }
    }
    // Other information about the user in a request is ignored.
    let mut event = bearing(&by_secret(hs256(), claims()));
    event["headers"]["x-user-id"] = EVE.into();
    event["headers"]["x-authorization"] =
        format!("Bearer {}", by_secret(hs256(), claims_with(&json!({"sub": EVE})))).into();
    event["headers"]["x-forwarded-user"] = EVE.into();
    event["headers"]["x-amzn-oidc-identity"] = EVE.into();
    event["cookies"] = json!(["userId=eve", "better-auth.session_token=eve"]);
    event["rawQueryString"] = "user_id=eve&userId=eve&sub=eve".into();
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": EVE}}, "lambda": {"userId": EVE}});
    event["requestContext"]["authentication"] = json!({"clientCert": {"subjectDN": "CN=eve"}});
    cases.push(Case::new(Setup::Secret, "other users beside the token", Expected::TasksOf(ADA.to_owned()), event));
    cases
}

fn good_headers(good: &str) -> [(&'static str, String); 6] {
    [
        ("the scheme in lower case", format!("bearer {good}")),
        ("the scheme in upper case", format!("BEARER {good}")),
        ("the scheme in mixed case", format!("bEaReR {good}")),
        ("two spaces", format!("Bearer  {good}")),
        ("a space before it", format!(" Bearer {good}")),
        ("a space behind it", format!("Bearer {good} ")),
    ]
}

fn bad_headers(good: &str) -> Vec<(String, String)> {
    let basic = BASE64_STANDARD.encode(format!("ada:{good}"));
    [
        ("an empty header", String::new()),
        ("a space", " ".to_owned()),
        ("only the scheme", "Bearer".to_owned()),
        ("only the scheme and a space", "Bearer ".to_owned()),
        ("only the token", good.to_owned()),
        ("a token without a space", format!("Bearer{good}")),
        ("a colon", format!("Bearer: {good}")),
        ("an equals sign", format!("Bearer={good}")),
        ("a tab", format!("Bearer\t{good}")),
        ("a line break", format!("Bearer\n{good}")),
        ("a no-break space", format!("Bearer\u{a0}{good}")),
        ("Basic", format!("Basic {basic}")),
        ("Basic with the token", format!("Basic {good}")),
        ("Digest", format!("Digest username=\"ada\", response=\"{good}\"")),
        ("DPoP", format!("DPoP {good}")),
        ("Token", format!("Token {good}")),
        ("JWT", format!("JWT {good}")),
        ("Negotiate", format!("Negotiate {good}")),
        ("AWS4-HMAC-SHA256", format!("AWS4-HMAC-SHA256 Credential={good}")),
        ("the scheme twice", format!("Bearer Bearer {good}")),
        ("a word behind", format!("Bearer {good} x")),
        ("a word before", format!("Bearer x {good}")),
        ("two words", "Bearer a b".to_owned()),
        ("twice, joined as the gateway does", format!("Bearer {good},Bearer {good}")),
        ("twice, joined with a space", format!("Bearer {good}, Bearer {good}")),
        ("twice, the second bad", format!("Bearer {good},Bearer x")),
        ("twice, the first bad", format!("Bearer x,Bearer {good}")),
        ("twice, the second empty", format!("Bearer {good},")),
        ("twice, the first empty", format!(",Bearer {good}")),
        ("twice, the second Basic", format!("Bearer {good},Basic {basic}")),
        ("twice, the first Basic", format!("Basic {basic},Bearer {good}")),
        ("parameters", format!("Bearer token=\"{good}\"")),
        ("a parameter behind", format!("Bearer {good}, realm=\"x\"")),
        ("a semicolon behind", format!("Bearer {good};")),
        ("in quotes", format!("Bearer \"{good}\"")),
        ("letters that are not ASCII", "Bearer ädä".to_owned()),
        ("a letter that is not ASCII behind", format!("Bearer {good}é")),
        ("a scheme that is not ASCII", format!("Be\u{430}rer {good}")),
        ("a scheme in full-width letters", format!("\u{ff22}earer {good}")),
        ("a NUL behind", format!("Bearer {good}\0")),
        ("a NUL before", format!("\0Bearer {good}")),
        ("a byte order mark before", format!("\u{feff}Bearer {good}")),
        ("a header inside", format!("Bearer {good}\r\nAuthorization: Bearer {good}")),
        ("a megabyte of spaces", format!("Bearer{}x", " ".repeat(1_000_000))),
        ("a megabyte of letters", "a".repeat(1_000_000)),
    ]
    .map(|(name, authorization)| (format!("authorization: {name}"), authorization))
    .into()
}

fn elsewhere(good: &str) -> Vec<(&'static str, Value)> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut event = anonymous();
        change(&mut event);
        event
    };
    let header =
        |name: &'static str| changed(&|event: &mut Value| event["headers"][name] = format!("Bearer {good}").into());
    let query = |name: &'static str| {
        changed(&|event: &mut Value| {
            event["rawQueryString"] = format!("{name}={good}").into();
            event["queryStringParameters"] = json!({name: good});
        })
    };
    let cookie = |name: &'static str| {
        changed(&|event: &mut Value| {
            event["cookies"] = json!([format!("{name}={good}")]);
            event["headers"]["cookie"] = format!("{name}={good}").into();
        })
    };
    vec![
        ("no header at all", changed(&|event| event["headers"] = json!({}))),
        ("headers that are null", changed(&|event| event["headers"] = Value::Null)),
        ("no authorization at all", anonymous()),
        // The gateway sends all names in lower case.
        ("a token in Authorization with a capital", header("Authorization")),
        ("a token in x-authorization", header("x-authorization")),
        ("a token in proxy-authorization", header("proxy-authorization")),
        ("a token in x-forwarded-authorization", header("x-forwarded-authorization")),
        ("a token in x-amzn-remapped-authorization", header("x-amzn-remapped-authorization")),
        ("a token in x-api-key", header("x-api-key")),
        ("a token in x-auth-token", header("x-auth-token")),
        ("a token in sec-websocket-protocol", header("sec-websocket-protocol")),
        ("a token in authorization with a space", header("authorization ")),
        ("a token in the query as access_token", query("access_token")),
        ("a token in the query as token", query("token")),
        ("a token in the query as authorization", query("authorization")),
        ("a token in the cookie authorization", cookie("authorization")),
        ("a token in the cookie of Better Auth", cookie("better-auth.session_token")),
        ("a token in the secure cookie of Better Auth", cookie("__Secure-better-auth.session_token")),
        (
            "a token in the body",
            changed(&|event| {
                event["headers"]["content-type"] = "application/x-www-form-urlencoded".into();
                event["body"] = format!("access_token={good}").into();
            }),
        ),
        ("a token in the path", changed(&|event| event["rawPath"] = format!("/api/tasks/{good}").into())),
        (
            "a token in multiValueHeaders",
            changed(&|event| {
                event["multiValueHeaders"] = json!({"authorization": [format!("Bearer {good}")]});
            }),
        ),
        (
            "an authorizer that accepted the request",
            changed(&|event| {
                event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": ADA}}, "principalId": ADA});
            }),
        ),
        (
            "the token of a session in a header of its own",
            changed(&|event| {
                event["headers"]["set-auth-token"] = SESSION.into();
            }),
        ),
    ]
}
