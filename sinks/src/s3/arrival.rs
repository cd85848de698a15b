//! What tells that an object was stored: a notification of S3, or an event of `EventBridge`.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::IpAddr;
use url::form_urlencoded;

/// An object that was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Where it is.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: Option<u64>,
    /// What happened; `ObjectCreated:…` or `Object Created`.
    pub what: String,
    /// When.
    pub at: Option<Timestamp>,
    /// What orders the events of one key: a number in hexadecimal digits.
    pub sequencer: String,
    /// The request that stored it.
    pub request: Option<String>,
    /// The address that it came from.
    pub source: Option<IpAddr>,
}

impl Arrival {
    /// What S3 says of an object that was stored in one piece.
    pub const PUT: &str = "ObjectCreated:Put";

    /// The objects that a message of S3 or `EventBridge` tells of; none that S3 tries out its
    /// notification with.
    ///
    /// # Errors
    ///
    /// Says why it is no such message.
    pub fn all_of(message: &Value) -> Result<Vec<Self>, &'static str> {
        if message["Event"] == "s3:TestEvent" {
            return Ok(Vec::new());
        }
        if message["source"] == "aws.s3" {
            return Ok(vec![of_event_bridge(message).ok_or("it names no object")?]);
        }
        let records = message["Records"].as_array().ok_or("it is no notification of S3")?;
        let arrivals: Option<Vec<_>> = records.iter().map(of_notification).collect();
        arrivals.ok_or("it names no object")
    }

    /// What S3 would say of it, as far as that is known
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
    pub fn notification(&self) -> Value {
        let key: Vec<_> = self.key.split('/').map(form).collect();
        let mut record = json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": self.what,
            "eventTime": self.at.map(|at| format!("{at:.3}")),
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": { "name": self.bucket },
                "object": { "key": key.join("/"), "size": self.size },
            },
        });
        if let Some(request) = &self.request {
            record["responseElements"] = json!({ "x-amz-request-id": request });
        }
        if let Some(source) = &self.source {
            record["requestParameters"] = json!({ "sourceIPAddress": source });
        }
        if !self.sequencer.is_empty() {
            record["s3"]["object"]["sequencer"] = self.sequencer.as_str().into();
        }
        json!({ "Records": [record] })
    }

    /// By what those that were stored one after the other are sorted.
    pub fn order(&self) -> (Option<Timestamp>, usize, &str) {
        // Of two numbers in digits the longer one is greater, but for zeros before it.
        let digits = self.sequencer.trim_start_matches('0');
        (self.at, digits.len(), digits)
    }

    /// Whether it was stored, and not deleted, tagged or anything else.
    pub fn is_created(&self) -> bool {
        self.what.starts_with("ObjectCreated:") || self.what == "Object Created"
    }
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>: the
/// key is written as in forms.
fn of_notification(record: &Value) -> Option<Arrival> {
    let (stored, object) = (&record["s3"], &record["s3"]["object"]);
    let key = format!("key={}", object["key"].as_str()?);
    let key = form_urlencoded::parse(key.as_bytes()).next()?.1.into_owned();
    Some(Arrival {
        bucket: text(&stored["bucket"]["name"])?,
        key,
        size: object["size"].as_u64(),
        what: text(&record["eventName"]).map(|name| name.trim_start_matches("s3:").to_owned())?,
        at: time(&record["eventTime"]),
        sequencer: text(&object["sequencer"]).unwrap_or_default(),
        request: text(&record["responseElements"]["x-amz-request-id"])
            .or_else(|| text(&object["sequencer"]))
            .or_else(|| text(&object["versionId"])),
        source: address(&record["requestParameters"]["sourceIPAddress"]),
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>: the key stands there as it
/// is.
fn of_event_bridge(event: &Value) -> Option<Arrival> {
    let (detail, object) = (&event["detail"], &event["detail"]["object"]);
    Some(Arrival {
        bucket: text(&detail["bucket"]["name"])?,
        key: text(&object["key"])?,
        size: object["size"].as_u64(),
        what: text(&event["detail-type"])?,
        at: time(&event["time"]),
        sequencer: text(&object["sequencer"]).unwrap_or_default(),
        request: text(&detail["request-id"])
            .or_else(|| text(&object["sequencer"]))
            .or_else(|| text(&object["version-id"])),
        source: address(&detail["source-ip-address"]),
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_that_was_made_is_read_as_it_was_meant() {
        let all = Arrival {
            bucket: "bug-reports".into(),
            key: "reports/host one+é/2026/a%20b.age".into(),
            size: Some(5),
            what: Arrival::PUT.into(),
            at: "2026-11-23T10:42:05.123Z".parse().ok(),
            sequencer: "0A".into(),
            request: Some("R7A".into()),
            source: "192.0.2.7".parse().ok(),
        };
        let least = Arrival {
            bucket: "bug-reports".into(),
            key: "reports/a.age".into(),
            what: Arrival::PUT.into(),
            ..Arrival::default()
        };
        for arrival in [all, least] {
            let said = arrival.notification();
            assert_eq!(Arrival::all_of(&said), Ok(vec![arrival.clone()]), "{said}");
            assert!(arrival.is_created());
        }
    }

    #[test]
    fn a_notification_looks_like_those_of_s3() {
        let arrival = Arrival {
            bucket: "bug-reports".into(),
            key: "reports/shop/2026/11/23/a b.age".into(),
            size: Some(5),
            what: Arrival::PUT.into(),
            at: "2026-11-23T10:42:05Z".parse().ok(),
            ..Arrival::default()
        };
        let record = &arrival.notification()["Records"][0];
        assert_eq!(record["eventTime"], "2026-11-23T10:42:05.000Z");
        assert_eq!(record["s3"]["object"]["key"], "reports/shop/2026/11/23/a+b.age");
        assert_eq!(record["eventSource"], "aws:s3");
    }
}
