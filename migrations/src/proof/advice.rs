//! What to do about an operation that fails.

use shared::proof::ProofError;
use sqlx::{FromRow, PgConnection};

use crate::schema::difference::{Choice, Difference};

/// The role of the functions, as far as it concerns the table `tasks`.
#[derive(FromRow)]
pub(super) struct FunctionsRole {
    /// Not quoted.
    pub(super) name: String,
    /// Quoted for SQL.
    pub(super) quoted: String,
    /// Whether policies restrict the rows that it sees.
    pub(super) has_row_security: bool,
}

impl FunctionsRole {
    pub(super) async fn read(owner: &mut PgConnection, name: &str) -> Result<Self, sqlx::Error> {
        sqlx::query_as(
            "select
                rolname::text as name,
                quote_ident(rolname) as quoted,
                relrowsecurity
                    and not rolbypassrls
                    and not rolsuper
                    and (relforcerowsecurity or not pg_has_role(pg_roles.oid, relowner, 'usage')) as has_row_security
            from pg_roles
            cross join pg_class
            where rolname = $1
                and pg_class.oid = to_regclass('tasks')",
        )
        .bind(name)
        .fetch_one(owner)
        .await
    }
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";
const ROW_SECURITY: &str = "row-level security";

/// Whether an operation fails for want of a grant.
pub(super) fn is_missing_grant(error: &ProofError) -> bool {
    error.sqlstate.as_deref() == Some(INSUFFICIENT_PRIVILEGE) && !error.message.contains(ROW_SECURITY)
}

/// One difference for each failure. `hidden` says which rows the functions do not see.
pub(super) fn differences(role: &FunctionsRole, errors: &[ProofError], hidden: Option<String>) -> Vec<Difference> {
    let (by_row_security, others): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.message.contains(ROW_SECURITY));
    let refused = by_row_security.first().map(|error| format!("{} fails: {}", error.operation, error.message));
    let reasons: Vec<String> = hidden.into_iter().chain(refused).collect();
    let row_difference = (!reasons.is_empty()).then(|| {
        let reasons = reasons.join(", and ");
        if role.has_row_security {
            row_security(role, &reasons)
        } else {
            let advice = "DATABASE_URL and DATABASE_URL_UNPOOLED must lead to the same database";
            Difference::manual(reasons, advice)
        }
    });
    row_difference.into_iter().chain(others.into_iter().map(|error| failure(role, error))).collect()
}

fn row_security(role: &FunctionsRole, reasons: &str) -> Difference {
    let name = &role.quoted;
    Difference::choice(
        format!("row-level security of tasks restricts the role {}: {reasons}", role.name),
        [Choice::sql_if(
            "the functions restrict every statement to one user themselves, so this role may see all rows",
            format!("create policy tasks_of_functions on tasks to {name} using (true) with check (true);"),
        )],
    )
}

fn failure(role: &FunctionsRole, error: &ProofError) -> Difference {
    let ProofError { operation, message, sqlstate } = error;
    let code = sqlstate.as_ref().map(|sqlstate| format!(" ({sqlstate})")).unwrap_or_default();
    let description = format!("{operation} fails: {message}{code}");
    if let Some(grant) = is_missing_grant(error).then(|| grant(message, &role.quoted)).flatten() {
        let condition = "a trigger or a foreign key of tasks needs it";
        return Difference::choice(description, [Choice::sql_if(condition, grant)]);
    }
    let advice = match sqlstate.as_deref() {
        Some("23514" | "22001" | "23502" | "23503" | "23505") => {
            "a rule of the table refuses what the functions write: change the rule, or the setting whose values it refuses"
        }
        Some("55P03" | "57014") => "another transaction holds a lock, or the server is slow: try again",
        Some(code) if code.starts_with("42") || code == "P0001" => {
            "a trigger, a default or an index of the table may fail: the message names what it does not find or refuses"
        }
        _ => "the message is that of the server",
    };
    Difference::manual(description, advice)
}

/// The grant for `permission denied for table audit_log`.
fn grant(message: &str, role: &str) -> Option<String> {
    let (_, object) = message.split_once("permission denied for ")?;
    let (kind, name) = object.split_once(' ')?;
    let name = if name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_') {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    };
    match kind {
        "table" => Some(format!("grant select, insert, update, delete on {name} to {role};")),
        "sequence" => Some(format!("grant usage on sequence {name} to {role};")),
        "schema" => Some(format!("grant usage on schema {name} to {role};")),
        "function" => Some(format!("grant execute on function {name} to {role};")),
        _ => None,
    }
}
