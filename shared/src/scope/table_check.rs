//! Whether the tables that statements name are there, and what the role of the functions may do with them.

use crate::db::CatalogTable;

/// The tables, each with the privileges that the functions need together.
const NEEDS: [(&str, &[&str]); 2] =
    [("tasks", &["select", "insert", "update", "delete"]), ("task_fences", &["select", "insert", "delete"])];

/// The names of the tables.
pub(crate) const CHECKED_TABLES: [&str; NEEDS.len()] = [NEEDS[0].0, NEEDS[1].0];

/// The condition that there is nothing to say, which costs a start less than reading the catalog. Privileges on columns
/// and policies make it false although nothing need be wrong.
pub(crate) const TABLES_ARE_USABLE: &str = "\
(
    select
        has_table_privilege(tasks, 'select')
        and has_table_privilege(tasks, 'insert')
        and has_table_privilege(tasks, 'update')
        and has_table_privilege(tasks, 'delete')
        and has_table_privilege(fences, 'select')
        and has_table_privilege(fences, 'insert')
        and has_table_privilege(fences, 'delete')
        and not row_security_active(tasks)
        and not row_security_active(fences)
        and not exists (
            select
            from pg_depend
            where classid = 'pg_class'::regclass
                and refclassid = 'pg_class'::regclass
                and refobjid = tasks
                and deptype = 'a'
                and case (select relkind from pg_class where oid = objid)
                    when 'S' then not has_sequence_privilege(objid, 'usage')
                end
        )
    from (select to_regclass('tasks')::oid as tasks, to_regclass('task_fences')::oid as fences) as tables
)";

/// What will fail, or return too few rows: for the log, each with what helps.
pub(crate) fn table_problems(catalog: &[CatalogTable]) -> Vec<String> {
    NEEDS.iter().flat_map(|(name, privileges)| problems(name, privileges, catalog)).collect()
}

fn problems(name: &str, privileges: &[&str], catalog: &[CatalogTable]) -> Vec<String> {
    let Some(table) = catalog.iter().find(|table| table.name == name && table.is_visible) else {
        return vec![format!("there is no table {name} in the search path: make migrate creates it")];
    };
    let (name, role) = (&table.qualified_name, &table.role);
    let lacks = |privilege: &&str| table.missing_privileges.iter().any(|missing| missing == privilege);
    let missing: Vec<&str> = privileges.iter().copied().filter(lacks).collect();
    let grant =
        |privileges: &str, of: &str| format!("the role {role} lacks privileges: grant {privileges} on {of} to {role}");
    let on_table = (!missing.is_empty()).then(|| grant(&missing.join(", "), name));
    let on_sequences = table.unusable_sequences.iter().map(|sequence| grant("usage", &format!("sequence {sequence}")));
    on_table.into_iter().chain(on_sequences).chain(table.row_security_problem()).collect()
}
