//! The tables of Better Auth, for the settings of the functions.

use shared::proof::{ProofError, SignInCheck, check_sign_in};

use crate::options::Functions;
use crate::proof::findings::Findings;
use crate::schema::difference::{Choice, Difference};

pub(super) async fn check(functions: &Functions, findings: &mut Findings) {
    match check_sign_in(&functions.database_url, |name| functions.setting(name)).await {
        Err(error) => findings.differences.push(Difference::manual(
            "the functions would not start with these settings",
            error.to_string(),
        )),
        Ok(None) => findings.note(
            "sign-in was not checked, because none of AUTH_MODE, BETTER_AUTH_URL, BETTER_AUTH_SECRET, JWKS_URL and JWKS_JSON \
             is set",
        ),
        Ok(Some(SignInCheck { problems, lacks_keys, without_sessions })) => {
            findings.differences.extend(problems.iter().map(difference));
            if lacks_keys {
                findings.note("Better Auth has no keys yet: its plugin jwt() makes one with the first token");
            }
            if let Some(table) = without_sessions {
                findings.note(format!(
                    "{table} has no session that has not expired: if users are signed in, Better Auth keeps their sessions \
                     elsewhere (secondaryStorage), where the functions cannot read them"
                ));
            }
        }
    }
}

fn difference(problem: &ProofError) -> Difference {
    let describe = |message: &str| format!("sign-in does not work: {message}");
    // The functions log what has to be granted, in this form.
    if let Some((reason, grant)) = problem.message.rsplit_once(": grant ") {
        return Difference::choice(describe(reason), [Choice::sql_if("as the owner", format!("grant {grant};"))]);
    }
    let advice = "run Better Auth's migration in this database, or correct AUTH_MODE and JWKS_SOURCE";
    Difference::manual(describe(&problem.message), advice)
}
