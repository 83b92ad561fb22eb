//! Whether the tables that statements name are there, and what the role of the functions may do with them.

use crate::db::{CatalogTable, TableCheck};

/// A table that statements name, with the privileges that the functions need together.
struct Need {
    name: &'static str,
    /// `None`: the search path has it.
    schema: Option<&'static str>,
    privileges: &'static [&'static str],
}

const TASKS: Need = Need { name: "tasks", schema: None, privileges: &["select", "insert", "update", "delete"] };
const FENCES: Need =
    Need { name: "task_fences", schema: Some("tasks_api"), privileges: &["select", "insert", "delete"] };

/// The check of the tables. Privileges on columns and policies make its condition false although nothing need be wrong.
pub(crate) const TABLE_CHECK: TableCheck =
    TableCheck { names: &["tasks", "task_fences"], schemas: &["tasks_api"], is_usual: TABLES_ARE_USUAL };

const TABLES_ARE_USUAL: &str = "\
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
    from (select to_regclass('tasks')::oid as tasks, to_regclass('tasks_api.task_fences')::oid as fences) as tables
)";

/// What will fail, or return too few rows: for the log, each with what helps.
pub(crate) fn table_problems(catalog: &[CatalogTable]) -> Vec<String> {
    [TASKS, FENCES].iter().flat_map(|need| need.problems(catalog)).collect()
}

impl Need {
    fn problems(&self, catalog: &[CatalogTable]) -> Vec<String> {
        let is_meant = |table: &&CatalogTable| {
            table.name == self.name && self.schema.map_or(table.is_visible, |schema| table.schema == schema)
        };
        let Some(table) = catalog.iter().find(is_meant) else {
            let place = self.schema.map_or("search path".to_owned(), |schema| format!("schema {schema}"));
            return vec![format!("there is no table {} in the {place}: make migrate creates it", self.name)];
        };
        let CatalogTable { qualified_name, schema, role, .. } = table;
        let grant = |privileges: &str, of: &str| {
            format!("the role {role} lacks privileges: grant {privileges} on {of} to {role}")
        };
        let lacks = |privilege: &&str| table.missing_privileges.iter().any(|missing| missing == privilege);
        let missing: Vec<&str> = self.privileges.iter().copied().filter(lacks).collect();
        let on_schema = (!table.schema_is_usable).then(|| grant("usage", &format!("schema {schema}")));
        let on_table = (!missing.is_empty()).then(|| grant(&missing.join(", "), qualified_name));
        let on_sequences = table.unusable_sequences.iter().map(|name| grant("usage", &format!("sequence {name}")));
        on_schema.into_iter().chain(on_table).chain(on_sequences).chain(table.row_security_problem()).collect()
    }
}
