//! The proof: what the functions do, as an existing user.

use shared::proof::{Proof, ProofError};
use sqlx::PgConnection;

use crate::error::MigrateError;
use crate::options::Functions;
use crate::proof::advice::{self, FunctionsRole};
use crate::proof::counts::{self, TaskCounts};
use crate::proof::findings::Findings;
use crate::proof::{grants, references, sequence, sign_in};
use crate::schema::catalog::{TasksTable, UserTable};
use crate::schema::difference::Difference;

/// Tries what the functions do. `owner` is a read-only session of the role that migrates. `users` is the table that `user_id`
/// references.
pub(crate) async fn prove(
    owner: &mut PgConnection,
    owner_url: &str,
    functions: &Functions,
    tasks: &TasksTable,
    users: Option<&UserTable>,
) -> Result<Findings, MigrateError> {
    let mut findings = Findings::default();
    findings.differences.extend(sequence::difference(owner, tasks).await?);
    findings.notes.extend(references::notes(owner, owner_url, users).await?);
    match Proof::begin(&functions.database_url, |name| functions.setting(name)).await {
        Ok(proof) => {
            let tried = try_as_users(owner, &proof, functions.have_own_users(), users, &mut findings).await;
            proof.roll_back().await;
            tried?;
        }
        Err(error) => findings.differences.push(cannot_begin(&error)),
    }
    sign_in::check(functions, &mut findings).await;
    Ok(findings)
}

async fn try_as_users(
    owner: &mut PgConnection,
    proof: &Proof,
    have_own_users: bool,
    users: Option<&UserTable>,
    findings: &mut Findings,
) -> Result<(), MigrateError> {
    let role = FunctionsRole::read(owner, proof.role()).await?;
    let missing_grants = grants::differences(owner, &role, have_own_users).await?;
    let own_table = counts::table_name(owner).await?;
    if proof.tasks() != own_table.as_deref() && missing_grants.is_empty() {
        findings.differences.push(other_table(proof, own_table.as_deref(), &role));
        return Ok(());
    }
    let sample = counts::sample_users(owner, users).await?;
    // Before anything is tried, because that changes what is shown.
    let mut hidden = None;
    let mut errors = Vec::new();
    for user in &sample {
        match proof.shown(&user.id).await {
            Ok(shown) => hidden = hidden.or_else(|| user.counts.difference_from(&TaskCounts::from(shown), &user.id)),
            Err(error) => errors.push(error),
        }
    }
    let visible = proof.visible().await;
    match sample.first() {
        Some(user) => errors.extend(proof.try_operations(&user.id).await),
        None => findings.note("there is no user yet, so nothing could be tried as one"),
    }
    // Each grant is named once, whatever fails without it.
    let has_missing_grants = !missing_grants.is_empty();
    findings.differences.extend(missing_grants);
    errors.retain(|error| !(has_missing_grants && advice::is_missing_grant(error)));
    errors.dedup();
    if let (None, Ok(visible)) = (&hidden, visible) {
        hidden = counts::difference_in_total(owner, visible, &role).await?;
    }
    findings.differences.extend(advice::differences(&role, &errors, hidden));
    Ok(())
}

fn cannot_begin(error: &ProofError) -> Difference {
    let advice = "the functions connect with DATABASE_URL; migrations use DATABASE_URL_UNPOOLED if it is set";
    Difference::manual(format!("{} fails: {}", error.operation, error.message), advice)
}

/// The two URLs lead to different tables.
fn other_table(proof: &Proof, own_table: Option<&str>, role: &FunctionsRole) -> Difference {
    let own_table = own_table.unwrap_or("no table");
    Difference::manual(
        format!(
            "the role {} of the functions finds {} instead of {own_table}",
            role.name,
            proof.tasks().unwrap_or("no table tasks")
        ),
        "DATABASE_URL and DATABASE_URL_UNPOOLED must lead to the same database, and both roles need the same search path",
    )
}
