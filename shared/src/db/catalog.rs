//! What PostgreSQL's catalog says about tables: their columns, and what the role of the functions may do with them.

use super::error::DbError;
use super::param::SqlParam;
use super::query::Query;
use super::row::Row;

/// Tables that are checked together, before the first request.
#[derive(Debug)]
pub(crate) struct TableCheck {
    pub(crate) names: &'static [&'static str],
    /// The schemas besides those of the search path that can have them.
    pub(crate) schemas: &'static [&'static str],
    /// The condition that nothing is wrong, which takes the server less time than reading the catalog. It may also fail.
    pub(crate) is_usual: &'static str,
}

/// A table or a view.
#[derive(Debug)]
pub(crate) struct CatalogTable {
    pub(crate) name: String,
    /// With its schema, quoted where necessary.
    pub(crate) qualified_name: String,
    /// The schema, quoted where necessary.
    pub(crate) schema: String,
    /// Whether its name alone, without the schema, means this table.
    pub(crate) is_visible: bool,
    /// The role of the functions, quoted where necessary.
    pub(crate) role: String,
    pub(crate) schema_is_usable: bool,
    /// Those of `select`, `insert`, `update` and `delete` that the role lacks.
    pub(crate) missing_privileges: Vec<String>,
    /// The sequences of `serial` columns from which the role may not draw, quoted where necessary.
    pub(crate) unusable_sequences: Vec<String>,
    /// Whether row-level security applies to the role, and no policy gives it all rows.
    pub(crate) hides_rows: bool,
    /// Whether it is a table that never had a row, or none since it was last emptied.
    pub(crate) is_empty: bool,
    pub(crate) columns: Vec<CatalogColumn>,
}

/// A column.
#[derive(Debug)]
pub(crate) struct CatalogColumn {
    pub(crate) name: String,
    pub(crate) category: TypeCategory,
    pub(crate) is_readable: bool,
}

/// What a type is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypeCategory {
    /// Dates and timestamps.
    Time,
    Number,
    Text,
    /// Such as uuid and json.
    Other,
}

/// The tables with one of the names `$1` that are visible or in one of the schemas `$2`. The visible ones come first.
const TABLES: &str = "\
select
    c.relname::text,
    format('%I.%I', n.nspname, c.relname),
    quote_ident(n.nspname),
    pg_table_is_visible(c.oid),
    quote_ident(current_user),
    has_schema_privilege(n.oid, 'usage'),
    array(
        select privilege
        from unnest(array['select', 'insert', 'update', 'delete']) as privilege
        where not has_table_privilege(c.oid, privilege)
            and (privilege = 'delete' or not has_any_column_privilege(c.oid, privilege))
    ),
    array(
        select s.oid::regclass::text
        from pg_depend as d
        join pg_class as s on s.oid = d.objid
        where d.classid = 'pg_class'::regclass
            and d.refclassid = 'pg_class'::regclass
            and d.refobjid = c.oid
            and d.deptype = 'a'
            and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'usage') end
    ),
    row_security_active(c.oid) and not exists (
        select
        from pg_policy
        where polrelid = c.oid
            and polpermissive
            and polcmd = '*'
            and pg_get_expr(polqual, polrelid) = 'true'
            and exists (select from unnest(polroles) as role where role = 0 or pg_has_role(role, 'usage'))
    ),
    coalesce(c.relkind = 'r' and pg_relation_size(c.oid) = 0, false),
    array_agg(a.attname::text order by a.attnum),
    array_agg(t.typcategory::text order by a.attnum),
    array_agg(has_column_privilege(c.oid, a.attnum, 'select') order by a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid
join pg_type as t on t.oid = a.atttypid
where c.relname = any ($1::text[])
    and (pg_table_is_visible(c.oid) or n.nspname = any ($2::text[]))
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and a.attnum > 0
    and not a.attisdropped
group by c.oid, n.oid, n.nspname, c.relname, c.relkind
order by pg_table_is_visible(c.oid) desc, c.relname
";

impl CatalogTable {
    /// Returns the tables with these names that are in the search path of the role, and then those in these schemas.
    pub(crate) fn query<'a>(
        names: impl IntoIterator<Item = &'a str>,
        schemas: impl IntoIterator<Item = &'a str>,
    ) -> Query<'static> {
        Query::new("catalog", TABLES, vec![SqlParam::from_texts(names), SqlParam::from_texts(schemas)])
    }

    /// Decodes a row of [`CatalogTable::query`].
    pub(crate) fn from_row(row: &Row) -> Result<Self, DbError> {
        let (names, categories, readable): (Vec<String>, Vec<String>, Vec<bool>) =
            (row.get(10)?, row.get(11)?, row.get(12)?);
        let columns = names.into_iter().zip(categories).zip(readable).map(|((name, category), is_readable)| {
            CatalogColumn { name, category: TypeCategory::from_letter(&category), is_readable }
        });
        Ok(Self {
            name: row.get(0)?,
            qualified_name: row.get(1)?,
            schema: row.get(2)?,
            is_visible: row.get(3)?,
            role: row.get(4)?,
            schema_is_usable: row.get(5)?,
            missing_privileges: row.get(6)?,
            unusable_sequences: row.get(7)?,
            hides_rows: row.get(8)?,
            is_empty: row.get(9)?,
            columns: columns.collect(),
        })
    }

    /// What row-level security means for the functions, if it hides rows, with the statement that helps.
    pub(crate) fn row_security_problem(&self) -> Option<String> {
        let Self { qualified_name, role, .. } = self;
        self.hides_rows.then(|| {
            format!(
                "row-level security is active on {qualified_name} for the role {role}, and no policy gives it all rows: \
                 create policy all_rows_for_functions on {qualified_name} to {role} using (true) with check (true)"
            )
        })
    }
}

impl TypeCategory {
    /// From the column `typcategory` of `pg_type`.
    fn from_letter(letter: &str) -> Self {
        match letter {
            "D" => Self::Time,
            "N" => Self::Number,
            "S" => Self::Text,
            _ => Self::Other,
        }
    }
}
