//! Rows of results, decoded by the type of the column.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use tokio_postgres::types::{FromSql, Type};

use super::error::DbError;
use crate::time::Timestamp;

/// A row of a result.
#[derive(Debug)]
pub(crate) struct Row {
    statement: &'static str,
    row: tokio_postgres::Row,
}

/// A Rust type that a column can be decoded into.
pub(crate) trait Decode<'a>: FromSql<'a> {}

impl<'a, T: FromSql<'a>> Decode<'a> for T {}

impl Row {
    pub(super) fn new(statement: &'static str, row: tokio_postgres::Row) -> Self {
        Self { statement, row }
    }

    /// The column at `index`, counted from zero.
    ///
    /// # Errors
    /// There is no such column, or it does not have this type.
    pub(crate) fn get<'a, T: Decode<'a>>(&'a self, index: usize) -> Result<T, DbError> {
        self.row.try_get(index).map_err(|error| DbError::from_decode(self.statement, error))
    }

    /// The text at `index` as what `parse` makes of it.
    ///
    /// # Errors
    /// As [`Row::get`], and if `parse` returns nothing.
    pub(crate) fn parse<T>(&self, index: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, DbError> {
        let text: &str = self.get(index)?;
        parse(text).ok_or_else(|| DbError::from_decode(self.statement, format!("column {index} has another format")))
    }

    /// The last column.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub(crate) fn last<'a, T: Decode<'a>>(&'a self) -> Result<T, DbError> {
        self.get(self.row.len().saturating_sub(1))
    }
}

/// The id of a row. The type of the column decides its form: an integer is a JSON number, uuid and text are JSON strings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum RowId {
    /// From an integer column.
    Number(i64),
    /// From a uuid or text column.
    Text(String),
}

impl fmt::Display for RowId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

impl Serialize for RowId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'a> FromSql<'a> for RowId {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *ty {
            // By its length: behind a pooler that prepares statements again, the type can be that of a narrower column before.
            Type::INT2 | Type::INT4 | Type::INT8 => match raw.len() {
                2 => i16::from_sql(ty, raw).map(|number| Self::Number(number.into())),
                4 => i32::from_sql(ty, raw).map(|number| Self::Number(number.into())),
                _ => i64::from_sql(ty, raw).map(Self::Number),
            },
            Type::UUID => Ok(Self::Text(hyphenated(raw.try_into()?))),
            _ => <&str>::from_sql(ty, raw).map(|text| Self::Text(text.to_owned())),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::UUID | Type::TEXT | Type::VARCHAR | Type::BPCHAR)
    }
}

/// `f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f`
fn hyphenated(uuid: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(uuid));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Microseconds from the Unix epoch to the year 2000, PostgreSQL's epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl<'a> FromSql<'a> for Timestamp {
    /// Columns with and without a time zone have the same eight bytes. Without one the time is UTC.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let microseconds = i64::from_be_bytes(raw.try_into()?);
        Ok(Self::from_microseconds(microseconds.saturating_add(POSTGRES_EPOCH)))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_type_decides_the_form_of_an_id() {
        let id = |ty, raw: &[u8]| RowId::from_sql(&ty, raw).map_err(|error| error.to_string());
        assert_eq!(id(Type::INT4, &[0, 0, 0, 42]), Ok(RowId::Number(42)));
        assert_eq!(id(Type::INT4, &[0, 0, 0, 1, 0, 0, 0, 0]), Ok(RowId::Number(1 << 32)));
        assert_eq!(id(Type::INT8, &[0, 0, 0, 1, 0, 0, 0, 0]), Ok(RowId::Number(1 << 32)));
        let uuid = 0xf3a1_c9e0_5c9b_4b0e_9d5a_0a1b_2c3d_4e5f_u128.to_be_bytes();
        assert_eq!(id(Type::UUID, &uuid), Ok(RowId::Text("f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f".into())));
        assert_eq!(id(Type::VARCHAR, b"task-1"), Ok(RowId::Text("task-1".into())));
        assert!(id(Type::UUID, b"short").is_err());
    }

    #[test]
    fn timestamps_with_and_without_time_zone_are_utc() {
        for ty in [Type::TIMESTAMP, Type::TIMESTAMPTZ] {
            let time = |microseconds: i64| Timestamp::from_sql(&ty, &microseconds.to_be_bytes()).expect("eight bytes");
            assert_eq!(time(0).to_string(), "2000-01-01T00:00:00.000000Z");
            assert_eq!(time(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
            assert_eq!(time(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
        }
    }
}
