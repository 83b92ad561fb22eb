//! Times without a zone mean UTC. A default such as `now()` puts there what the clock of the session shows.

use sqlx::PgConnection;

use crate::MigrateError;
use crate::catalogue::Tasks;

/// Names that a clock of UTC goes by.
const UTC: [&str; 8] = ["utc", "gmt", "etc/utc", "etc/gmt", "uct", "etc/uct", "universal", "zulu"];

/// A zone that sessions have which do not choose one.
#[derive(sqlx::FromRow)]
struct Zone {
    /// The sessions: `this database`, `the role old`.
    whose: String,
    name: String,
    /// The statement that gives them UTC.
    fix: String,
}

/// What is said of each kind of session that would store another time than UTC.
pub(crate) async fn notes(database: &mut PgConnection, tasks: &Tasks) -> Result<Vec<String>, MigrateError> {
    let columns: Vec<&str> = tasks
        .columns
        .iter()
        .filter(|column| column.type_name == "timestamp")
        .filter(|column| column.default.as_ref().is_some_and(|default| tells_the_sessions_time(default)))
        .map(|column| column.name.as_str())
        .collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns = columns.join(" and ");
    let zones = zones(database).await?.into_iter().filter(|zone| !UTC.contains(&&*zone.name.to_lowercase()));
    let note = |Zone { whose, name, fix }: Zone| {
        format!(
            "the default of {columns} stores the time of day in {name}, the time zone of {whose}, and it is read as UTC: \
             {fix}"
        )
    };
    Ok(zones.map(note).collect())
}

/// Whether an expression gives a column without a zone what the session's clock shows.
fn tells_the_sessions_time(default: &str) -> bool {
    let default = default.to_lowercase();
    let is_a_clock =
        ["now()", "current_timestamp", "localtimestamp", "_timestamp()"].iter().any(|name| default.contains(name));
    is_a_clock && !default.contains("at time zone") && !default.contains("timezone(")
}

/// The zones that are set for this database, for roles in it, and for the server where this role may know that. Our own
/// session does not tell, because the driver sets its zone.
async fn zones(database: &mut PgConnection) -> Result<Vec<Zone>, MigrateError> {
    let mut zones: Vec<Zone> = sqlx::query_as(
        "select distinct on (setrole)
            case when setrole = 0 then 'this database' else format('the role %s', setrole::regrole) end as whose,
            split_part(setting, '=', 2) as name,
            case
                when setrole = 0 then format('alter database %I set timezone = ''UTC''', current_database())
                else format('alter role %s in database %I set timezone = ''UTC''', setrole::regrole, current_database())
            end as fix
        from pg_db_role_setting
        cross join unnest(setconfig) as setting
        where setdatabase in (0, (select oid from pg_database where datname = current_database()))
            and setting ilike 'timezone=%'
        -- What is set for one database comes before what is set for all.
        order by setrole, setdatabase desc",
    )
    .fetch_all(&mut *database)
    .await?;
    let may_ask: bool = sqlx::query_scalar(
        "select has_table_privilege('pg_file_settings', 'select')
            and has_function_privilege('pg_show_all_file_settings()', 'execute')",
    )
    .fetch_one(&mut *database)
    .await?;
    if may_ask && !zones.iter().any(|zone| zone.whose == "this database") {
        let of_the_server: Option<Zone> = sqlx::query_as(
            "select
                'this server' as whose,
                setting as name,
                format('alter database %I set timezone = ''UTC''', current_database()) as fix
            from pg_file_settings
            where name ilike 'timezone'
                and applied",
        )
        .fetch_optional(database)
        .await?;
        zones.extend(of_the_server);
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sessions_own_clock_is_meant() {
        for default in ["now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "transaction_timestamp()"] {
            assert!(tells_the_sessions_time(default), "{default}");
        }
        for default in ["(now() AT TIME ZONE 'utc'::text)", "timezone('utc'::text, now())", "'2026-11-21'::timestamp"] {
            assert!(!tells_the_sessions_time(default), "{default}");
        }
    }
}
