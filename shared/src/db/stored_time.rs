//! Times as they are stored.

use std::error::Error;
use std::fmt;

use tokio_postgres::types::{FromSql, Type};

/// A time exactly as the database stores it: microseconds since the year 2000, also of years that RFC 3339 does not have,
/// and infinity. `Display` is a literal for a column with or without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredTime(pub(crate) i64);

/// The SQL expression of a time as microseconds since the Unix epoch, for JSON. A time without a zone means UTC. Infinity is the
/// largest number.
macro_rules! microseconds {
    ($time:literal) => {
        concat!(
            "case when isfinite(",
            $time,
            ") then (pg_catalog.extract('epoch', ",
            $time,
            ") * 1000000)::bigint when ",
            $time,
            " > '2000-01-01' then 9223372036854775807 when ",
            $time,
            " < '2000-01-01' then -9223372036854775808 end"
        )
    };
}

pub(crate) use microseconds;

/// The Julian day on which the year 2000 begins.
const JULIAN_EPOCH: i64 = 2_451_545;
const DAY: i64 = 86_400_000_000;

/// `J2451545 12:00:00.123456Z`. PostgreSQL reads a Julian day whatever its `DateStyle` is, and it has one for each day.
impl fmt::Display for StoredTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            i64::MAX => formatter.write_str("infinity"),
            i64::MIN => formatter.write_str("-infinity"),
            time => {
                let (day, time) = (time.div_euclid(DAY) + JULIAN_EPOCH, time.rem_euclid(DAY));
                let (seconds, microseconds) = (time / 1_000_000, time % 1_000_000);
                let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                write!(formatter, "J{day} {hour:02}:{minute:02}:{second:02}.{microseconds:06}Z")
            }
        }
    }
}

impl<'a> FromSql<'a> for StoredTime {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_literal() {
        for (microseconds, literal) in [
            (0, "J2451545 00:00:00.000000Z"),
            (1, "J2451545 00:00:00.000001Z"),
            (-1, "J2451544 23:59:59.999999Z"),
            (45_296_000_007, "J2451545 12:34:56.000007Z"),
            // The first and the last time of PostgreSQL.
            (-211_813_488_000_000_000, "J0 00:00:00.000000Z"),
            (9_223_371_331_199_999_999, "J109203527 23:59:59.999999Z"),
            (i64::MAX, "infinity"),
            (i64::MIN, "-infinity"),
        ] {
            assert_eq!(StoredTime(microseconds).to_string(), literal);
        }
    }
}
