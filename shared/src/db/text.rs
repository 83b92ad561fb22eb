//! Values on their way to and from PostgreSQL, by the type of the column and not by ours.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type};

use crate::task::{TaskId, Timestamp};

/// A parameter in text format, or NULL. PostgreSQL reads it as the type that its place in the statement has.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    pub(crate) const NULL: Self = Self(None);

    /// A text that is at hand.
    pub(crate) fn of(text: &'a str) -> Self {
        Self(Some(Cow::Borrowed(text)))
    }

    /// Anything that prints as PostgreSQL reads it: numbers, booleans, [`Timestamp`], [`TaskId`].
    #[expect(clippy::needless_pass_by_value, reason = "so that it can be handed to `map`")]
    pub(crate) fn print(value: impl ToString) -> Self {
        Self(Some(Cow::Owned(value.to_string())))
    }
}

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

impl<'a> FromSql<'a> for TaskId {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT2 => i16::from_sql(ty, raw).map(|number| Self::Number(number.into())),
            Type::INT4 => i32::from_sql(ty, raw).map(|number| Self::Number(number.into())),
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Number),
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

/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl<'a> FromSql<'a> for Timestamp {
    /// With a zone and without are the same eight bytes; without one it is UTC.
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
    fn an_id_is_a_number_or_a_text_by_its_column() {
        let id = |ty, raw: &[u8]| TaskId::from_sql(&ty, raw).map_err(|error| error.to_string());
        assert_eq!(id(Type::INT4, &[0, 0, 0, 42]), Ok(TaskId::Number(42)));
        assert_eq!(id(Type::INT8, &[0, 0, 0, 1, 0, 0, 0, 0]), Ok(TaskId::Number(1 << 32)));
        let uuid = 0xf3a1_c9e0_5c9b_4b0e_9d5a_0a1b_2c3d_4e5f_u128.to_be_bytes();
        assert_eq!(id(Type::UUID, &uuid), Ok(TaskId::Text("f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f".into())));
        assert_eq!(id(Type::VARCHAR, b"task-1"), Ok(TaskId::Text("task-1".into())));
        assert!(id(Type::UUID, b"short").is_err());
    }

    #[test]
    fn a_time_is_read_alike_with_and_without_a_zone() {
        for ty in [Type::TIMESTAMP, Type::TIMESTAMPTZ] {
            let time = |microseconds: i64| Timestamp::from_sql(&ty, &microseconds.to_be_bytes()).expect("eight bytes");
            assert_eq!(time(0).to_string(), "2000-01-01T00:00:00.000000Z");
            assert_eq!(time(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
            assert_eq!(time(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
        }
    }
}
