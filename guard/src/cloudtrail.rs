//! Data events of CloudTrail: files with a JSON object, whose `Records` are the events.
//!
//! The fields are those of "CloudTrail record contents" in the CloudTrail user guide. CloudTrail does
//! not record the Referer, so the rules that look at it see nothing in these events.

use crate::event::{Event, Referer, Verb};
use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{cell::Cell, fmt, io, io::Read, net::IpAddr, rc::Rc};

/// A record larger than this is none: CloudTrail writes at most 256 KB.
const LARGEST: u64 = 1024 * 1024;

/// Reads a file, one record at a time; memory does not depend on the number of records. What is
/// wrong with a record is given as a text, and the next one is read.
///
/// # Errors
///
/// The file is not JSON from some place on; the records before it were given.
pub fn read(
    reader: impl Read,
    mut each: impl FnMut(Result<Event<'_>, &str>),
) -> Result<(), serde_json::Error> {
    let left = Rc::new(Cell::new(LARGEST));
    let reader = io::BufReader::new(Rationed { inner: reader, left: Rc::clone(&left) });
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut each = |record: &Value| {
        left.set(LARGEST);
        match event(record) {
            Ok(Some(event)) => each(Ok(event)),
            Ok(None) => {}
            Err(why) => each(Err(why)),
        }
    };
    json.deserialize_map(File(&mut each))?;
    json.end()
}

/// A reader that gives no more than what is left until somebody allows more.
struct Rationed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other("a record is larger than 1 MiB")),
        }
        Ok(read)
    }
}

struct File<'f, F>(&'f mut F);

impl<'de, F: FnMut(&Value)> Visitor<'de> for File<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `Records`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "Records" {
                map.next_value_seed(Records(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Records<'f, F>(&'f mut F);

impl<'de, F: FnMut(&Value)> DeserializeSeed<'de> for Records<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&Value)> Visitor<'de> for Records<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Value>()? {
            (self.0)(&record);
        }
        Ok(())
    }
}

/// What the rules look at; nothing if the record is of no request to S3 from an address.
fn event(record: &Value) -> Result<Option<Event<'_>>, &'static str> {
    let text = |value: &'_ Value| -> Option<String> { value.as_str().map(str::to_owned) };
    if !record.is_object() {
        return Err("the record is no object");
    }
    if record["eventSource"].as_str().is_some_and(|source| source != "s3.amazonaws.com") {
        return Ok(None);
    }
    let time = record["eventTime"].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let time = time.ok_or("the record has no `eventTime`")?.as_second();
    let name = record["eventName"].as_str().ok_or("the record has no `eventName`")?;
    // A service of AWS stands there with its name.
    let source = text(&record["sourceIPAddress"]).ok_or("the record has no `sourceIPAddress`")?;
    let Ok(address) = source.parse::<IpAddr>() else { return Ok(None) };
    let verb = Verb::of_cloudtrail(name);
    let status = match record["errorCode"].as_str() {
        None => 200,
        Some("AccessDenied") => 403,
        Some(_) => 400,
    };
    let identity = &record["userIdentity"];
    let signer = identity["arn"].as_str().or_else(|| {
        identity["accountId"].as_str().filter(|account| *account != "ANONYMOUS_PRINCIPAL")
    });
    let more = &record["additionalEventData"];
    let signed_in_header =
        signer.is_some() && more["AuthenticationMethod"].as_str() == Some("AuthHeader");
    let bytes = more["bytesTransferredIn"].as_f64().unwrap_or_default().max(0.0);
    Ok(Some(Event {
        time,
        address,
        bucket: record["requestParameters"]["bucketName"].as_str().map(str::as_bytes),
        id: record["requestID"].as_str().map(str::as_bytes),
        verb,
        status,
        #[expect(clippy::cast_sign_loss, reason = "it is not below 0")]
        uploaded: if verb == Verb::Create && status == 200 { bytes as u64 } else { 0 },
        referer: Referer::Unrecorded,
        agent: record["userAgent"].as_str().map(unbracketed).map(str::as_bytes),
        signer: signer.map(str::as_bytes),
        signed_in_header,
    }))
}

/// The header stands in brackets in events of S3.
fn unbracketed(agent: &str) -> &str {
    agent.strip_prefix('[').and_then(|agent| agent.strip_suffix(']')).unwrap_or(agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"AWSAccount","principalId":"",
        "accountId":"ANONYMOUS_PRINCIPAL"},"eventTime":"2026-11-23T10:42:00Z",
        "eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"eu-central-1",
        "sourceIPAddress":"192.0.2.7","userAgent":"[made-up-token]",
        "requestParameters":{"bucketName":"reports","key":"reports/a.age"},"responseElements":null,
        "additionalEventData":{"bytesTransferredIn":5000.0,"bytesTransferredOut":0},
        "requestID":"3E57427F3EXAMPLE","eventID":"x","readOnly":false}"#;

    fn seen(file: &str) -> (Vec<String>, bool) {
        let mut seen = Vec::new();
        let read = read(file.as_bytes(), |record| {
            seen.push(match record {
                Ok(event) => {
                    format!(
                        "{:?} {} {} {}",
                        event.verb, event.address, event.status, event.uploaded
                    )
                }
                Err(why) => why.to_owned(),
            });
        });
        (seen, read.is_ok())
    }

    #[test]
    fn an_event_has_what_the_rules_look_at() {
        let mut found = 0;
        read(format!("{{\"Records\":[{RECORD}]}}").as_bytes(), |record| {
            let event = record.unwrap();
            assert_eq!(event.agent, Some(&b"made-up-token"[..]));
            assert_eq!(event.id, Some(&b"3E57427F3EXAMPLE"[..]));
            assert_eq!(event.referer, Referer::Unrecorded);
            assert_eq!((event.signer, event.signed_in_header), (None, false));
            assert_eq!((event.uploaded, event.time), (5000, 1_795_430_520));
            found += 1;
        })
        .unwrap();
        assert_eq!(found, 1);
    }

    #[test]
    fn a_bad_record_costs_only_itself_and_a_torn_file_its_rest() {
        let denied = RECORD.replace("\"readOnly\"", "\"errorCode\":\"AccessDenied\",\"readOnly\"");
        let service = RECORD.replace("192.0.2.7", "lambda.amazonaws.com");
        let file = format!("{{\"x\":1,\"Records\":[{RECORD},5,{{}},{service},{denied}]}}");
        let expected = [
            "Create 192.0.2.7 200 5000",
            "the record is no object",
            "the record has no `eventTime`",
            "Create 192.0.2.7 403 0",
        ];
        assert_eq!(seen(&file), (expected.map(str::to_owned).to_vec(), true));
        let torn = &file[..file.len() - 10];
        assert_eq!(seen(torn), (expected[..3].iter().map(ToString::to_string).collect(), false));
    }

    #[test]
    fn memory_does_not_depend_on_the_file() {
        let huge = format!("{{\"Records\":[{RECORD},{{\"x\":\"{}\"}}]}}", "y".repeat(3 << 20));
        assert_eq!(seen(&huge), (vec!["Create 192.0.2.7 200 5000".to_owned()], false));
        let many = format!("{{\"Records\":[{}{RECORD}]}}", format!("{RECORD},").repeat(3000));
        assert_eq!(seen(&many).0.len(), 3001);
    }
}
