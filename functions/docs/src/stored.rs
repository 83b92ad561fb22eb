//! A document that does not change while the function lives.
//!
//! It is kept compressed, because nearly every client accepts that, and is decompressed for those that do not.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use shared::{ApiError, Document, Request, Response, response};
use xxhash_rust::xxh3::xxh3_64;

/// A document, compressed with gzip.
#[derive(Debug)]
pub(crate) struct Stored {
    content_type: &'static str,
    gzip: Cow<'static, [u8]>,
    /// A strong validator needs no more than that: the documents are ours.
    hash: u64,
    /// `Content-Security-Policy`
    policy: Option<&'static str>,
}

impl Stored {
    /// What is compressed already.
    pub(crate) fn from_gzip(content_type: &'static str, gzip: &'static [u8]) -> Self {
        Self { content_type, gzip: Cow::Borrowed(gzip), hash: xxh3_64(gzip), policy: None }
    }

    pub(crate) fn from_text(content_type: &'static str, text: &str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expect("a vector takes all bytes");
        let gzip = encoder.finish().expect("a vector takes all bytes");
        Self { content_type, gzip: Cow::Owned(gzip), hash: xxh3_64(text.as_bytes()), policy: None }
    }

    pub(crate) fn with_policy(self, policy: &'static str) -> Self {
        Self { policy: Some(policy), ..self }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The response with the document, in a coding that the client accepts.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if it cannot be decompressed.
    pub(crate) fn response(&self, request: &Request, cache_control: &'static str) -> Result<Response, ApiError> {
        let Self { content_type, gzip, hash, policy } = self;
        let (content_encoding, etag, body) = if accepts_gzip(request.header("accept-encoding").unwrap_or_default()) {
            (Some("gzip"), format!("\"{hash:016x}-gzip\""), gzip.to_vec())
        } else {
            let mut body = Vec::new();
            GzDecoder::new(&**gzip).read_to_end(&mut body).map_err(|error| ApiError::Internal(error.into()))?;
            (None, format!("\"{hash:016x}\""), body)
        };
        let document = Document { content_type, content_encoding, etag, cache_control, policy: *policy, body };
        Ok(response::document(document))
    }
}

/// Whether `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3). Without the header any coding is allowed, but clients
/// that do not send it usually understand none.
fn accepts_gzip(accept_encoding: &str) -> bool {
    let weight = |wanted: &[&str]| {
        accept_encoding.split(',').find_map(|item| {
            let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
            let is_wanted = wanted.iter().any(|name| coding.trim().eq_ignore_ascii_case(name));
            let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok());
            is_wanted.then(|| weight.unwrap_or(0.0))
        })
    };
    weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).is_some_and(|weight: f32| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_needs_the_consent_of_the_client() {
        for accepted in ["gzip", "br, gzip;q=0.5", "GZIP", "x-gzip", "*", "deflate, *;q=0.1", "gzip ; q=1"] {
            assert!(accepts_gzip(accepted), "{accepted}");
        }
        for refused in ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "gzipped", "gzip;q=x"] {
            assert!(!accepts_gzip(refused), "{refused}");
        }
    }
}
