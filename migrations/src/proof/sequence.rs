//! Whether the next id of a task is free.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::TasksTable;
use crate::schema::difference::{Choice, Difference};

/// The difference when the sequence of `tasks.id` is behind the largest id, as after an import.
pub(super) async fn difference(
    owner: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Option<Difference>, sqlx::Error> {
    let is_integer = tasks.column("id").is_some_and(|id| matches!(&*id.type_name, "int2" | "int4" | "int8"));
    if !is_integer {
        return Ok(None);
    }
    let sequence: Option<String> = sqlx::query_scalar(
        "select pg_class.oid::regclass::text
        from pg_class
        left join pg_depend
            on pg_depend.refobjid = pg_class.oid
            and pg_depend.classid = 'pg_attrdef'::regclass
        left join pg_attrdef
            on pg_attrdef.oid = pg_depend.objid
        left join pg_attribute
            on attrelid = adrelid
            and attnum = adnum
        where relkind = 'S'
            and (
                pg_class.oid = to_regclass(pg_get_serial_sequence(to_regclass('tasks')::text, 'id'))
                or (adrelid = to_regclass('tasks') and attname = 'id')
            )
            and case when relkind = 'S' then has_sequence_privilege(pg_class.oid, 'select') end
        limit 1",
    )
    .fetch_optional(&mut *owner)
    .await?;
    let Some(sequence) = sequence else { return Ok(None) };
    let sql = format!(
        "select max(id)::int8, last_value + case when is_called then 1 else 0 end
        from {sequence}
        left join tasks
            on true
        group by 2"
    );
    let (largest, next): (Option<i64>, i64) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(owner).await?;
    let Some(largest) = largest.filter(|largest| *largest >= next) else { return Ok(None) };
    Ok(Some(Difference::choice(
        format!("the sequence {sequence} gives the id {next} next, and there are ids up to {largest}"),
        [Choice::sql_if(
            "to continue after them",
            format!("select setval('{sequence}', (select max(id) from tasks));"),
        )],
    )))
}
