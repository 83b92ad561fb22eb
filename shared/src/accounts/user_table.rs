//! The table of users with passwords: which one it is, and which columns it has.

use crate::db::{DbError, Query, Row, SqlParam};

/// The tables that are asked for, with their columns.
const TABLES: &str = "\
select
    c.relname::text,
    format('%I.%I', n.nspname, c.relname),
    array_agg(a.attname::text order by a.attnum),
    array_agg(quote_ident(a.attname) order by a.attnum),
    array_agg(format_type(a.atttypid, -1) order by a.attnum),
    array_agg(t.typcategory::text order by a.attnum),
    array_agg(
        case when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and a.atttypmod > 4 then a.atttypmod - 4 end
        order by a.attnum
    ),
    array_agg(
        a.attnotnull and not a.atthasdef and a.attidentity = '' and t.typdefault is null
        order by a.attnum
    )
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid
join pg_type as t on t.oid = a.atttypid
where c.relname = any ($1::text[])
    and pg_table_is_visible(c.oid)
    and c.relkind in ('r', 'p')
    and a.attnum > 0
    and not a.attisdropped
group by c.oid, n.nspname, c.relname
order by c.relname
";

/// The names that the table has in the models of back ends.
const USUAL_NAMES: [&str; 2] = ["users", "user"];
/// The names of the column with the hash, the first one first.
const HASH_COLUMNS: [&str; 3] = ["password_hash", "hashed_password", "password"];
/// Better Auth keeps passwords in this table, under the name without or with `usePlural`.
const BETTER_AUTH_TABLES: [&str; 2] = ["account", "accounts"];

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    name: String,
    /// Quoted where necessary.
    pub(super) quoted: String,
    /// As PostgreSQL writes it: `character varying`.
    pub(super) type_name: String,
    /// The letter of `pg_type.typcategory`.
    category: String,
    /// The maximum number of characters.
    pub(super) max_length: Option<i32>,
    /// It is not null and has no default.
    pub(super) needs_value: bool,
}

/// A table of the catalog.
#[derive(Debug)]
struct Table {
    name: String,
    qualified_name: String,
    columns: Vec<Column>,
}

/// The table of users with passwords.
#[derive(Debug)]
pub(super) struct UserTable {
    /// With its schema, quoted where necessary.
    pub(super) name: String,
    pub(super) id: Column,
    pub(super) email: Column,
    pub(super) hash: Column,
    pub(super) is_active: Option<Column>,
    pub(super) created_at: Option<Column>,
    pub(super) updated_at: Option<Column>,
    /// `name`, `full_name` and `username`, in this order.
    pub(super) names: [Option<Column>; 3],
    /// Why nobody can sign up, if that is so.
    pub(super) sign_up_problem: Option<String>,
}

/// Which users there are.
#[derive(Debug)]
pub(super) enum Users {
    /// They sign in here.
    Own(Box<UserTable>),
    /// They sign in at Better Auth.
    Elsewhere,
    /// The settings must say which of these tables is meant.
    Ambiguous(Vec<String>),
    /// The table that the settings name cannot be used, for this reason.
    Unusable(String),
}

