//! A queue of Amazon SQS: what waits in it is taken, put, and removed.
//!
//! What is taken is hidden from others for a time and comes back, unless it is removed.

use super::{Keys, endpoint, json::Service};
use crate::http::{self, Route};
use collect_core::sink::DeliveryError;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use url::Url;

/// As many messages as one request holds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const BATCH: usize = 10;

/// As many bytes as the messages of one request may have.
const BATCH_BYTES: usize = 256 << 10;

/// How long the service may take, besides what it is asked to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ten messages of a megabyte each, which JSON may write in twice as many.
const ANSWER: usize = 20 << 20;

/// The protocol
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>).
const JSON: &str = "application/x-amz-json-1.0";

/// A queue, and the keys to it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The URL that names the queue.
    address: String,
    region: String,
    /// Where it is asked: the root of the service.
    url: Url,
    keys: Keys,
    client: reqwest::Client,
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueMessage {
    /// What the queue calls it.
    pub id: String,
    /// What it says.
    pub body: String,
    /// What stands beside it.
    attributes: Value,
    /// What it takes to remove it.
    receipt: String,
}

/// How many messages a queue holds, as far as it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// They can be taken.
    pub ready: u64,
    /// Somebody has taken them, and they come back unless they are removed.
    pub taken: u64,
}

impl QueueMessage {
    /// One to be put into a queue.
    pub fn new(body: String) -> Self {
        Self { id: String::new(), body, attributes: Value::Null, receipt: String::new() }
    }
}

impl Queue {
    /// Why no queue can be called so, if that is plain.
    pub fn objection(address: &str) -> Option<String> {
        parsed(address).err()
    }

    /// The queue at a URL, asked by these keys at the endpoint that the environment says or in its own
    /// region; where the URL says none, it is in `region`.
    ///
    /// # Errors
    ///
    /// Says why it cannot be asked.
    pub fn open(
        address: &str,
        region: &str,
        keys: Keys,
        route: &Route,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let own = parsed(address)?;
        let region = region_of(&own).unwrap_or(region).to_owned();
        let mut url = match endpoint("sqs", env) {
            Some(given) => {
                given.parse().map_err(|_| format!("`{}` is no URL", http::visible(&given)))?
            }
            None => own,
        };
        url.set_path("/");
        if let Some(why) = http::objection(&url) {
            return Err(format!("the queue's endpoint is not safe: {why}"));
        }
        let client = route.client(&url).map_err(|error| error.to_string())?;
        Ok(Self { address: address.to_owned(), region, url, keys, client })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }

    /// How many messages wait.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused.
    pub async fn waiting(&self) -> Result<Waiting, DeliveryError> {
        const READY: &str = "ApproximateNumberOfMessages";
        const TAKEN: &str = "ApproximateNumberOfMessagesNotVisible";
        let wanted = json!({ "AttributeNames": [READY, TAKEN] });
        let answer = self.ask("GetQueueAttributes", wanted).await?;
        // Numbers are texts there.
        let number = |name: &str| answer["Attributes"][name].as_str()?.parse().ok();
        match (number(READY), number(TAKEN)) {
            (Some(ready), Some(taken)) => Ok(Waiting { ready, taken }),
            _ => Err(self.odd()),
        }
    }

    /// Takes up to ten messages, hidden from others for `hidden`; waits so long for the first one.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused.
    pub async fn take(
        &self,
        hidden: Duration,
        wait: Duration,
    ) -> Result<Vec<QueueMessage>, DeliveryError> {
        let wanted = json!({
            "MaxNumberOfMessages": BATCH,
            "VisibilityTimeout": hidden.as_secs(),
            "WaitTimeSeconds": wait.as_secs(),
            "MessageAttributeNames": ["All"],
        });
        let answer = self.ask("ReceiveMessage", wanted).await?;
        let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        let message = |message: &Value| {
            let text = |name: &str| message[name].as_str().map(str::to_owned);
            Some(QueueMessage {
                id: text("MessageId")?,
                body: text("Body")?,
                attributes: message["MessageAttributes"].clone(),
                receipt: text("ReceiptHandle")?,
            })
        };
        messages.iter().map(|one| message(one).ok_or_else(|| self.odd())).collect()
    }

    /// Puts messages; for each what the queue calls it, or why it was not taken.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused; some messages may have been put.
    pub async fn put(
        &self,
        messages: &[QueueMessage],
    ) -> Result<Vec<Result<String, String>>, DeliveryError> {
        let mut put = Vec::new();
        for some in batches(messages) {
            let entries = some.iter().map(|message| {
                let mut entry = json!({ "MessageBody": message.body });
                if message.attributes.is_object() {
                    entry["MessageAttributes"] = message.attributes.clone();
                }
                entry
            });
            let done = self.batch("SendMessageBatch", entries.collect()).await?;
            put.extend(done.into_iter().map(|one| {
                one.map(|done| done["MessageId"].as_str().unwrap_or_default().to_owned())
            }));
        }
        Ok(put)
    }

