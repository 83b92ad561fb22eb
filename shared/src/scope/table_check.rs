//! Whether the tables that statements name are there, and what the role of the functions may do with them.

use crate::db::CatalogTable;

/// The tables, each with the privileges that the functions need together.
const NEEDS: [(&str, &[&str]); 2] =
    [("tasks", &["select", "insert", "update", "delete"]), ("task_fences", &["select", "insert", "delete"])];

/// The names of the tables.
pub(crate) const CHECKED_TABLES: [&str; NEEDS.len()] = [NEEDS[0].0, NEEDS[1].0];

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
