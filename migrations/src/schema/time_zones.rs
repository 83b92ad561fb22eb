//! Columns without a time zone. The functions read their values as UTC, but a default such as `now()` stores the local
//! time of the session.

use sqlx::PgConnection;

use crate::schema::catalog::TasksTable;

/// The names of zones whose time is UTC, in lower case.
const UTC_NAMES: [&str; 8] = ["utc", "gmt", "etc/utc", "etc/gmt", "uct", "etc/uct", "universal", "zulu"];

/// A default time zone of sessions.
#[derive(sqlx::FromRow)]
struct DefaultZone {
    /// The sessions that get it: `this database`, `the role old`.
    scope: String,
    name: String,
    /// The statement that changes it to UTC.
    fix: String,
}

/// One sentence for each kind of session whose defaults store another time than UTC.
pub(crate) async fn notes(database: &mut PgConnection, tasks: &TasksTable) -> Result<Vec<String>, sqlx::Error> {
    let columns: Vec<&str> = tasks
        .columns
        .iter()
        .filter(|column| column.type_name == "timestamp")
        .filter(|column| column.default.as_ref().is_some_and(|default| is_session_time(default)))
        .map(|column| column.name.as_str())
        .collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns = columns.join(" and ");
    let zones = default_zones(database).await?.into_iter();
    let zones = zones.filter(|zone| !UTC_NAMES.contains(&&*zone.name.to_lowercase()));
    let note = |DefaultZone { scope, name, fix }: DefaultZone| {
        format!(
            "the default of {columns} stores the time of day in {name}, the time zone of {scope}, and it is read as UTC: \
             {fix}"
        )
    };
    Ok(zones.map(note).collect())
}

/// Whether a default gives a column without a time zone the local time of the session.
fn is_session_time(default: &str) -> bool {
    let default = default.to_lowercase();
    let is_current_time =
        ["now()", "current_timestamp", "localtimestamp", "_timestamp()"].iter().any(|name| default.contains(name));
    is_current_time && !default.contains("at time zone") && !default.contains("timezone(")
}

/// The time zones that are set for this database, for roles in it, and for the server if this role may read that. The
/// setting of our own session is of no use: sqlx sets it when it connects.
async fn default_zones(database: &mut PgConnection) -> Result<Vec<DefaultZone>, sqlx::Error> {
    let mut zones: Vec<DefaultZone> = sqlx::query_as(
        "select distinct on (setrole)
            case when setrole = 0 then 'this database' else format('the role %s', setrole::regrole) end as scope,
            split_part(setting, '=', 2) as name,
            case
                when setrole = 0 then format('alter database %I set timezone = ''UTC''', current_database())
                else format('alter role %s in database %I set timezone = ''UTC''', setrole::regrole, current_database())
            end as fix
        from pg_db_role_setting
        cross join unnest(setconfig) as setting
        where setdatabase in (0, (select oid from pg_database where datname = current_database()))
            and setting ilike 'timezone=%'
        -- A setting for one database overrides a setting for all.
        order by setrole, setdatabase desc",
    )
    .fetch_all(&mut *database)
    .await?;
    let can_read_server_settings: bool = sqlx::query_scalar(
        "select has_table_privilege('pg_file_settings', 'select')
            and has_function_privilege('pg_show_all_file_settings()', 'execute')",
    )
    .fetch_one(&mut *database)
    .await?;
    if can_read_server_settings && !zones.iter().any(|zone| zone.scope == "this database") {
        let server_zone: Option<DefaultZone> = sqlx::query_as(
            "select
                'this server' as scope,
                setting as name,
                format('alter database %I set timezone = ''UTC''', current_database()) as fix
            from pg_file_settings
            where name ilike 'timezone'
                and applied",
        )
        .fetch_optional(database)
        .await?;
        zones.extend(server_zone);
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_defaults_in_session_time_are_found() {
        for default in ["now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "transaction_timestamp()"] {
            assert!(is_session_time(default), "{default}");
        }
        for default in ["(now() AT TIME ZONE 'utc'::text)", "timezone('utc'::text, now())", "'2026-11-21'::timestamp"] {
            assert!(!is_session_time(default), "{default}");
        }
    }
}
