//! Lines of S3 server access logs.
//!
//! The format is that of "Amazon S3 server access log format" in the S3 user guide: fields with a
//! space between them, of which the time stands in brackets and what the client wrote (request line,
//! Referer, User-Agent) in quotation marks. Nothing is escaped, so that a quotation mark in one of
//! them has to be told from the one that ends it:
//!
//! - A request line has no spaces but its own two, so the mark before the status ends it, and at most
//!   one mark with a space behind it comes before that.
//! - The User-Agent ends with the last mark of the line, because no field behind it is quoted.
//! - The Referer ends at the first `" "`. A client may send one with that in it, and then its rest is
//!   taken for the beginning of the User-Agent: no client comes to a token in this way that it has
//!   not sent as it is.

use crate::{
    event::{Event, Referer, Verb},
    time,
};
use memchr::{memchr, memmem, memrchr};
use std::net::IpAddr;

/// A field; none where the log has `-`.
pub type Field<'a> = Option<&'a [u8]>;

/// One line, not copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// The canonical user id of the bucket's owner.
    pub bucket_owner: Field<'a>,
    /// The bucket.
    pub bucket: Field<'a>,
    /// When the request came, as written: `06/Feb/2019:00:00:38 +0000`.
    pub time: &'a [u8],
    /// The address that it came from.
    pub remote_ip: Field<'a>,
    /// Who signed it: a canonical user id, or an ARN; none if nobody did.
    pub requester: Field<'a>,
    /// The id of the request, of which there are no two.
    pub request_id: Field<'a>,
    /// `REST.PUT.OBJECT` and the like.
    pub operation: Field<'a>,
    /// The key, URL-encoded.
    pub key: Field<'a>,
    /// The request line.
    pub request_uri: Field<'a>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The error code of the answer, such as `AccessDenied`.
    pub error_code: Field<'a>,
    /// How many bytes the answer had.
    pub bytes_sent: Field<'a>,
    /// How large the object is.
    pub object_size: Field<'a>,
    /// How many milliseconds the request took.
    pub total_time: Field<'a>,
    /// How many milliseconds S3 took for it.
    pub turn_around_time: Field<'a>,
    /// The header `Referer`.
    pub referer: Field<'a>,
    /// The header `User-Agent`.
    pub user_agent: Field<'a>,
    /// What stands behind it; [`Line::tail`] takes it apart.
    rest: &'a [u8],
}

/// The fields that were added over the years; none where a line is older.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail<'a> {
    /// The version of the object.
    pub version_id: Field<'a>,
    /// The extended request id.
    pub host_id: Field<'a>,
    /// `SigV2` or `SigV4`.
    pub signature_version: Field<'a>,
    /// The cipher of TLS; none for plain HTTP.
    pub cipher_suite: Field<'a>,
    /// `AuthHeader`, or `QueryString` for presigned requests.
    pub authentication_type: Field<'a>,
    /// The endpoint that was asked.
    pub host_header: Field<'a>,
    /// The version of TLS.
    pub tls_version: Field<'a>,
    /// The access point.
    pub access_point_arn: Field<'a>,
    /// `Yes` if an access control list was needed.
    pub acl_required: Field<'a>,
    /// The region that the request came from.
    pub source_region: Field<'a>,
}

