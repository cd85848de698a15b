use super::*;
use crate::testing::{Reply, Server, json as reply};

const ADDRESS: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/desk-ticket";

fn queue(replies: impl IntoIterator<Item = Reply>) -> (Queue, Server) {
    let server = Server::start(replies);
    let given = format!("http://{}", server.address);
    let env = |name: &str| (name == "AWS_ENDPOINT_URL_SQS").then(|| given.clone());
    (Queue::open(ADDRESS, "elsewhere-1", keys(), &Route::default(), &env).unwrap(), server)
}

fn keys() -> Keys {
    Keys::read(&|name| (name != "AWS_SESSION_TOKEN").then(|| format!("made-up-{name}"))).unwrap()
}

fn asked(server: &Server, number: usize) -> (String, Value) {
    let seen = &server.seen()[number];
    let target = seen.headers["x-amz-target"].clone();
    (target, serde_json::from_slice(&seen.body).unwrap())
}

#[test]
fn a_queue_is_in_the_region_of_its_address() {
    let region = |address: &str| region_of(&address.parse().unwrap()).map(str::to_owned);
    assert_eq!(region(ADDRESS).as_deref(), Some("eu-central-1"));
    for (host, is) in [
        ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
        ("sqs-fips.us-east-1.amazonaws.com", Some("us-east-1")),
        ("vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
        ("localhost:4566", None),
        ("sqs.example.com", None),
    ] {
        assert_eq!(region(&format!("https://{host}/1/q")).as_deref(), is, "{host}");
    }
    for wrong in ["", "desk-ticket", "https://sqs.example.com/q", "http://example.com/1/q"] {
        assert!(Queue::objection(wrong).is_some(), "{wrong}");
    }
    assert_eq!(Queue::objection(ADDRESS), None);
}

#[test]
fn what_waits_is_counted() {
    let attributes = json!({ "Attributes": {
        "ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "1",
    }});
    let (queue, server) = queue([reply(200, &attributes)]);
    let waiting = http::run(queue.waiting()).unwrap().unwrap();
    assert_eq!(waiting, Waiting { ready: 3, taken: 1 });
    let (target, body) = asked(&server, 0);
    assert_eq!(target, "AmazonSQS.GetQueueAttributes");
    assert_eq!(body["QueueUrl"], ADDRESS);
    let seen = server.seen().remove(0);
    assert_eq!(seen.headers["content-type"], JSON);
    assert!(seen.headers["authorization"].contains("/eu-central-1/sqs/aws4_request"));
}

#[test]
fn a_message_is_put_back_with_what_stood_beside_it_and_then_removed() {
    let attributes = json!({ "a": { "DataType": "String", "StringValue": "1" } });
    let taken = json!({ "Messages": [
        { "MessageId": "m-1", "ReceiptHandle": "r-1", "Body": "{}", "MD5OfBody": "x",
          "MessageAttributes": attributes },
        { "MessageId": "m-2", "ReceiptHandle": "r-2", "Body": "[]" },
    ]});
    let put = json!({
        "Successful": [{ "Id": "1", "MessageId": "m-4" }],
        "Failed": [{ "Id": "0", "Code": "InternalError", "Message": "no", "SenderFault": false }],
    });
    let removed = json!({ "Successful": [{ "Id": "0" }] });
    let (queue, server) = queue([reply(200, &taken), reply(200, &put), reply(200, &removed)]);
    let came = http::run(async {
        let messages = queue.take(Duration::from_secs(30), Duration::from_secs(2)).await?;
        let put = queue.put(&messages).await?;
        let removed = queue.remove(&messages[1..]).await?;
        Ok::<_, DeliveryError>((put, removed))
    });
    let (put, removed) = came.unwrap().unwrap();
    assert_eq!(put, [Err("InternalError no".to_owned()), Ok("m-4".to_owned())]);
    assert_eq!(removed, [Ok(())]);
    let (target, body) = asked(&server, 0);
    assert_eq!(
        (target.as_str(), &body["VisibilityTimeout"]),
        ("AmazonSQS.ReceiveMessage", &json!(30))
    );
    let (target, body) = asked(&server, 1);
    assert_eq!(target, "AmazonSQS.SendMessageBatch");
    assert_eq!(
        body["Entries"],
        json!([
            { "Id": "0", "MessageBody": "{}", "MessageAttributes": attributes },
            { "Id": "1", "MessageBody": "[]" },
        ])
    );
    let (target, body) = asked(&server, 2);
    assert_eq!(target, "AmazonSQS.DeleteMessageBatch");
    assert_eq!(body["Entries"], json!([{ "Id": "0", "ReceiptHandle": "r-2" }]));
}

#[test]
fn an_empty_queue_gives_nothing_however_it_says_so() {
    for empty in [json!({}), json!({ "Messages": [] })] {
        let (queue, _server) = queue([reply(200, &empty)]);
        let taken = http::run(queue.take(Duration::ZERO, Duration::ZERO)).unwrap().unwrap();
        assert_eq!(taken, []);
    }
}

#[test]
fn a_message_is_taken_for_put_only_if_the_queue_says_so() {
    let (queue, _server) = queue([reply(200, &json!({}))]);
    let message = QueueMessage::new("{}".into());
    let put = http::run(queue.put(&[message])).unwrap().unwrap();
    assert!(matches!(&put[..], [Err(why)] if why.contains("does not say")), "{put:?}");
}

#[test]
fn a_refusal_names_the_right_or_what_is_wrong_with_the_keys() {
    for (kind, expected) in [
        ("AccessDeniedException", "`sqs:ReceiveMessage` on the queue `desk-ticket`"),
        ("com.amazonaws.sqs#QueueDoesNotExist", "must be there, in `eu-central-1`"),
        ("InvalidClientTokenId", "`AWS_ACCESS_KEY_ID` is not known"),
        ("com.amazon.coral.service#ExpiredTokenException", "have expired"),
    ] {
        let (queue, _server) = queue([reply(400, &json!({ "__type": kind }))]);
        let error = http::run(queue.take(Duration::ZERO, Duration::ZERO)).unwrap().unwrap_err();
        let DeliveryError::Refused { reason, help: Some(help) } = error else { panic!("{error}") };
        assert!(reason.contains(kind.rsplit('#').next().unwrap()), "{reason}");
        assert!(help.contains(expected), "{kind}: {help}");
    }
}

#[test]
fn a_queue_that_is_busy_is_asked_again() {
    let (queue, server) = queue([
        reply(503, &json!({ "__type": "ServiceUnavailable" })),
        reply(400, &json!({ "__type": "ThrottlingException" })),
        reply(200, &json!({ "Messages": [] })),
    ]);
    http::run(queue.take(Duration::ZERO, Duration::ZERO)).unwrap().unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn no_request_holds_more_than_the_service_takes() {
    let sizes = |bodies: &[usize]| {
        let messages: Vec<_> =
            bodies.iter().map(|size| QueueMessage::new("x".repeat(*size))).collect();
        batches(&messages).iter().map(|batch| batch.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&[1; 23]), [10, 10, 3]);
    assert_eq!(sizes(&[100 << 10, 100 << 10, 100 << 10, 300 << 10, 1]), [2, 1, 1, 1]);
    assert_eq!(sizes(&[]), [0; 0]);
}
