//! Sync tokens: what a client has seen of the changes, in a text that only this module reads.
//!
//! The text is base64url of `1 <epoch> <since>`, or of `1 <epoch> <since> <page> <position>` between two pages. A moment is
//! `<time>|<snapshot>`, and `-` stands for none. A token is not signed: whatever it says, it is about rows of the caller.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::snapshot::{Snapshot, parse_number};

/// What a client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyncToken {
    /// The period in which transaction numbers can be compared: a UUID.
    pub(super) epoch: String,
    pub(super) progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything that had ended at this moment.
    Until(Moment),
    /// Some pages of what has changed.
    Within(Pages, Position),
}

/// Pages that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pages {
    /// What the client had seen before. `None`: nothing, and it gets all tasks.
    pub(super) since: Option<Moment>,
    /// When the first page was read. What has changed later is not in these pages.
    pub(super) until: Moment,
}

/// A moment of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// Microseconds since the Unix epoch, by the clock of the database, and not later than the snapshot.
    pub(super) time: i64,
    pub(super) snapshot: Snapshot,
}

/// The last change that the client has got, in the order of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// A task that was deleted in this transaction.
    Deleted(u64, String),
    /// A task that was stored in this transaction.
    Stored(u64, String),
    /// A task of which no transaction is known.
    StoredEarlier(String),
}

/// Longer tokens are refused unread. The limit of API Gateway for a request line with all headers is 10 KB.
const TOKEN_MAX_BYTES: usize = 8 * 1024;
/// The longest key that an index of PostgreSQL has.
const TASK_ID_MAX_BYTES: usize = 2704;
const FORMAT: &str = "1";

impl SyncToken {
    /// Reads [`SyncToken::encode`]. `None` for any other text.
    pub(super) fn decode(token: &str) -> Option<Self> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        // An id can contain spaces.
        let mut parts = text.splitn(5, ' ');
        let (format, epoch, since) = (parts.next()?, parts.next()?, parts.next()?);
        if format != FORMAT || !is_uuid(epoch) {
            return None;
        }
        let since = if since == "-" { None } else { Some(Moment::parse(since)?) };
        let progress = match parts.next() {
            None => Progress::Until(since?),
            Some(until) => {
                let position = Position::parse(parts.next()?)?;
                // Each list of changes has positions of its own.
                let is_possible = match position {
                    Position::Deleted(..) => since.is_some(),
                    Position::Stored(..) => true,
                    Position::StoredEarlier(_) => since.is_none(),
                };
                let until = Moment::parse(until).filter(|_| is_possible)?;
                Progress::Within(Pages { since, until }, position)
            }
        };
        Some(Self { epoch: epoch.to_owned(), progress })
    }

    pub(super) fn encode(&self) -> String {
        let text = match &self.progress {
            Progress::Until(moment) => format!("{FORMAT} {} {}", self.epoch, moment.format()),
            Progress::Within(Pages { since, until }, position) => {
                let since = since.as_ref().map_or_else(|| "-".to_owned(), Moment::format);
                format!("{FORMAT} {} {since} {} {}", self.epoch, until.format(), position.format())
            }
        };
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    /// The moments that it names.
    pub(super) fn moments(&self) -> impl Iterator<Item = &Moment> {
        let (first, second) = match &self.progress {
            Progress::Until(moment) => (Some(moment), None),
            Progress::Within(Pages { since, until }, _) => (since.as_ref(), Some(until)),
        };
        first.into_iter().chain(second)
    }
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let (time, snapshot) = text.split_once('|')?;
        Some(Self { time: parse_number(time)?.try_into().ok()?, snapshot: Snapshot::from_compact(snapshot)? })
    }

    fn format(&self) -> String {
        format!("{}|{}", self.time, self.snapshot.to_compact())
    }
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let numbered = |rest: &str| {
            let (transaction, id) = rest.split_once(':')?;
            Some((parse_number(transaction)?, parse_id(id)?))
        };
        match kind {
            "deleted" => numbered(rest).map(|(transaction, id)| Self::Deleted(transaction, id)),
            "stored" => numbered(rest).map(|(transaction, id)| Self::Stored(transaction, id)),
            "earlier" => parse_id(rest).map(Self::StoredEarlier),
            _ => None,
        }
    }

    fn format(&self) -> String {
        match self {
            Self::Deleted(transaction, id) => format!("deleted:{transaction}:{id}"),
            Self::Stored(transaction, id) => format!("stored:{transaction}:{id}"),
            Self::StoredEarlier(id) => format!("earlier:{id}"),
        }
    }
}