impl Users {
    /// Asks for the tables that [`Users::from_rows`] understands.
    pub(super) fn query(named: Option<&str>) -> Query<'static> {
        let names = USUAL_NAMES.into_iter().chain(BETTER_AUTH_TABLES).chain(named);
        Query::new("user tables", TABLES, vec![SqlParam::from_texts(names)])
    }

    /// `named` is the table that the settings name.
    pub(super) fn from_rows(rows: &[Row], named: Option<&str>) -> Result<Self, DbError> {
        let tables: Vec<Table> = rows.iter().map(Table::from_row).collect::<Result<_, _>>()?;
        Ok(Self::in_tables(&tables, named))
    }

    fn in_tables(tables: &[Table], named: Option<&str>) -> Self {
        if let Some(named) = named {
            let Some(table) = tables.iter().find(|table| table.name == named) else {
                return Self::Unusable(format!("there is no table {named} in the search path"));
            };
            return match table.as_users() {
                Some(users) => Self::Own(Box::new(users)),
                None => Self::Elsewhere,
            };
        }
        let usual = tables.iter().filter(|table| USUAL_NAMES.contains(&table.name.as_str()));
        let mut own: Vec<UserTable> = usual.filter_map(Table::as_users).collect();
        let of_better_auth = tables.iter().filter(|table| table.has_passwords_of_better_auth());
        let others: Vec<String> = of_better_auth.map(|table| table.qualified_name.clone()).collect();
        match (own.len(), others.len()) {
            (0, _) => Self::Elsewhere,
            (1, 0) => Self::Own(Box::new(own.remove(0))),
            _ => Self::Ambiguous(own.into_iter().map(|users| users.name).chain(others).collect()),
        }
    }
}

impl Table {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let names: Vec<String> = row.get(2)?;
        let mut quoted: Vec<String> = row.get(3)?;
        let mut types: Vec<String> = row.get(4)?;
        let mut categories: Vec<String> = row.get(5)?;
        let (max_lengths, need_values): (Vec<Option<i32>>, Vec<bool>) = (row.get(6)?, row.get(7)?);
        let columns = names.into_iter().zip(quoted.drain(..)).zip(types.drain(..)).zip(categories.drain(..));
        let columns = columns.zip(max_lengths).zip(need_values);
        let columns = columns.map(|(((((name, quoted), type_name), category), max_length), needs_value)| Column {
            name,
            quoted,
            type_name,
            category,
            max_length,
            needs_value,
        });
        Ok(Self { name: row.get(0)?, qualified_name: row.get(1)?, columns: columns.collect() })
    }

    /// The column of this name, whatever its case: `created_at`, `createdAt`.
    fn column(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| normalized(&column.name) == normalized(name)))
    }

    fn time(&self, name: &str) -> Option<Column> {
        self.column(name).filter(|column| column.type_name.starts_with("timestamp")).cloned()
    }

    fn has_passwords_of_better_auth(&self) -> bool {
        BETTER_AUTH_TABLES.contains(&self.name.as_str())
            && self.column("providerId").is_some()
            && self.column("password").is_some()
    }

    /// `None` if it has no users with passwords.
    fn as_users(&self) -> Option<UserTable> {
        let hash = HASH_COLUMNS.iter().find_map(|name| self.column(name)).filter(|column| column.is_text())?;
        let text = |name| self.column(name).filter(|column| column.is_text()).cloned();
        let mut users = UserTable {
            name: self.qualified_name.clone(),
            id: self.column("id")?.clone(),
            email: text("email")?,
            hash: hash.clone(),
            is_active: self.column("is_active").filter(|column| column.category == "B").cloned(),
            created_at: self.time("created_at"),
            updated_at: self.time("updated_at"),
            names: ["name", "full_name", "username"].map(text),
            sign_up_problem: None,
        };
        users.sign_up_problem = self.sign_up_problem(&users);
        Some(users)
    }

    /// A column that needs a value that a sign-up does not have.
    fn sign_up_problem(&self, users: &UserTable) -> Option<String> {
        let known = [&users.email, &users.hash].into_iter();
        let known = known.chain(&users.is_active).chain(&users.created_at).chain(&users.updated_at);
        let known: Vec<&Column> = known.chain(users.names.iter().flatten()).collect();
        let is_made = |column: &&Column| *column == &users.id && users.id.new_id().is_some();
        let problem =
            self.columns.iter().find(|column| column.needs_value && !known.contains(column) && !is_made(column));
        problem.map(|column| format!("the column {} of {} needs a value", column.quoted, self.qualified_name))
    }
}

impl Column {
    fn is_text(&self) -> bool {
        self.category == "S"
    }

