//! Parameters of statements.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

/// A parameter in text format, or NULL. PostgreSQL parses it as the type that it infers for the parameter.
#[derive(Debug, Clone)]
pub(crate) struct SqlParam<'a>(Option<Cow<'a, str>>);

impl<'a> SqlParam<'a> {
    pub(crate) const NULL: Self = Self(None);

    pub(crate) fn from_str(text: &'a str) -> Self {
        Self(Some(Cow::Borrowed(text)))
    }

    /// A value whose `Display` is a literal that PostgreSQL accepts: a number, a boolean, a time, an id.
    #[expect(clippy::needless_pass_by_value, reason = "it is passed to `map`")]
    pub(crate) fn from_display(value: impl ToString) -> Self {
        Self(Some(Cow::Owned(value.to_string())))
    }

    /// An array literal of texts: `{"7","a \"b\""}`.
    pub(crate) fn from_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::from_elements(texts.into_iter().map(|text| quoted(text.as_ref())))
    }

    /// An array literal of texts and nulls: `{"7",NULL}`.
    pub(crate) fn from_optional_texts(texts: &[Option<String>]) -> Self {
        Self::from_elements(texts.iter().map(|text| text.as_deref().map_or_else(|| "NULL".to_owned(), quoted)))
    }

    fn from_elements(elements: impl Iterator<Item = String>) -> Self {
        let elements: Vec<String> = elements.collect();
        Self::from_display(format_args!("{{{}}}", elements.join(",")))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

impl ToSql for SqlParam<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_an_array_are_quoted() {
        let array = |texts: &[&str]| SqlParam::from_texts(texts).0.map(Cow::into_owned);
        assert_eq!(array(&["7", "8"]).as_deref(), Some(r#"{"7","8"}"#));
        assert_eq!(array(&[r#"a "b" \ c"#, "{,}"]).as_deref(), Some(r#"{"a \"b\" \\ c","{,}"}"#));
        assert_eq!(array(&[]).as_deref(), Some("{}"));
    }
}
