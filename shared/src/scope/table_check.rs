//! Whether the tables of users' rows are there, and what the role of the functions may do with them.

use super::allowed::USER_TABLES;
use crate::db::CatalogTable;

/// What will fail, or return too few rows: for the log, each with what helps.
pub(crate) fn table_problems(catalog: &[CatalogTable]) -> Vec<String> {
    USER_TABLES.iter().flat_map(|name| problems(name, catalog)).collect()
}

fn problems(name: &str, catalog: &[CatalogTable]) -> Vec<String> {
    let Some(table) = catalog.iter().find(|table| table.name == name && table.is_visible) else {
        return vec![format!("there is no table {name} in the search path: make migrate creates it")];
    };
    let CatalogTable { qualified_name, role, missing_privileges, .. } = table;
    let missing = (!missing_privileges.is_empty()).then(|| {
        let privileges = missing_privileges.join(", ");
        format!("the role {role} lacks privileges: grant {privileges} on {qualified_name} to {role}")
    });
    missing.into_iter().chain(table.row_security_problem()).collect()
}
