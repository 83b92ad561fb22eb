//! Documents that are the same for every client, such as pages.

/// A document in one content coding.
#[derive(Debug)]
pub struct Document {
    /// With the character set, if it is text.
    pub content_type: &'static str,
    /// `Content-Encoding`. The client must accept it.
    pub content_encoding: Option<&'static str>,
    /// Strong, in quotes. Each content coding has one of its own (RFC 9110, section 8.8.3.3).
    pub etag: String,
    /// `Cache-Control`
    pub cache_control: &'static str,
    /// `Content-Security-Policy` of a page.
    pub policy: Option<&'static str>,
    /// In the content coding.
    pub body: Vec<u8>,
}
