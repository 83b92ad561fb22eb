//! Whether the time of a refused sign-in tells if there is such a user.

use std::cell::Cell;
use std::net::Ipv4Addr;

use crate::bench::env::{Authentication, TlsMode};
use crate::bench::error::BenchError;
use crate::bench::function::Function;
use crate::bench::operation::{Operation, Tasks};
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::Runner;
use crate::bench::statistics::{duration_text, median};
use crate::bench::subjects::Subjects;

/// How many users of each kind try to sign in.
const USERS: usize = 200;
/// How far the medians may be apart.
const GOAL: Goal = Goal::NearOne(0.05);
/// The first client. Every attempt has a client of its own, or it would be one too many.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

const SIGN_IN: Operation = Operation {
    function: "login",
    method: "POST",
    path: "/api/auth/login",
    body: r#"{"email": "{email}", "password": "wrong password"}"#,
    status: 401,
    tasks: Tasks::Some(0),
    statement: "",
    goal: None,
};

/// The users who exist are those of [`PASSWORD_TABLE`](crate::bench::operation::PASSWORD_TABLE).
pub(in crate::bench) fn sign_in(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let authentication = Authentication {
        name: "password",
        variables: vec![("AUTH_MODE", "password".to_owned()), ("AUTH_TOKEN_SECRET", subjects.env.secret.clone())],
        token: String::new(),
    };
    let port = subjects.env.address.port();
    let launch = subjects.function(&SIGN_IN, &authentication, port, TlsMode::Disabled);
    let mut function = Function::start(&runner.api, &launch, &runner.processors)?;
    let clients = Cell::new(CLIENT.to_bits());
    let mut attempt = |email: String| -> Result<f64, BenchError> {
        clients.set(clients.get() + 1);
        let event = String::from_utf8_lossy(&subjects.env.event(&SIGN_IN, 0, None)?).into_owned();
        let client = Ipv4Addr::from_bits(clients.get()).to_string();
        let event = event.replace("192.0.2.1", &client).replace("{email}", &email);
        Ok(function.invoke(event.as_bytes())?.latency.as_secs_f64())
    };
    attempt("warm-up@example.com".to_owned())?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turns, so that what slows the machine down slows both kinds down.
    for number in 1..=runner.effort.requests.min(USERS) {
        known.push(attempt(format!("known-{number}@example.com"))?);
        unknown.push(attempt(format!("unknown-{number}@example.com"))?);
    }
    let (known, unknown) = (median(known), median(unknown));
    let mut section = Section::new(
        "Refused sign-ins",
        format!("Medians of {USERS} users each, with a wrong password. Details: a user who exists / one who does not."),
    );
    let details = format!("{} / {}", duration_text(known), duration_text(unknown));
    section.row("latency, known ÷ unknown users", known / unknown, Unit::Ratio, Some(GOAL), details);
    Ok(section)
}