/// A line that is none of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line has no {0} where it should be")]
pub struct Malformed(pub &'static str);

/// Takes fields from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Up to the next space.
    fn word(&mut self, name: &'static str) -> Result<Field<'a>, Malformed> {
        let end = memchr(b' ', self.0).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        if word.is_empty() {
            return Err(Malformed(name));
        }
        self.0 = rest.get(1..).unwrap_or_default();
        Ok(present(word))
    }

    /// What stands in brackets.
    fn time(&mut self) -> Result<&'a [u8], Malformed> {
        let wrong = Malformed("time");
        let inner = self.0.strip_prefix(b"[").ok_or(wrong)?;
        let end = memchr(b']', inner).ok_or(wrong)?;
        self.0 = inner[end + 1..].strip_prefix(b" ").ok_or(wrong)?;
        Ok(&inner[..end])
    }

    /// The request line.
    fn request(&mut self) -> Result<Field<'a>, Malformed> {
        let Some(inner) = self.0.strip_prefix(b"\"") else {
            return self.word("request");
        };
        let is_status = |rest: &[u8]| match rest {
            [b'-', b' ', ..] => true,
            [a, b, c, b' ', ..] => [a, b, c].into_iter().all(u8::is_ascii_digit),
            _ => false,
        };
        // What was asked for may end in a mark, too.
        let mut ends = memmem::find_iter(inner, b"\" ").take(2);
        let end = ends.find(|end| is_status(&inner[end + 2..]));
        let end = end.ok_or(Malformed("status behind the request"))?;
        self.0 = &inner[end + 2..];
        Ok(present(&inner[..end]))
    }

    /// Referer and User-Agent, which are the last that have quotation marks.
    fn headers(&mut self) -> Result<(Field<'a>, Field<'a>), Malformed> {
        let Some(inner) = self.0.strip_prefix(b"\"") else {
            let referer = self.word("Referer")?;
            return Ok((referer, self.last_quoted("User-Agent")?));
        };
        if let Some(end) = memmem::find(inner, b"\" \"") {
            self.0 = &inner[end + 2..];
            return Ok((present(&inner[..end]), self.last_quoted("User-Agent")?));
        }
        let referer = self.last_quoted("Referer")?;
        Ok((referer, self.word("User-Agent")?))
    }

    /// From here to the last quotation mark that ends a field, or a word.
    fn last_quoted(&mut self, name: &'static str) -> Result<Field<'a>, Malformed> {
        let Some(inner) = self.0.strip_prefix(b"\"") else {
            return self.word(name);
        };
        let mut end = inner.len();
        loop {
            end = memrchr(b'"', &inner[..end]).ok_or(Malformed(name))?;
            match &inner[end + 1..] {
                [] => self.0 = &[],
                [b' ', rest @ ..] => self.0 = rest,
                _ => continue,
            }
            return Ok(present(&inner[..end]));
        }
    }
}

fn present(field: &[u8]) -> Field<'_> {
    (field != b"-").then_some(field)
}

impl<'a> Line<'a> {
    /// Takes a line apart, without the line break.
    pub fn parse(line: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(line.strip_suffix(b"\r").unwrap_or(line));
        let mut parsed = Self {
            bucket_owner: fields.word("bucket owner")?,
            bucket: fields.word("bucket")?,
            time: fields.time()?,
            remote_ip: fields.word("address")?,
            requester: fields.word("requester")?,
            request_id: fields.word("request id")?,
            operation: fields.word("operation")?,
            key: fields.word("key")?,
            request_uri: fields.request()?,
            status: None,
            ..Self::default()
        };
        parsed.status = match fields.word("status")? {
            None => None,
            Some([a, b, c]) if [a, b, c].into_iter().all(u8::is_ascii_digit) => {
                Some([a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
            }
            Some(_) => return Err(Malformed("status")),
        };
        parsed.error_code = fields.word("error code")?;
        parsed.bytes_sent = fields.word("bytes sent")?;
        parsed.object_size = fields.word("object size")?;
        parsed.total_time = fields.word("total time")?;
        parsed.turn_around_time = fields.word("turn-around time")?;
        (parsed.referer, parsed.user_agent) = fields.headers()?;
        parsed.rest = fields.0;
        Ok(parsed)
    }

    /// The fields behind the User-Agent. What may be added to the format is not looked at.
    pub fn tail(&self) -> Tail<'a> {
        let mut words = self.rest.split(|byte| *byte == b' ').map(present);
        let mut next = || words.next().flatten().filter(|word| !word.is_empty());
        Tail {
            version_id: next(),
            host_id: next(),
            signature_version: next(),
            cipher_suite: next(),
            authentication_type: next(),
            host_header: next(),
            tls_version: next(),
            access_point_arn: next(),
            acl_required: next(),
            source_region: next(),
        }
    }

    /// What the rules look at; nothing if the line is of no request, such as those that tell of the
    /// expiry of an object.
    pub fn event(&self) -> Result<Option<Event<'a>>, Malformed> {
        let time = time::of_access_log(self.time).ok_or(Malformed("time"))?;
        let (Some(address), Some(status)) = (self.remote_ip, self.status) else {
            return Ok(None);
        };
        let address: Option<IpAddr> =
            std::str::from_utf8(address).ok().and_then(|text| text.parse().ok());
        let address = address.ok_or(Malformed("address"))?;
        let verb = Verb::of_operation(self.operation.unwrap_or_default());
        let signed_in_header = self.requester.is_some()
            && self.tail().authentication_type.is_some_and(|kind| kind == b"AuthHeader");
        let uploaded = match verb {
            Verb::Create if (200..300).contains(&status) => number(self.object_size),
            _ => 0,
        };
        Ok(Some(Event {
            time,
            address,
            bucket: self.bucket,
            id: self.request_id,
            verb,
            status,
            uploaded,
            referer: self.referer.map_or(Referer::Absent, Referer::Sent),
            agent: self.user_agent,
            signer: self.requester,
            signed_in_header,
        }))
    }
}

fn number(field: Field<'_>) -> u64 {
    let text = field.and_then(|field| std::str::from_utf8(field).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