/// Any text that PostgreSQL can hold: another back end may store ids that no path can have.
fn parse_id(text: &str) -> Option<String> {
    (text.len() <= TASK_ID_MAX_BYTES && !text.contains('\0')).then(|| text.to_owned())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f";

    fn encode(text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    fn good_texts() -> Vec<String> {
        let (since, until) = ("1795747909233112|10:10:0,4,1", "1795747909233113|12:8:");
        let long_id = "x".repeat(TASK_ID_MAX_BYTES);
        vec![
            format!("1 {EPOCH} {since}"),
            format!("1 {EPOCH} {since} {until} deleted:12:42"),
            format!("1 {EPOCH} {since} {until} stored:12:{EPOCH}"),
            format!("1 {EPOCH} - {until} stored:12:a b: ä|"),
            format!("1 {EPOCH} - {until} earlier:{long_id}"),
            format!("1 {EPOCH} - {until} earlier:"),
        ]
    }

    #[test]
    fn tokens_are_read_back() {
        for text in good_texts() {
            let token = SyncToken::decode(&encode(&text)).expect(&text);
            assert_eq!(token.encode(), encode(&text), "{text}");
        }
    }

    #[test]
    fn other_tokens_are_refused() {
        let (moment, id) = ("1|10:10:0", "x".repeat(TASK_ID_MAX_BYTES + 1));
        for text in [
            String::new(),
            format!("2 {EPOCH} {moment}"),
            format!("1 {EPOCH}"),
            format!("1 {EPOCH} -"),
            format!("1 {EPOCH} {moment} "),
            format!("1 {EPOCH} {moment} {moment}"),
            format!("1 {EPOCH} {moment} - stored:1:1"),
            format!("1 {EPOCH} {moment} {moment} earlier:1"),
            format!("1 {EPOCH} - {moment} deleted:1:1"),
            format!("1 {EPOCH} - {moment} stored:-1:1"),
            format!("1 {EPOCH} - {moment} stored:1"),
            format!("1 {EPOCH} - {moment} stored:1:a\0"),
            format!("1 {EPOCH} - {moment} earlier:{id}"),
            format!("1 {EPOCH} - {moment} updated:1:1"),
            format!("1 {EPOCH} 10:10:0"),
            format!("1 {EPOCH} 9223372036854775808|10:10:0"),
            format!("1 {EPOCH} -1|10:10:0"),
            format!("1 {EPOCH} 1|10:10:10"),
            format!("1 {} {moment}", &EPOCH[1..]),
            format!("1 {} {moment}", EPOCH.replace('f', "g")),
        ] {
            assert_eq!(SyncToken::decode(&encode(&text)), None, "{text}");
        }
        let good = encode(&good_texts()[0]);
        let long = format!("1 {EPOCH} 1|10:{}:0{}", 10_000, ",1".repeat(7000));
        let encoded_bytes = BASE64_URL_SAFE_NO_PAD.encode(b"1 \xff");
        for token in [&format!("{good}="), &format!(" {good}"), &good[1..], &encode(&long), &encoded_bytes, "ä", "+/"]
        {
            assert_eq!(SyncToken::decode(token), None, "{token}");
        }
    }

    /// Texts that differ from a good one in a few bytes are refused, or read back as what they say.
    #[test]
    fn damaged_tokens_are_refused_or_read_back() {
        let mut random = fastrand::Rng::with_seed(14);
        let mut read = 0;
        for _ in 0..50_000 {
            let texts = good_texts();
            let mut bytes = texts[random.usize(..texts.len() - 2)].clone().into_bytes();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = *random.choice(b"0123456789:|,- abcdef\0\xff").expect("a byte"),
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, bytes[random.usize(..bytes.len())]),
                }
            }
            let Some(token) = SyncToken::decode(&BASE64_URL_SAFE_NO_PAD.encode(&bytes)) else { continue };
            assert_eq!(SyncToken::decode(&token.encode()), Some(token));
            read += 1;
        }
        assert!(read > 1000, "{read}");
    }
}