    /// The expression for a new id, where the column has no default.
    pub(super) fn new_id(&self) -> Option<&'static str> {
        let is_text = self.is_text();
        match self.max_length {
            _ if self.type_name == "uuid" => Some("gen_random_uuid()"),
            None | Some(36..) if is_text => Some("gen_random_uuid()::text"),
            Some(32..) if is_text => Some("replace(gen_random_uuid()::text, '-', '')"),
            _ => None,
        }
    }
}

fn normalized(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: &[(&str, &str, &str, bool)]) -> Table {
        let columns = columns.iter().map(|&(name, type_name, category, needs_value)| Column {
            name: name.to_owned(),
            quoted: name.to_owned(),
            type_name: type_name.to_owned(),
            category: category.to_owned(),
            max_length: None,
            needs_value,
        });
        Table { name: name.to_owned(), qualified_name: format!("public.{name}"), columns: columns.collect() }
    }

    const ID: (&str, &str, &str, bool) = ("id", "uuid", "U", true);
    const EMAIL: (&str, &str, &str, bool) = ("email", "text", "S", true);
    const PASSWORD: (&str, &str, &str, bool) = ("password", "text", "S", true);
    const HASH: (&str, &str, &str, bool) = ("hashed_password", "text", "S", true);
    const PROVIDER: (&str, &str, &str, bool) = ("providerId", "text", "S", true);

    fn found(tables: &[Table], named: Option<&str>) -> String {
        match Users::in_tables(tables, named) {
            Users::Own(users) => format!("{}.{}", users.name, users.hash.name),
            Users::Elsewhere => "elsewhere".to_owned(),
            Users::Ambiguous(tables) => tables.join(" or "),
            Users::Unusable(problem) => problem,
        }
    }

    #[test]
    fn the_table_is_found_by_its_columns() {
        let users = || table("users", &[ID, EMAIL, PASSWORD, HASH]);
        let user = || table("user", &[ID, EMAIL]);
        let account = || table("account", &[ID, PROVIDER, PASSWORD]);
        assert_eq!(found(&[users()], None), "public.users.hashed_password");
        assert_eq!(found(&[user(), users()], None), "public.users.hashed_password");
        assert_eq!(found(&[user(), account()], None), "elsewhere");
        assert_eq!(found(&[], None), "elsewhere");
        assert_eq!(found(&[account(), users()], None), "public.users or public.account");
        assert_eq!(found(&[account(), users()], Some("users")), "public.users.hashed_password");
        assert_eq!(found(&[account(), user(), users()], Some("user")), "elsewhere");
        assert_eq!(found(&[table("user", &[ID, EMAIL, HASH]), users()], None), "public.user or public.users");
        assert_eq!(found(&[users()], Some("members")), "there is no table members in the search path");
    }

    #[test]
    fn a_column_without_a_value_turns_sign_up_off() {
        let problem = |more: (&str, &str, &str, bool)| match Users::in_tables(
            &[table("users", &[ID, EMAIL, HASH, more])],
            None,
        ) {
            Users::Own(users) => users.sign_up_problem,
            other => unreachable!("{other:?}"),
        };
        for known in [
            ("isActive", "boolean", "B", true),
            ("created_at", "timestamp without time zone", "D", true),
            ("full_name", "character varying", "S", true),
            ("phone", "text", "S", false),
        ] {
            assert_eq!(problem(known), None, "{known:?}");
        }
        for unknown in [("phone", "text", "S", true), ("is_superuser", "boolean", "B", true)] {
            let sentence = format!("the column {} of public.users needs a value", unknown.0);
            assert_eq!(problem(unknown), Some(sentence));
        }
        let with_integers = table("users", &[("id", "integer", "N", true), EMAIL, HASH]);
        let Users::Own(users) = Users::in_tables(&[with_integers], None) else { unreachable!("it has users") };
        assert_eq!(users.sign_up_problem.as_deref(), Some("the column id of public.users needs a value"));
    }
}
