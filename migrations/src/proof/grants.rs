//! Privileges of the role of the functions.

use sqlx::{FromRow, PgConnection};

use crate::proof::advice::FunctionsRole;
use crate::schema::difference::{Choice, Difference};

/// An object on which the role lacks privileges.
#[derive(FromRow)]
struct MissingGrant {
    /// `table public.tasks`.
    object: String,
    /// Comma list.
    privileges: String,
}

/// One difference for each object. `have_own_users`: users sign in at this API. Of the sequence only a serial column needs a privilege: identity columns need none.
pub(super) async fn differences(
    owner: &mut PgConnection,
    role: &FunctionsRole,
    have_own_users: bool,
) -> Result<Vec<Difference>, sqlx::Error> {
    let missing: Vec<MissingGrant> = sqlx::query_as(
        "with relation as (
            select pg_class.oid, relnamespace, privileges
            from (values
                ('tasks', array['select', 'insert', 'update', 'delete'], true),
                ('tasks_api.task_fences', array['select', 'insert', 'delete'], true),
                ('tasks_api.task_tombstones', array['select'], true),
                ('tasks_api.sync_epoch', array['select'], true),
                ('tasks_api.idempotency_keys', array['select', 'insert'], true),
                ('tasks_api.task_tags', array['select', 'insert', 'update', 'delete'], true),
                ('tasks_api.idempotency_keys', array['delete'], $2),
                ('tasks_api.revoked_tokens', array['select', 'insert', 'delete'], $2),
                ('tasks_api.token_versions', array['select', 'insert', 'update'], $2),
                ('tasks_api.sign_in_buckets', array['select', 'insert', 'update', 'delete'], $2),
                ('tasks_api.reset_codes', array['select', 'update', 'delete'], $2)
            ) as needed (name, privileges, is_needed)
            join pg_class
                on pg_class.oid = to_regclass(name)
            where is_needed
        ),
        -- Materialized, because the functions about sequences fail for other relations.
        sequence as materialized (
            select refobjid as oid
            from pg_attrdef
            join pg_attribute
                on attrelid = adrelid
                and attnum = adnum
            join pg_depend
                on pg_depend.classid = 'pg_attrdef'::regclass
                and pg_depend.objid = pg_attrdef.oid
                and refclassid = 'pg_class'::regclass
            join pg_class
                on pg_class.oid = refobjid
                and relkind = 'S'
            where adrelid = to_regclass('tasks')
                and attname = 'id'
        )
        select distinct format('schema %I', nspname) as object, 'usage' as privileges
        from relation
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where not has_schema_privilege($1, nspname, 'usage')
        union all
        select 'table ' || oid::regclass, string_agg(privilege, ', ')
        from relation
        cross join unnest(privileges) as privilege
        where not has_table_privilege($1, oid, privilege)
        group by oid
        union all
        select 'sequence ' || oid::regclass, 'usage'
        from sequence
        where not has_sequence_privilege($1, oid, 'usage')
            and not has_sequence_privilege($1, oid, 'update')",
    )
    .bind(&role.name)
    .bind(have_own_users)
    .fetch_all(owner)
    .await?;
    Ok(missing.iter().map(|grant| difference(role, grant)).collect())
}

fn difference(role: &FunctionsRole, MissingGrant { object, privileges }: &MissingGrant) -> Difference {
    Difference::choice(
        format!("the role {} of the functions lacks {privileges} on the {object}", role.name),
        [Choice::sql_if("as the owner", format!("grant {privileges} on {object} to {};", role.quoted))],
    )
}
