//! Readers of single settings.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::error::StartError;

/// Returns the value of an environment variable, if it is set.
pub(super) type Lookup<'a> = &'a dyn Fn(&'static str) -> Option<String>;

/// A text that is never printed.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// A number in a range, or the default.
pub(super) fn number<N>(
    lookup: Lookup<'_>,
    name: &'static str,
    default: N,
    allowed: RangeInclusive<N>,
) -> Result<N, StartError>
where
    N: FromStr + PartialOrd + fmt::Display,
{
    let Some(text) = lookup(name) else { return Ok(default) };
    text.trim().parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        StartError::invalid(name, format!("must be a number from {} to {}", allowed.start(), allowed.end()))
    })
}

/// Whether a setting has the second of its two values; the first is the default.
pub(super) fn is_second(
    lookup: Lookup<'_>,
    name: &'static str,
    [first, second]: [&str; 2],
) -> Result<bool, StartError> {
    match lookup(name) {
        None => Ok(false),
        Some(value) if value.trim() == first => Ok(false),
        Some(value) if value.trim() == second => Ok(true),
        Some(_) => Err(StartError::invalid(name, format!("must be {first} or {second}"))),
    }
}

/// The items of a comma list; none if the setting is absent.
pub(super) fn comma_list(lookup: Lookup<'_>, name: &'static str) -> Vec<String> {
    let items = lookup(name).unwrap_or_default();
    items.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
