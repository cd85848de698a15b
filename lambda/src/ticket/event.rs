//! What starts a run: an event of S3, as S3 itself, SQS or `EventBridge` hands it over.

use collect_sinks::s3::Arrival;
use serde_json::Value;

/// All that one event tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// What came, one by one; what did not come through a queue is one message.
    pub(super) messages: Vec<Message>,
    /// Whether a queue wants to know which of them failed.
    pub(super) is_queue: bool,
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// What the queue calls it.
    pub(super) id: String,
    /// The objects that it tells of; or why it can never be worked on.
    pub(super) objects: Result<Vec<Arrival>, &'static str>,
}

impl Batch {
    /// Reads an event.
    pub(super) fn of(event: &Value) -> Self {
        let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
        let is_queue = records.iter().any(|record| record["eventSource"] == "aws:sqs");
        if !is_queue {
            let message = Message { id: String::new(), objects: Arrival::all_of(event) };
            return Self { messages: vec![message], is_queue };
        }
        let messages = records.iter().map(|record| {
            let body = record["body"].as_str().unwrap_or_default();
            let body = serde_json::from_str::<Value>(body);
            Message {
                id: text(&record["messageId"]).unwrap_or_default(),
                objects: body.map_err(|_| "it is no JSON").and_then(|body| Arrival::all_of(&body)),
            }
        });
        Self { messages: messages.collect(), is_queue }
    }

    /// The objects in the order in which they were stored, each with the place of its message.
    pub(super) fn in_order(&self) -> Vec<(usize, &Arrival)> {
        let messages = self.messages.iter().enumerate();
        let mut all: Vec<_> = messages
            .flat_map(|(place, message)| {
                message.objects.iter().flatten().map(move |object| (place, object))
            })
            .collect();
        all.sort_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
        all
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notification(key: &str, at: &str, sequencer: &str) -> Value {
        json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "eventTime": at,
            "requestParameters": { "sourceIPAddress": "192.0.2.7" },
            "responseElements": { "x-amz-request-id": "R7A" },
            "s3": {
                "bucket": { "name": "bug-reports" },
                "object": { "key": key, "size": 5, "sequencer": sequencer },
            },
        }]})
    }

    fn queue(bodies: &[Value]) -> Value {
        let records = bodies.iter().enumerate().map(|(number, body)| {
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            json!({ "eventSource": "aws:sqs", "messageId": format!("m-{number}"), "body": body })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }

    #[test]
    fn a_notification_names_its_object_whoever_hands_it_over() {
        let at = "2026-11-23T10:42:05.123Z";
        let direct = notification("reports/host+one%2B%C3%A9.age", at, "0A");
        let bridge = json!({
            "source": "aws.s3", "detail-type": "Object Created", "time": at,
            "detail": {
                "bucket": { "name": "bug-reports" },
                "object": { "key": "reports/host one+é.age", "size": 5, "sequencer": "0A" },
                "request-id": "R7A", "source-ip-address": "192.0.2.7", "reason": "PutObject",
            },
        });
        let expected = Arrival {
            bucket: "bug-reports".into(),
            key: "reports/host one+é.age".into(),
            size: Some(5),
            what: "ObjectCreated:Put".into(),
            at: at.parse().ok(),
            sequencer: "0A".into(),
            request: Some("R7A".into()),
            source: "192.0.2.7".parse().ok(),
        };
        for event in [direct.clone(), queue(&[direct])] {
            let batch = Batch::of(&event);
            assert_eq!(batch.messages[0].objects.as_deref(), Ok(&[expected.clone()][..]));
        }
        let expected = Arrival { what: "Object Created".into(), ..expected };
        for event in [bridge.clone(), queue(&[bridge])] {
            let batch = Batch::of(&event);
            assert_eq!(batch.messages[0].objects.as_deref(), Ok(&[expected.clone()][..]));
            assert!(expected.is_created());
        }
    }

    #[test]
    fn what_the_desk_tells_the_queue_of_is_an_object_that_was_stored() {
        let arrival = Arrival {
            bucket: "bug-reports".into(),
            key: "reports/shop/2026/11/23/a b.age".into(),
            size: Some(5),
            what: Arrival::PUT.into(),
            at: "2026-11-23T10:42:05Z".parse().ok(),
            ..Arrival::default()
        };
        let batch = Batch::of(&queue(&[arrival.notification()]));
        assert_eq!(batch.messages[0].objects.as_deref(), Ok(&[arrival][..]));
        assert!(batch.in_order()[0].1.is_created());
    }

    #[test]
    fn what_can_never_be_worked_on_costs_only_its_own_message() {
        let right = notification("reports/a.age", "2026-11-23T10:42:05Z", "0A");
        let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" });
        let batch = Batch::of(&queue(&[json!("{ torn"), test, right, json!({ "Records": [{}] })]));
        let objects = batch.messages.iter().map(|message| {
            message.objects.as_ref().map_or_else(|why| (*why).to_owned(), |o| o.len().to_string())
        });
        let objects: Vec<_> = objects.collect();
        assert_eq!(objects, ["it is no JSON", "0", "1", "it names no object"]);
        assert!(batch.is_queue);
        assert!(Batch::of(&json!({ "torn": 1 })).messages[0].objects.is_err());
    }

    #[test]
    fn objects_are_in_the_order_in_which_they_were_stored() {
        let event = queue(&[
            notification("c", "2026-11-23T10:42:07Z", "01"),
            notification("b", "2026-11-23T10:42:05Z", "0100"),
            notification("a", "2026-11-23T10:42:05Z", "00FF"),
        ]);
        let batch = Batch::of(&event);
        let keys: Vec<_> = batch.in_order().iter().map(|(_, object)| object.key.clone()).collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }
}