    /// Removes messages that were taken; for each, why it was not removed.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused; some messages may have been removed.
    pub async fn remove(
        &self,
        messages: &[QueueMessage],
    ) -> Result<Vec<Result<(), String>>, DeliveryError> {
        let mut removed = Vec::new();
        for some in messages.chunks(BATCH) {
            let entries = some.iter().map(|message| json!({ "ReceiptHandle": message.receipt }));
            let done = self.batch("DeleteMessageBatch", entries.collect()).await?;
            removed.extend(done.into_iter().map(|one| one.map(drop)));
        }
        Ok(removed)
    }

    /// Asks for an operation on several messages; what came of each, in their order.
    async fn batch(
        &self,
        operation: &'static str,
        mut entries: Vec<Value>,
    ) -> Result<Vec<Result<Value, String>>, DeliveryError> {
        for (number, entry) in entries.iter_mut().enumerate() {
            entry["Id"] = number.to_string().into();
        }
        let count = entries.len();
        let answer = self.ask(operation, json!({ "Entries": entries })).await?;
        let list = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice);
        let by_id = |name: &str| -> BTreeMap<String, Value> {
            let id = |entry: &Value| entry["Id"].as_str().unwrap_or_default().to_owned();
            list(name).iter().map(|entry| (id(entry), entry.clone())).collect()
        };
        let (mut done, failed) = (by_id("Successful"), by_id("Failed"));
        let came = (0..count).map(|number| {
            let id = number.to_string();
            done.remove(&id).ok_or_else(|| match failed.get(&id) {
                Some(why) => {
                    let text = |name: &str| why[name].as_str().unwrap_or_default();
                    http::visible(&format!("{} {}", text("Code"), text("Message")))
                }
                None => "the queue does not say what became of it".to_owned(),
            })
        });
        Ok(came.collect())
    }

    async fn ask(&self, operation: &'static str, mut body: Value) -> Result<Value, DeliveryError> {
        body["QueueUrl"] = self.address.as_str().into();
        let service = Service {
            name: "sqs",
            region: &self.region,
            url: &self.url,
            client: &self.client,
            keys: &self.keys,
            content_type: JSON,
            patience: PATIENCE,
            answer: ANSWER,
        };
        let (target, right) = match operation {
            "GetQueueAttributes" => ("AmazonSQS.GetQueueAttributes", "sqs:GetQueueAttributes"),
            "ReceiveMessage" => ("AmazonSQS.ReceiveMessage", "sqs:ReceiveMessage"),
            "SendMessageBatch" => ("AmazonSQS.SendMessageBatch", "sqs:SendMessage"),
            _ => ("AmazonSQS.DeleteMessageBatch", "sqs:DeleteMessage"),
        };
        let help = format!(
            "the keys need `{right}` on the queue `{}`, which must be there, in `{}`",
            self.name(),
            self.region
        );
        let text = service.ask(target, &body, &help).await?;
        // What there is nothing to say about may be no text at all.
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| self.odd())
    }

    fn odd(&self) -> DeliveryError {
        let reason = format!("`{}` does not answer like Amazon SQS", http::host(&self.url));
        let help = "correct the queue's address, or `AWS_ENDPOINT_URL_SQS`";
        DeliveryError::Refused { reason, help: Some(help.into()) }
    }
}

/// Messages in as few requests as hold them.
fn batches(messages: &[QueueMessage]) -> Vec<&[QueueMessage]> {
    let (mut batches, mut rest) = (Vec::new(), messages);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |message: &&QueueMessage| {
            bytes += message.body.len() + message.attributes.to_string().len();
            bytes <= BATCH_BYTES
        };
        // One that is too large alone is for the service to refuse.
        let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count);
        batches.push(batch);
        rest = others;
    }
    batches
}

/// The address of a queue: `https://HOST/ACCOUNT/NAME`.
fn parsed(address: &str) -> Result<Url, String> {
    let no_queue = || format!("`{}` is no address of a queue", http::visible(address));
    let url: Url = address.parse().map_err(|_| no_queue())?;
    let mut parts = url.path_segments().ok_or_else(no_queue)?;
    let named = (parts.next(), parts.next(), parts.next());
    if !matches!(named, (Some(account), Some(name), None) if !account.is_empty() && !name.is_empty())
    {
        return Err(no_queue());
    }
    match http::objection(&url) {
        Some(why) => Err(format!("the queue's address is not safe: {why}")),
        None => Ok(url),
    }
}

/// The region that a queue's address says.
fn region_of(url: &Url) -> Option<&str> {
    let mut parts = url.host_str()?.split('.').skip_while(|part| !part.starts_with("sqs"));
    parts.next()?;
    let region = parts.next()?;
    parts.any(|part| part == "amazonaws").then_some(region)
}

#[cfg(test)]
mod tests;
