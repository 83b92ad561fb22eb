//! Whether the tables that statements name are there, and what the role of the functions may do with them.

use crate::db::{CatalogTable, TableCheck};

/// A table that statements name, with the privileges that the functions need together.
struct Need {
    name: &'static str,
    /// `None`: the search path has it.
    schema: Option<&'static str>,
    privileges: &'static [&'static str],
}

const fn in_own_schema(name: &'static str, privileges: &'static [&'static str]) -> Need {
    Need { name, schema: Some("tasks_api"), privileges }
}

const NEEDS: [Need; 6] = [
    Need { name: "tasks", schema: None, privileges: &["select", "insert", "update", "delete"] },
    in_own_schema("task_fences", &["select", "insert", "delete"]),
    in_own_schema("idempotency_keys", &["select", "insert"]),
    in_own_schema("task_tags", &["select", "insert", "update", "delete"]),
    in_own_schema("task_tombstones", &["select"]),
    in_own_schema("sync_epoch", &["select"]),
];

/// Where the API signs tokens. `migrate` writes the codes.
const SIGN_IN_NEEDS: [Need; 5] = [
    in_own_schema("idempotency_keys", &["delete"]),
    in_own_schema("revoked_tokens", &["select", "insert", "delete"]),
    in_own_schema("token_versions", &["select", "insert", "update"]),
    in_own_schema("sign_in_buckets", &["select", "insert", "update", "delete"]),
    in_own_schema("reset_codes", &["select", "update", "delete"]),
];

/// The check of the tables. Privileges on columns and policies make its condition false although nothing need be wrong.
pub(crate) const TABLE_CHECK: TableCheck = TableCheck {
    names: &["tasks", "task_fences", "idempotency_keys", "task_tags", "task_tombstones", "sync_epoch"],
    schemas: &["tasks_api"],
    is_usual: TABLES_ARE_USUAL,
};

/// The check of the tables that are needed beside those of [`TABLE_CHECK`] where the API signs tokens.
pub(crate) const SIGN_IN_TABLE_CHECK: TableCheck = TableCheck {
    names: &["idempotency_keys", "revoked_tokens", "token_versions", "sign_in_buckets", "reset_codes"],
    schemas: &["tasks_api"],
    is_usual: SIGN_IN_TABLES_ARE_USUAL,
};

const TABLES_ARE_USUAL: &str = "\
(
    select
        bool_and(coalesce(has_table_privilege(oid, privilege) and not row_security_active(oid), false))
        and not exists (
            select
            from pg_depend
            where classid = 'pg_class'::regclass
                and refclassid = 'pg_class'::regclass
                and refobjid = to_regclass('tasks')
                and deptype = 'a'
                and case (select relkind from pg_class where oid = objid)
                    when 'S' then not has_sequence_privilege(objid, 'usage')
                end
        )
    from (
        values
            ('tasks', 'select'),
            ('tasks', 'insert'),
            ('tasks', 'update'),
            ('tasks', 'delete'),
            ('tasks_api.task_fences', 'select'),
            ('tasks_api.task_fences', 'insert'),
            ('tasks_api.task_fences', 'delete'),
            ('tasks_api.idempotency_keys', 'select'),
            ('tasks_api.idempotency_keys', 'insert'),
            ('tasks_api.task_tags', 'select'),
            ('tasks_api.task_tags', 'insert'),
            ('tasks_api.task_tags', 'update'),
            ('tasks_api.task_tags', 'delete'),
            ('tasks_api.task_tombstones', 'select'),
            ('tasks_api.sync_epoch', 'select')
    ) as needs (name, privilege)
    cross join lateral (select to_regclass(name)::oid as oid) as tables
)";

const SIGN_IN_TABLES_ARE_USUAL: &str = "\
(
    select bool_and(coalesce(has_table_privilege(oid, privilege) and not row_security_active(oid), false))
    from (
        values
            ('idempotency_keys', 'delete'),
            ('revoked_tokens', 'select'),
            ('revoked_tokens', 'insert'),
            ('revoked_tokens', 'delete'),
            ('token_versions', 'select'),
            ('token_versions', 'insert'),
            ('token_versions', 'update'),
            ('sign_in_buckets', 'select'),
            ('sign_in_buckets', 'insert'),
            ('sign_in_buckets', 'update'),
            ('sign_in_buckets', 'delete'),
            ('reset_codes', 'select'),
            ('reset_codes', 'update'),
            ('reset_codes', 'delete')
    ) as needs (name, privilege)
    cross join lateral (select to_regclass('tasks_api.' || name)::oid as oid) as tables
)";

/// What will fail, or return too few rows: for the log, each with what helps. `signs_tokens` as for
/// [`SIGN_IN_TABLE_CHECK`].
pub(crate) fn table_problems(catalog: &[CatalogTable], signs_tokens: bool) -> Vec<String> {
    let sign_in_needs = SIGN_IN_NEEDS.iter().filter(|_| signs_tokens);
    let mut problems = Vec::new();
    for problem in NEEDS.iter().chain(sign_in_needs).flat_map(|need| need.problems(catalog)) {
        // Several tables are in the same schema.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
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
